"""Ring groups: one number that rings several extensions, together or one after the other.

Members are extensions, never other groups: a group of groups would hide who rings and
could run in a circle. A group that nobody answers goes on to its fallback, which may well
be another group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from appliance.asterisk import names
from appliance.render.environments import render_asterisk
from appliance.render.fileset import File
from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.fields import (
    Between,
    InternalNumber,
    Label,
    ObjectId,
    Printable,
)
from appliance.state.machine import Machine
from appliance.state.references import Destination, Reference, References
from appliance.verify.probes import NOT_IN_MAP, Probe

Strategy = Literal["ring_all", "in_order"]

MOST_MEMBERS = 60
"""Larger groups belong into a call queue: each member is an INVITE at the same moment."""

NUMBER_LENGTHS = range(2, 9)

CallerPrefix = Annotated[str, Printable(20, shortest=0)]
"""What stands before the caller's name on the members' displays."""


@dataclass(frozen=True, slots=True)
class Member:
    """One extension of a group. `delay_s` is how much later than the others it begins to
    ring when all ring together."""

    extension: ObjectId
    delay_s: Annotated[int, Between(0, 120, "s")] = 0


@dataclass(frozen=True, slots=True)
class RingGroup:
    """A group. `ring_time_s` is for all together, or for each member when they ring in
    order. With `skip_busy` no second call reaches a member who is in one. `fallback` is
    where a call goes that nobody took; None means the tone or announcement that says so.
    """

    id: ObjectId
    number: InternalNumber
    name: Label
    members: tuple[Member, ...] = ()
    strategy: Strategy = "ring_all"
    ring_time_s: Annotated[int, Between(5, 300, "s")] = 30
    skip_busy: bool = True
    caller_prefix: CallerPrefix = ""
    fallback: Destination | None = None


@dataclass(frozen=True, slots=True)
class State:
    groups: tuple[RingGroup, ...] = ()


def references(state: State) -> Iterator[Reference]:
    """Yield every group with its number and the place that rings it."""
    for group in state.groups:
        entry = f"{names.RING_GROUP},{group.number},1"
        yield Reference("ring_group", group.id, group.name, group.number, entry)


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield faults of groups whose members or fallback are not there."""
    yield from duplicate_ids("ring_groups", state.groups)
    for group in state.groups:
        where = f"ring_groups/{group.id}"
        yield from _bad_members(group, references)
        if group.fallback is not None:
            yield from references.unreachable(f"{where}/fallback", group.fallback)
            if group.fallback == Destination("ring_group", group.id):
                yield Fault(f"{where}/fallback", "sends calls to the group itself")


def _bad_members(group: RingGroup, references: References) -> Iterator[Fault]:
    where = f"ring_groups/{group.id}/members"
    if not group.members:
        yield Fault(where, "must hold at least one extension")
    if len(group.members) > MOST_MEMBERS:
        yield Fault(where, "must hold at most %(most)d extensions", {"most": MOST_MEMBERS})
    for member in group.members:
        yield from references.missing(where, "extension", member.extension)
    for extension, times in Counter(member.extension for member in group.members).items():
        if times > 1:
            values = {"extension": extension, "times": times}
            yield Fault(where, "holds the extension “%(extension)s” %(times)d times", values)


@dataclass(frozen=True, slots=True)
class _Row:
    """One section of the map."""

    group: RingGroup
    members: tuple[str, ...]
    on_busy: str
    on_no_answer: str

    @property
    def strategy(self) -> str:
        """The context `ring-…` that rings the members."""
        return {"ring_all": "all", "in_order": "in-order"}[self.group.strategy]


def _row(group: RingGroup, references: References) -> _Row:
    found = [(references.get("extension", each.extension), each) for each in group.members]
    members = tuple(f"{ref.number}*{member.delay_s}" for ref, member in found if ref)
    busy, no_answer = (
        references.entry(group.fallback or Destination("ending", ending))
        for ending in ("busy", "no-answer")
    )
    return _Row(group, members, busy, no_answer)


def files(state: State, references: References, _machine: Machine) -> Iterator[File]:
    """Yield the map and the part of the dialplan that rings a group."""
    yield File(
        f"etc/asterisk/{names.RING_GROUPS_MAP}",
        render_asterisk(
            "ring_groups",
            names.RING_GROUPS_MAP,
            rows=[_row(group, references) for group in state.groups],
        ),
        group="asterisk",
    )
    yield File(
        "etc/asterisk/extensions_ring_groups.conf",
        render_asterisk(
            "ring_groups",
            "extensions_ring_groups.conf",
            names=names,
            number_lengths=NUMBER_LENGTHS,
        ),
        reload=("dialplan",),
        group="asterisk",
    )


def probes(state: State, references: References) -> Iterator[Probe]:
    """Ask the dialplan's own look-up for the members of each group."""
    for group in state.groups:
        yield Probe(
            f"ring_groups/{group.id}",
            f"dialplan eval function AST_CONFIG({names.RING_GROUPS_MAP},{group.number},members)",
            (f"Result: {':'.join(_row(group, references).members)}",),
            absent=NOT_IN_MAP,
        )
