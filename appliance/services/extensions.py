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
from appliance.render.environments import render_asterisk
from appliance.render.fileset import File
from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.fields import Between, InternalNumber, Language, ObjectId, OptionalLabel
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.verify.probes import NOT_IN_MAP, Probe

RingTime = Annotated[int, Between(5, 300, "s")]


@dataclass(frozen=True, slots=True)
class Extension:
    """A number. `user` is the person it belongs to, empty for a room or a function.

    `label` is shown on phones when there is no person. `ring_time_s` is how long a call
    rings before it counts as not answered.
    """

    id: ObjectId
    number: InternalNumber
    user: ObjectId | None = None
    label: OptionalLabel = ""
    language: Language = "it"
    ring_time_s: RingTime = 25


@dataclass(frozen=True, slots=True)
class State:
    extensions: tuple[Extension, ...] = ()


def references(state: State) -> Iterator[Reference]:
    """Yield every extension with its number and the place that rings it."""
    for extension in state.extensions:
        entry = f"{names.EXTENSION},{extension.number},1"
        person = ("user", extension.user) if extension.user else None
        yield Reference("extension", extension.id, extension.label, extension.number, entry, person)


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield faults of extensions that share an id or belong to a person who is not there."""
    yield from duplicate_ids("extensions", state.extensions)
    for extension in state.extensions:
        if extension.user is not None:
            where = f"extensions/{extension.id}/user"
            yield from references.missing(where, "user", extension.user)


def files(state: State, references: References, _machine: Machine) -> Iterator[File]:
    """Yield the map and the part of the dialplan that rings an extension."""
    rows = [(each, references.label("extension", each.id)) for each in state.extensions]
    yield File(
        f"etc/asterisk/{names.EXTENSIONS_MAP}",
        render_asterisk("extensions", names.EXTENSIONS_MAP, rows=rows),
        group="asterisk",
    )
    yield File(
        "etc/asterisk/extensions_extensions.conf",
        render_asterisk("extensions", "extensions_extensions.conf", names=names),
        reload=("dialplan",),
        group="asterisk",
    )


def probes(state: State, _references: References) -> Iterator[Probe]:
    """Ask the dialplan's own look-up for each number."""
    for extension in state.extensions:
        yield Probe(
            f"extensions/{extension.id}",
            "dialplan eval function "
            f"AST_CONFIG({names.EXTENSIONS_MAP},{extension.number},ring_time_s)",
            (f"Result: {extension.ring_time_s}",),
            absent=NOT_IN_MAP,
        )
