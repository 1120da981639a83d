"""Where a call from outside leads: number ranges, rules in order, direct dialling.

A range of a thousand numbers stays one range: it is cut into blocks of equal prefix, and
the dialplan finds a number's block by its longest prefix, so neither grows with the range.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from appliance.state.references import Destination

Callers = Literal["any", "anonymous", "listed"]


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers that a line delivers: `first` to `last`, E.164 of the same length.

    The last `direct_digits` digits behind `direct_prefix` are an inside number that
    rings at once; 0 switches direct dialling off. What nothing else takes goes to
    `otherwise`.
    """

    id: str
    line: str
    first: str
    last: str
    direct_digits: int = 0
    direct_prefix: str = ""
    otherwise: Destination | None = None

    def __contains__(self, number: str) -> bool:
        return within(number, self.first, self.last)

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return int(self.last[1:]) - int(self.first[1:]) + 1

    def numbers(self) -> Iterator[str]:
        """Every number, in order."""
        for value in range(int(self.first[1:]), int(self.last[1:]) + 1):
            yield f"+{value}"

    def direct(self, number: str) -> str:
        """The inside number that this outside number dials, "" for none."""
        if not self.direct_digits:
            return ""
        return self.direct_prefix + number[-self.direct_digits :]


@dataclass(frozen=True, slots=True)
class Rule:
    """Calls to `first`…`last` from such callers go to `destination`.

    `prefixes` are beginnings of callers' numbers (digits from the country code on).
    """

    id: str
    first: str
    last: str
    destination: Destination
    callers: Callers = "any"
    prefixes: tuple[str, ...] = ()

    def fits(self, number: str, caller: str) -> bool:
        """Whether it takes a call to `number` from `caller` ("" for anonymous)."""
        if not within(number, self.first, self.last):
            return False
        if self.callers == "anonymous":
            return not caller
        if self.callers == "listed":
            return bool(caller) and caller.removeprefix("+").startswith(self.prefixes)
        return True


@dataclass(frozen=True, slots=True)
class Inbound:
    """All ranges and rules. `direct` are the inside numbers that may be dialled directly."""

    ranges: tuple[Range, ...]
    rules: tuple[Rule, ...]
    direct: Mapping[str, Destination]


@dataclass(frozen=True, slots=True)
class Resolution:
    """Where a call goes and why. `rule` is `route/<id>`, `direct/<number>`,
    `range/<id>`, `unassigned/<range>` or `unknown`; the last two have no destination."""

    rule: str
    destination: Destination | None = None


def resolve(number: str, caller: str, tables: Inbound) -> Resolution:
    """Where a call from `caller` (E.164, "" when withheld) to `number` (E.164) goes."""
    home = next((each for each in tables.ranges if number in each), None)
    if home is None:
        return Resolution("unknown")
    for rule in tables.rules:
        if rule.fits(number, caller):
            return Resolution(f"route/{rule.id}", rule.destination)
    inside = home.direct(number)
    if inside in tables.direct:
        return Resolution(f"direct/{inside}", tables.direct[inside])
    if home.otherwise is not None:
        return Resolution(f"range/{home.id}", home.otherwise)
    return Resolution(f"unassigned/{home.id}")


def within(number: str, first: str, last: str) -> bool:
    """Whether an E.164 number lies between two others of the same length, both included."""
    return len(number) == len(first) and first <= number <= last


@dataclass(frozen=True, slots=True)
class Block:
    """All numbers of `length` digits that begin with `prefix`: one range, the same rules."""

    length: int
    prefix: str
    range: Range
    rules: tuple[Rule, ...]

    @property
    def name(self) -> str:
        """How maps call it; the length keeps numbers of different lengths apart."""
        return f"{self.length}-{self.prefix}"


def blocks(tables: Inbound) -> Iterator[Block]:
    """Every range cut so that one prefix decides which rules may apply."""
    for home in tables.ranges:
        for low, high in _segments(home, tables.rules):
            rules = tuple(r for r in tables.rules if within(f"+{low}", r.first, r.last))
            length = len(home.first) - 1
            for prefix in prefixes(low, high):
                yield Block(length, prefix, home, rules)


def _segments(home: Range, rules: Iterable[Rule]) -> Iterator[tuple[int, int]]:
    """Cut a range wherever a rule begins or ends."""
    first, last = int(home.first[1:]), int(home.last[1:])
    cuts = {first, last + 1}
    for rule in rules:
        if len(rule.first) == len(home.first):
            cuts |= {int(rule.first[1:]), int(rule.last[1:]) + 1}
    inside = sorted(cut for cut in cuts if first <= cut <= last + 1)
    for low, following in itertools.pairwise(inside):
        yield low, following - 1


def prefixes(low: int, high: int) -> Iterator[str]:
    """The fewest prefixes that cover `low`…`high` (same number of digits) and nothing else."""
    while low <= high:
        step = 1
        while low % (step * 10) == 0 and low + step * 10 - 1 <= high:
            step *= 10
        yield str(low // step)
        low += step
