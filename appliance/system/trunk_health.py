"""Whether the lines to carriers work: their registrations, and whether carriers answer."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from appliance.asterisk import names
from appliance.asterisk.console import Console, ConsoleError
from appliance.services.trunks import QUALIFY_TIMEOUT_S, Trunk
from appliance.system.alarms import Raised

Answers = Literal["up", "down", "unknown"]
Registration = Literal["", "registered", "refused", "trying", "none"]

_ANSWERS: dict[str, Answers] = {"Avail": "up", "Unavail": "down"}
_REGISTRATIONS: dict[str, Registration] = {
    "Registered": "registered",
    "Rejected": "refused",
    "Unregistered": "trying",
    "Stopped": "none",
}
"""Asterisk's words in those of the live hub (`docs/live.md`)."""


@dataclass(frozen=True, slots=True)
class TrunkState:
    """How a trunk is right now.

    `state` is whether the carrier answers when asked, in `round_trip_ms`; `registration` is ""
    for a trunk that does not register, `expires_s` when it registers anew. A trunk that
    Asterisk does not have is not `there`: it is switched off or not applied yet.
    """

    id: str
    there: bool
    state: Answers = "unknown"
    round_trip_ms: float | None = None
    registration: Registration = ""
    expires_s: int | None = None


def states(console: Console, ids: Sequence[str]) -> list[TrunkState]:
    """How the trunks with these ids are. ConsoleError when Asterisk does not answer."""
    commands = [
        f"pjsip show {what} {names.trunk(id)}" for id in ids for what in ("aor", "registration")
    ]
    answers = iter(list(console.ask_all(commands)))
    return [_state(id, next(answers), next(answers)) for id in ids]


def ask_now(console: Console, id: str, within_s: float = QUALIFY_TIMEOUT_S + 1) -> TrunkState:
    """Ask the carrier of a trunk whether it is alive, and tell what became of it.

    Asterisk does not say when the answer is there; two round trips never take the same
    number of microseconds, so another figure is a new answer.
    """
    (before,) = states(console, [id])
    if not before.there:
        return before
    console.ask(f"pjsip qualify {names.trunk(id)}")
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        (now,) = states(console, [id])
        figures = (now.state, now.round_trip_ms)
        if now.state != "unknown" and figures != (before.state, before.round_trip_ms):
            return now
        time.sleep(0.05)
    return states(console, [id])[0]


def _state(id: str, aor: str, registration: str) -> TrunkState:
    """What two answers of the console say of a trunk."""
    name = re.escape(names.trunk(id))
    contact = re.search(rf"^ *Contact: +{name}/\S+ +\S+ +(\w+) +([\d.]+|-?nan)", aor, re.M)
    client = re.search(rf"^ *{name}/\S+ +\S+ +(\w+)\b(?: +\(exp\. +(\d+)s)?", registration, re.M)
    answers = _ANSWERS.get(contact[1], "unknown") if contact else "unknown"
    timed = contact is not None and "nan" not in contact[2]
    return TrunkState(
        id,
        there=contact is not None,
        state=answers,
        round_trip_ms=float(contact[2]) if contact and timed else None,
        registration=_REGISTRATIONS.get(client[1], "none") if client else "",
        expires_s=int(client[2]) if client and client[2] else None,
    )


def down(console: Console, trunks: Iterable[Trunk]) -> list[Raised] | None:
    """An alarm for each enabled trunk that does not work; None when Asterisk cannot be
    asked, which says nothing about the trunks.

    One that has only just begun (trying, unknown) is no fault yet.
    """
    active = [trunk for trunk in trunks if trunk.enabled]
    try:
        found = states(console, [trunk.id for trunk in active])
    except ConsoleError:
        return None
    raised = []
    for trunk, now in zip(active, found, strict=True):
        if trunk.registers and now.registration in ("refused", "none") and now.there:
            raised.append(Raised("trunk-refused", trunk.label))
        elif trunk.qualify_s and now.state == "down":
            raised.append(Raised("trunk-down", trunk.label))
    return raised
