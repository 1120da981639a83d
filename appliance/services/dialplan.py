"""The frame of the dialplan: who may dial what, and where each number leads.

The dialplan is a program that does not change with the company's data. Numbers are
looked up in maps, patterns are bounded, and a caller's identity comes from the endpoint
that placed the call, never from what the phone claims.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from appliance.asterisk import names
from appliance.policy.gather import DIRECT_KINDS
from appliance.render.environments import render_asterisk
from appliance.render.fileset import File
from appliance.state.faults import Fault
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.verify.probes import NOT_IN_MAP, Probe

LONGEST_DIALLED = 24
"""Signs that a phone may dial: prefix 2, 00, and 15 digits of E.164, with room to spare."""

MOST_HOPS = 8
"""How often a call may be sent on before it ends; a circle of forwards needs an end."""

ENDINGS = {
    "busy": "busy tone",
    "no-answer": "announcement: does not answer",
    "unavailable": "announcement: nobody is available",
    "unknown": "announcement: number unknown",
    "denied": "announcement: not allowed",
    "hangup": "hang up",
}
"""The ends that a call can be sent to, and their names for people."""


@dataclass(frozen=True, slots=True)
class State:
    """Nothing to choose: the frame follows from the other services."""


def references(_state: State) -> Iterator[Reference]:
    """Yield the ends that a call can always be sent to."""
    for id, label in ENDINGS.items():
        yield Reference("ending", id, label, entry=f"{names.ENDING}-{id},s,1")


def check(_state: State, _references: References) -> Iterator[Fault]:
    """Nothing that could be wrong here alone."""
    yield from ()


def files(_state: State, references: References, _machine: Machine) -> Iterator[File]:
    """Yield extensions.conf and the map from every internal number to its place."""
    claims = {number: claim[0] for number, claim in references.by_number.items() if claim[0].entry}
    lengths = sorted({len(reference.number) for reference in references.all("extension")})
    yield File(
        "etc/asterisk/extensions.conf",
        render_asterisk(
            "dialplan",
            "extensions.conf",
            names=names,
            hint_lengths=lengths,
            dialled_lengths=range(1, LONGEST_DIALLED + 1),
            late_lengths=_LATE_DEVICES,
            late_member_lengths=_LATE_MEMBERS,
            most_hops=MOST_HOPS,
            dtmf_transfer=_dtmf_transfer(references),
        ),
        reload=("dialplan",),
        group="asterisk",
    )
    yield File(
        f"etc/asterisk/{names.NUMBERS_MAP}",
        render_asterisk(
            "dialplan",
            names.NUMBERS_MAP,
            claims=dict(sorted(claims.items())),
            direct_kinds=DIRECT_KINDS,
        ),
        group="asterisk",
    )


_LATE_DEVICES = range(len("1*10*1"), len("120*12345678*8") + 1)
_LATE_MEMBERS = range(len("1*10"), len("120*12345678") + 1)


def _dtmf_transfer(references: References) -> bool:
    setting = references.get("setting", "dtmf_transfer")
    return setting is not None and setting.detail["on"] == str(True)


def probes(_state: State, references: References) -> Iterator[Probe]:
    """Ask that each frame context exists and that each number leads to its place."""
    for context in (names.FROM_PHONE, names.INTERNAL, names.HINTS):
        yield Probe("dialplan", f"dialplan show {context}", (f"Context '{context}' created",))
    for number, claims in references.by_number.items():
        if claims[0].entry:
            yield Probe(
                claims[0].where,
                f"dialplan eval function AST_CONFIG({names.NUMBERS_MAP},{number},entry)",
                (f"Result: {claims[0].entry}",),
                absent=NOT_IN_MAP,
            )
