"""DIDs: the outside numbers that carriers deliver, entered as ranges.

A block of a thousand numbers is one range. Its last digits can dial inside numbers
directly; what no route and no direct dialling takes goes to the range's `otherwise`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from appliance.policy.inbound import Range
from appliance.render.fileset import File
from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.fields import E164, Between, ObjectId, OptionalLabel, Pattern
from appliance.state.machine import Machine
from appliance.state.references import Destination, Reference, References
from appliance.verify.probes import Probe

LARGEST_RANGE = 100_000
"""Numbers of one range; more is a slip of the finger."""

DirectPrefix = Annotated[str, Pattern(r"[0-9]{0,4}", "up to 4 digits, or empty")]


@dataclass(frozen=True, slots=True)
class DidRange:
    """Numbers from `first` to `last` (the same for a single one) that `trunk` delivers.

    With `direct_digits` the number's last digits, behind `direct_prefix`, are the inside
    number that rings.
    """

    id: ObjectId
    trunk: ObjectId
    first: E164
    last: E164
    label: OptionalLabel = ""
    direct_digits: Annotated[int, Between(0, 8)] = 0
    direct_prefix: DirectPrefix = ""
    otherwise: Destination | None = None

    @property
    def range(self) -> Range:
        """The range as the policy sees it."""
        return Range(
            self.id,
            self.trunk,
            self.first,
            self.last,
            self.direct_digits,
            self.direct_prefix,
            self.otherwise,
        )


@dataclass(frozen=True, slots=True)
class State:
    ranges: tuple[DidRange, ...] = ()


def references(state: State) -> Iterator[Reference]:
    """Yield the ranges."""
    for each in state.ranges:
        label = each.label or (each.first if each.first == each.last else f"{each.first}…")
        yield Reference("did_range", each.id, label, facts=each.range)


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield faults of ranges that are upside down, too large, shared or without a trunk."""
    yield from duplicate_ids("dids", state.ranges)
    for each in state.ranges:
        yield from _bad_range(each, references)
    for one, other in itertools.combinations(state.ranges, 2):
        if one.first in other.range or other.first in one.range:
            values = {"other": other.id}
            yield Fault(f"dids/{one.id}", "has numbers in common with “%(other)s”", values)


def _bad_range(each: DidRange, references: References) -> Iterator[Fault]:
    where = f"dids/{each.id}"
    yield from references.missing(f"{where}/trunk", "trunk", each.trunk)
    if each.otherwise is not None:
        yield from references.unreachable(f"{where}/otherwise", each.otherwise)
    if len(each.first) != len(each.last) or each.first > each.last:
        yield Fault(f"{where}/last", "must not lie before the first number and must be as long")
    elif each.range.size > LARGEST_RANGE:
        yield Fault(f"{where}/last", "holds more than %(most)d numbers", {"most": LARGEST_RANGE})
    if each.direct_digits >= len(each.first):
        yield Fault(f"{where}/direct_digits", "must be fewer than the number has")
    if each.direct_prefix and not each.direct_digits:
        yield Fault(f"{where}/direct_prefix", "is of use only with direct dialling")


def files(_state: State, _references: References, _machine: Machine) -> Iterator[File]:
    """No file of its own: `inbound_routes` writes the map of all numbers."""
    yield from ()


def probes(_state: State, _references: References) -> Iterator[Probe]:
    """Nothing to ask."""
    yield from ()
