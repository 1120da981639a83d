"""Who is told by mail when something is wrong with the machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from appliance.render.fileset import File
from appliance.state.faults import Fault
from appliance.state.fields import Between, Language, Pattern
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.verify.probes import Probe

AlarmAddress = Annotated[
    str,
    Pattern(
        r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
        r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
        r"(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+",
        "an e-mail address",
    ),
]


@dataclass(frozen=True, slots=True)
class State:
    """`addresses` get a mail for each alarm, and again every `repeat_after_h` hours until it
    is over or somebody has acknowledged it. With `least` = critical, warnings are only
    shown in the portal."""

    addresses: tuple[AlarmAddress, ...] = ()
    language: Language = "it"
    least: Literal["warning", "critical"] = "warning"
    repeat_after_h: Annotated[int, Between(1, 168, "h")] = 24


def references(_state: State) -> Iterator[Reference]:
    """Nothing that others point at."""
    yield from ()


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield a fault for addresses that nothing can be sent to."""
    if state.addresses and references.get("mail_sender", "mail_sender") is None:
        yield Fault("alarms/addresses", "needs the mail server to be set up first")
    if len(set(state.addresses)) < len(state.addresses):
        yield Fault("alarms/addresses", "must not name an address twice")


def files(_state: State, _references: References, _machine: Machine) -> Iterator[File]:
    """No file: the engine reads the state in force itself."""
    yield from ()


def probes(_state: State, _references: References) -> Iterator[Probe]:
    """Nothing to ask of Asterisk."""
    yield from ()
