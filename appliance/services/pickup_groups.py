"""Pickup groups: who may take whose ringing calls.

Members of a group may take each other's calls, by the number's code or by the group's.
Without a group in common nobody can take anything, whatever a telephone dials.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from appliance.asterisk import names
from appliance.render.environments import render_asterisk
from appliance.render.fileset import File
from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.fields import Label, ObjectId
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.verify.probes import NOT_IN_MAP, Probe


@dataclass(frozen=True, slots=True)
class PickupGroup:
    """Extensions that may take each other's calls; the first members are looked at first."""

    id: ObjectId
    name: Label
    members: tuple[ObjectId, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    groups: tuple[PickupGroup, ...] = ()


def references(state: State) -> Iterator[Reference]:
    """Yield every group."""
    for group in state.groups:
        yield Reference("pickup_group", group.id, group.name)


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield faults of groups that share an id or have members who do not exist."""
    yield from duplicate_ids("pickup_groups", state.groups)
    for group in state.groups:
        for member in group.members:
            where = f"pickup_groups/{group.id}/members"
            yield from references.missing(where, "extension", member)


def _numbers(group: PickupGroup, references: References) -> list[str]:
    found = [references.get("extension", member) for member in dict.fromkeys(group.members)]
    return [reference.number for reference in found if reference]


def _by_number(state: State, references: References) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for group in state.groups:
        for number in _numbers(group, references):
            found.setdefault(number, []).append(group.id)
    return dict(sorted(found.items()))


def files(state: State, references: References, _machine: Machine) -> Iterator[File]:
    """Yield the map that the dialplan asks before a pick-up."""
    marks = {
        group.id: [f"{number}@PICKUPMARK" for number in _numbers(group, references)]
        for group in state.groups
        if group.members
    }
    yield File(
        f"etc/asterisk/{names.PICKUP_MAP}",
        render_asterisk(
            "pickup_groups",
            names.PICKUP_MAP,
            by_number=_by_number(state, references),
            by_group=marks,
        ),
        group="asterisk",
    )


def probes(state: State, references: References) -> Iterator[Probe]:
    """Ask for the groups of each member."""
    for number, groups in _by_number(state, references).items():
        yield Probe(
            f"pickup_groups/{groups[0]}",
            f"dialplan eval function AST_CONFIG({names.PICKUP_MAP},{number},groups)",
            (f"Result: {':'.join(groups)}",),
            absent=NOT_IN_MAP,
        )
