"""Extensions: the internal numbers of people and rooms, and what a call to one does.

Everything that the dialplan must know of a number stands in one map file that it reads
while the call is being set up. So a changed extension reloads nothing, and ten thousand
extensions cost the dialplan as much as ten.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from appliance.asterisk import names
from appliance.policy.gather import ExtensionFacts
from appliance.render.environments import render_asterisk
from appliance.render.fileset import File
from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.fields import (
    Between,
    InternalNumber,
    Language,
    ObjectId,
    OptionalE164,
    OptionalLabel,
)
from appliance.state.machine import Machine
from appliance.state.references import Destination, Reference, References
from appliance.verify.probes import NOT_IN_MAP, Probe

RingTime = Annotated[int, Between(5, 300, "s")]

NUMBER_LENGTHS = range(2, 9)
"""Digits that an internal number may have, as `InternalNumber` says."""


@dataclass(frozen=True, slots=True)
class Extension:
    """A number. `user` is the person it belongs to, empty for a room or a function.

    `label` is shown on phones when there is no person. `ring_time_s` is how long a call
    rings before it counts as not answered. Without `call_waiting` the number is busy as
    soon as one of its devices is in a call. The three destinations say where a call goes
    that finds all devices busy, is not answered in time, or finds no device registered;
    None means the tone or announcement that says so. `class_of_service` says what it may
    dial outside, `presented_number` is the own number that it shows there; empty means
    the one that dials it directly, or the line's.
    """

    id: ObjectId
    number: InternalNumber
    user: ObjectId | None = None
    label: OptionalLabel = ""
    language: Language = "it"
    ring_time_s: RingTime = 25
    call_waiting: bool = True
    on_busy: Destination | None = None
    on_no_answer: Destination | None = None
    on_unreachable: Destination | None = None
    class_of_service: ObjectId = "national"
    presented_number: OptionalE164 = ""


ENDINGS = {
    "on_busy": Destination("ending", "busy"),
    "on_no_answer": Destination("ending", "no-answer"),
    "on_unreachable": Destination("ending", "unavailable"),
}
"""What happens where the owner chose nothing."""


@dataclass(frozen=True, slots=True)
class State:
    extensions: tuple[Extension, ...] = ()


def references(state: State) -> Iterator[Reference]:
    """Yield every extension with its number and the place that rings it."""
    for extension in state.extensions:
        entry = f"{names.EXTENSION},{extension.number},1"
        person = ("user", extension.user) if extension.user else None
        detail = {"language": extension.language}
        facts = ExtensionFacts(extension.class_of_service, extension.presented_number)
        yield Reference(
            "extension",
            extension.id,
            extension.label,
            extension.number,
            entry,
            person,
            detail,
            facts,
        )


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield faults of extensions that share an id, belong to nobody who is there, or send
    calls to places that do not exist or to themselves."""
    yield from duplicate_ids("extensions", state.extensions)
    for extension in state.extensions:
        if extension.user is not None:
            where = f"extensions/{extension.id}/user"
            yield from references.missing(where, "user", extension.user)
        where = f"extensions/{extension.id}/class_of_service"
        yield from references.missing(where, "class_of_service", extension.class_of_service)
        for field in ENDINGS:
            yield from _bad_destination(extension, field, references)


def _bad_destination(extension: Extension, field: str, references: References) -> Iterator[Fault]:
    destination: Destination | None = getattr(extension, field)
    if destination is None:
        return
    where = f"extensions/{extension.id}/{field}"
    yield from references.unreachable(where, destination)
    if destination == Destination("extension", extension.id):
        yield Fault(where, "sends calls to the extension itself")


@dataclass(frozen=True, slots=True)
class _Row:
    """One section of the map."""

    extension: Extension
    name: str
    on_busy: str
    on_no_answer: str
    on_unreachable: str


def _row(extension: Extension, references: References) -> _Row:
    entries = [
        references.entry(getattr(extension, field) or ending) for field, ending in ENDINGS.items()
    ]
    return _Row(extension, references.label("extension", extension.id), *entries)


def files(state: State, references: References, _machine: Machine) -> Iterator[File]:
    """Yield the map and the part of the dialplan that rings an extension."""
    rows = [_row(each, references) for each in state.extensions]
    yield File(
        f"etc/asterisk/{names.EXTENSIONS_MAP}",
        render_asterisk("extensions", names.EXTENSIONS_MAP, rows=rows),
        group="asterisk",
    )
    yield File(
        "etc/asterisk/extensions_extensions.conf",
        render_asterisk(
            "extensions", "extensions_extensions.conf", names=names, number_lengths=NUMBER_LENGTHS
        ),
        reload=("dialplan",),
        group="asterisk",
    )


def probes(state: State, references: References) -> Iterator[Probe]:
    """Ask the dialplan's own look-up for each number."""
    for extension in state.extensions:
        row = _row(extension, references)
        for key, expected in (
            ("ring_time_s", str(extension.ring_time_s)),
            ("on_no_answer", row.on_no_answer),
        ):
            yield Probe(
                f"extensions/{extension.id}",
                "dialplan eval function "
                f"AST_CONFIG({names.EXTENSIONS_MAP},{extension.number},{key})",
                (f"Result: {expected}",),
                absent=NOT_IN_MAP,
            )
