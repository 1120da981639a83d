"""The tables that `decide()` works on and that the dialplan reads as maps.

Each service publishes its part as `Reference.facts` (see `gather.py`): classes, windows,
trunks, routes, callers. All of them are plain frozen values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from appliance.policy.countries import Category
from appliance.policy.numbers import NumberFormat, Rules

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

ALWAYS = "always"
"""The name of the window that is never closed."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Minutes of the day from `begin` (included) to `end` (excluded) on some weekdays.

    Both count from midnight in the zone of the caller's site; `end` is at most 1440.
    """

    days: tuple[Day, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Window:
    """Times of the week; open whenever one of its openings is."""

    id: str
    openings: tuple[Opening, ...]


@dataclass(frozen=True, slots=True)
class NumberException:
    """Numbers that begin with `prefix` (digits from the country code on).

    `window` is when they may be called although the class says no; "" bars them.
    """

    prefix: str
    window: str


@dataclass(frozen=True, slots=True)
class ClassRules:
    """A class of service. `cells` maps a category to the window in which it is allowed.

    A category without a cell is denied. `countries` is the allow-list behind `foreign`.
    """

    id: str
    label: str
    cells: Mapping[Category, str]
    countries: frozenset[str]
    exceptions: tuple[NumberException, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A trunk as the policy sees it.

    `number` is its main number (E.164). It may present any number of the company when
    `presents_all`, else only the numbers whose ids of ranges name it.
    """

    id: str
    priority: int
    number: str
    number_format: NumberFormat
    caller_format: NumberFormat
    presents_all: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Which lines calls of a kind take. An empty set or tuple means "all".

    `prefixes` are digits from the country code on.
    """

    id: str
    categories: frozenset[Category]
    prefixes: tuple[str, ...]
    sites: frozenset[str]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who dials: an extension, or the system itself for a forward.

    `presented` is the own number that is shown outside (E.164, "" for the line's own),
    `presented_line` the line it belongs to.
    """

    number: str
    class_id: str
    site: str
    presented: str = ""
    presented_line: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A site: its zone, and the number that emergency services are shown (E.164 or "")."""

    id: str
    zone: str
    number: str = ""
    number_line: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """Simultaneous calls abroad (foreign and satellite): of one extension, of all."""

    foreign_per_extension: int = 2
    foreign_in_all: int = 2


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that decides about calls to the outside.

    `internal` maps each number and code that is dialled inside to its label.
    """

    rules: Rules
    emergency: frozenset[str]
    classes: Mapping[str, ClassRules]
    windows: Mapping[str, Window]
    lines: tuple[Line, ...]
    routes: tuple[Route, ...]
    callers: Mapping[str, Caller]
    places: Mapping[str, Place]
    internal: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()
