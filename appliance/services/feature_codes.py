"""Codes that people dial or press during a call: one setting for dialplan and phones.

Codes that are dialled are numbers like any other in the map of numbers; codes pressed
during a call stand in Asterisk's features.conf. What phones are served (pickup keys,
voicemail key) is made from the same State.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Annotated

from appliance.asterisk import names
from appliance.render.environments import render_asterisk
from appliance.render.fileset import File
from appliance.state.faults import Fault
from appliance.state.fields import FeatureCode, Pattern
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.verify.probes import Probe

OptionalCode = Annotated[
    str, Pattern(r"|[*#][*#0-9]{1,5}", "a code that begins with * or # and has 2 to 6 signs")
]


@dataclass(frozen=True, slots=True)
class State:
    """The codes.

    `directed_pickup` is followed by the number whose call is taken, `group_pickup` takes
    a call of one's own pickup groups. `own_voicemail` opens the box of the phone that
    dials it, `voicemail` asks for a box and its PIN. `blind_transfer` and
    `attended_transfer` are pressed during a call; empty switches them off, which saves
    Asterisk work on every call. `park` is kept for parking: nothing else may use it.
    """

    directed_pickup: FeatureCode = "**"
    group_pickup: FeatureCode = "*8"
    own_voicemail: FeatureCode = "*97"
    voicemail: FeatureCode = "*98"
    park: FeatureCode = "*68"
    blind_transfer: OptionalCode = "##"
    attended_transfer: OptionalCode = "*2"

    @property
    def dtmf_transfer(self) -> bool:
        """Whether a call can be transferred by pressing a code."""
        return bool(self.blind_transfer or self.attended_transfer)


DIALLED = ("group_pickup", "own_voicemail", "voicemail", "park")
"""Codes that are dialled as they are."""

PRESSED = ("blind_transfer", "attended_transfer")
"""Codes that are pressed during a call; they do not collide with dialled ones."""

LABELS = {
    "directed_pickup": "take the call of a number",
    "group_pickup": "take a call of the group",
    "own_voicemail": "own voicemail",
    "voicemail": "voicemail",
    "park": "park a call",
}

NUMBER_LENGTHS = range(2, 9)


def references(state: State) -> Iterator[Reference]:
    """Yield each code, so that no other object takes it as its number."""
    yield Reference("feature_code", "directed_pickup", LABELS["directed_pickup"],
                    state.directed_pickup)  # fmt: skip
    for name in DIALLED:
        entry = "" if name == "park" else f"{names.FEATURE}-{name.replace('_', '-')},s,1"
        yield Reference("feature_code", name, LABELS[name], getattr(state, name), entry)
    yield Reference("setting", "dtmf_transfer", "", detail={"on": str(state.dtmf_transfer)})


def check(state: State, _references: References) -> Iterator[Fault]:
    """Yield faults of codes that could be taken for one another.

    The same code twice among the dialled ones is found with all other numbers.
    """
    prefix = state.directed_pickup
    for field in fields(state):
        code: str = getattr(state, field.name)
        rest = code.removeprefix(prefix)
        if field.name in DIALLED and code != rest and rest.isdigit() and len(rest) > 1:
            text = "reads like %(prefix)s followed by a number"
            yield Fault(f"feature_codes/{field.name}", text, {"prefix": prefix})
    first, second = state.blind_transfer, state.attended_transfer
    if first and second and (first.startswith(second) or second.startswith(first)):
        yield Fault("feature_codes/attended_transfer", "begins like the other transfer code")


def files(state: State, _references: References, _machine: Machine) -> Iterator[File]:
    """Yield the codes of calls in progress and the dialplan behind the dialled ones."""
    yield File(
        "etc/asterisk/features.conf",
        render_asterisk("feature_codes", "features.conf", codes=state),
        reload=("features",),
        group="asterisk",
    )
    yield File(
        "etc/asterisk/extensions_feature_codes.conf",
        render_asterisk(
            "feature_codes",
            "extensions_feature_codes.conf",
            names=names,
            codes=state,
            number_lengths=NUMBER_LENGTHS,
        ),
        reload=("dialplan",),
        group="asterisk",
    )


def probes(state: State, _references: References) -> Iterator[Probe]:
    """Ask which codes Asterisk obeys during a call, and for the pickup prefix."""
    yield Probe(
        "feature_codes",
        "features show",
        (
            f"Blind Transfer # {state.blind_transfer}",
            f"Attended Transfer {state.attended_transfer}",
        ),
    )
