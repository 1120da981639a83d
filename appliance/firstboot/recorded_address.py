"""An address from the console, taken into the settings by the engine, or over them without it."""

from __future__ import annotations

from appliance.apply.client import EngineClient, EngineError, EngineUnreachable
from appliance.firstboot import wishes
from appliance.firstboot.answers import Answers
from appliance.services import registry
from appliance.state.machine import Layout
from appliance.system import console_address, network_follow
from appliance.system.console_address import ConsoleAddress

AUTHOR = "console"
"""Who is behind such a revision; the portal tells by it that its draft is behind."""

PROVED_WITHIN_S = 180
CONFIRMED_WITHIN_S = 600
"""Longer than the proof and the read-back: who stands at the machine cannot be cut off, so the
console confirms by itself."""


class NotRecorded(RuntimeError):
    """The engine cannot take the address now."""


def record(layout: Layout, device: str, answers: Answers) -> list[str]:
    """Have the engine put an address in force; returns what is wrong with it, and raises
    NotRecorded when the engine cannot do it."""
    engine = EngineClient(layout.engine_socket)
    try:
        if engine.status()["trial"]:
            engine.undo("an address was set at the console")
        return _applied(engine, device, answers)
    except (EngineUnreachable, EngineError, TimeoutError) as error:
        raise NotRecorded(str(error)) from error


def _applied(engine: EngineClient, device: str, answers: Answers) -> list[str]:
    number = engine.status()["current"]
    state = registry.decode(engine.state(number))
    wanted = wishes.with_address(state["network"], device, answers)
    new = state.replaced(network=wanted)
    if faults := engine.check(new):
        return [fault.message for fault in faults]
    job = engine.apply(
        new, number, AUTHOR, "address of the console", confirm_within_s=CONFIRMED_WITHIN_S
    )
    made = engine.wait(job, PROVED_WITHIN_S)
    if engine.status()["trial"]:
        engine.confirm(made)
    return []


def stand_over(layout: Layout, device: str, answers: Answers) -> None:
    """Let the address stand over the settings, without the engine."""
    held = network_follow.wished(layout)
    changed = wishes.with_address(held, device, answers)
    console_address.give(layout, held, ConsoleAddress(changed.interfaces[0], answers.dns))
