"""Classes of service: who may call what kind of number, and when.

One table: class × kind of destination → never, always, or in the hours of a window. An
extension names its class; calls that the system itself sends outside have one too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from appliance.policy import countries
from appliance.policy.countries import NEVER_BARRED, Category
from appliance.policy.gather import OutboundFacts
from appliance.policy.model import (
    ALWAYS,
    ClassRules,
    Day,
    Limits,
    NumberException,
    Window,
)
from appliance.policy.model import Opening as PolicyOpening
from appliance.render.fileset import File
from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.fields import Between, Country, Label, NumberPrefix, ObjectId, Pattern
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.verify.probes import Probe

TimeOfDay = Annotated[
    str, Pattern(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00", "a time such as 08:30, at most 24:00")
]
SimultaneousCalls = Annotated[int, Between(0, 1000)]


@dataclass(frozen=True, slots=True)
class Opening:
    """From `begin` to just before `end` on some weekdays, by the clock of the caller's site."""

    days: tuple[Day, ...]
    begin: TimeOfDay
    end: TimeOfDay


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """Hours in which something is allowed."""

    id: ObjectId
    label: Label
    openings: tuple[Opening, ...]


@dataclass(frozen=True, slots=True)
class Permission:
    """A cell of the table: calls of this kind are allowed in this window."""

    category: Category
    window: ObjectId = ALWAYS


@dataclass(frozen=True, slots=True)
class NumberRule:
    """Numbers with this beginning, whatever the table says: allowed in `window`, or barred
    when there is none. The longest beginning that fits decides."""

    prefix: NumberPrefix
    window: ObjectId | None = None


@dataclass(frozen=True, slots=True)
class ClassOfService:
    """A class. Kinds without a permission are denied; `countries` opens calls abroad."""

    id: ObjectId
    label: Label
    permissions: tuple[Permission, ...] = ()
    countries: tuple[Country, ...] = ()
    all_countries: bool = False
    exceptions: tuple[NumberRule, ...] = ()


WORKDAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri")

OPENING_HOURS = TimeWindow(
    "opening-hours", "Orario di apertura", (Opening(WORKDAYS, "08:00", "19:00"),)
)

NEIGHBOURS = (
    *("AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR"),
    *("HU", "IE", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "SM"),
)
"""The European Union and the neighbours: what an international class allows at first."""


def _always(*categories: Category) -> tuple[Permission, ...]:
    return tuple(Permission(category) for category in categories)


_FREE = _always("toll_free", "service")
_HOME = (*_FREE, *_always("local", "national", "mobile"))

STANDARD = (
    ClassOfService("internal", "Solo interni ed emergenze"),
    ClassOfService("national", "Nazionale", _HOME),
    ClassOfService(
        "international",
        "Internazionale",
        (*_HOME, Permission("foreign", OPENING_HOURS.id)),
        NEIGHBOURS,
    ),
    ClassOfService(
        "unrestricted",
        "Senza limiti",
        (*_HOME, *_always("shared_cost", "premium", "foreign", "satellite")),
        all_countries=True,
    ),
)
"""What a new company begins with. Abroad is open in the opening hours only."""


@dataclass(frozen=True, slots=True)
class State:
    """Classes, windows and limits. `system_class` rules what the system itself calls
    outside, such as an outside number at the end of an inbound route."""

    classes: tuple[ClassOfService, ...] = STANDARD
    windows: tuple[TimeWindow, ...] = (OPENING_HOURS,)
    foreign_calls_per_extension: SimultaneousCalls = 2
    foreign_calls_in_all: SimultaneousCalls = 2
    system_class: ObjectId = "national"


def references(state: State) -> Iterator[Reference]:
    """Yield classes, windows, and the limits."""
    for window in state.windows:
        yield Reference("time_window", window.id, window.label, facts=_window(window))
    for each in state.classes:
        yield Reference("class_of_service", each.id, each.label, facts=_rules(each))
    limits = Limits(state.foreign_calls_per_extension, state.foreign_calls_in_all)
    facts = OutboundFacts(limits, state.system_class)
    yield Reference("outbound", "outbound", "outside calls", facts=facts)


def _window(window: TimeWindow) -> Window:
    openings = (
        PolicyOpening(each.days, minutes(each.begin), minutes(each.end)) for each in window.openings
    )
    return Window(window.id, tuple(openings))


def _rules(each: ClassOfService) -> ClassRules:
    open_to = countries.foreign_countries() if each.all_countries else each.countries
    exceptions = (NumberException(e.prefix[1:], e.window or "") for e in each.exceptions)
    return ClassRules(
        each.id,
        each.label,
        {permission.category: permission.window for permission in each.permissions},
        frozenset(open_to),
        tuple(exceptions),
    )


def minutes(time: str) -> int:
    """Minutes since midnight of a time such as 08:30."""
    hour, minute = time.split(":")
    return int(hour) * 60 + int(minute)


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield faults of windows and classes that contradict themselves or name nothing."""
    yield from duplicate_ids("classes_of_service/classes", state.classes)
    yield from duplicate_ids("classes_of_service/windows", state.windows)
    for window in state.windows:
        yield from _bad_window(window)
    for each in state.classes:
        yield from _bad_class(each, references)
    where = "classes_of_service/system_class"
    yield from references.missing(where, "class_of_service", state.system_class)


def _bad_window(window: TimeWindow) -> Iterator[Fault]:
    where = f"classes_of_service/windows/{window.id}"
    if window.id == ALWAYS:
        yield Fault(where, "“always” is the name of the window that never closes")
    for each in window.openings:
        if not each.days:
            yield Fault(where, "an opening names no weekday")
        if minutes(each.begin) >= minutes(each.end):
            values = {"begin": each.begin, "end": each.end}
            text = "%(begin)s-%(end)s ends before it begins; write two openings around midnight"
            yield Fault(where, text, values)


def _bad_class(each: ClassOfService, references: References) -> Iterator[Fault]:
    where = f"classes_of_service/classes/{each.id}"
    named = [permission.category for permission in each.permissions]
    for category in sorted({name for name in named if named.count(name) > 1}):
        yield Fault(where, "names “%(category)s” twice", {"category": category})
    for category in sorted(NEVER_BARRED & set(named)):
        text = "“%(category)s” is allowed for everybody and cannot be set"
        yield Fault(where, text, {"category": category})
    prefixes = [exception.prefix for exception in each.exceptions]
    for prefix in sorted({p for p in prefixes if prefixes.count(p) > 1}):
        yield Fault(where, "names the beginning %(prefix)s twice", {"prefix": prefix})
    for country in each.countries:
        if country not in countries.foreign_countries():
            yield Fault(where, "%(country)s is no country with a code", {"country": country})
    windows = [*(p.window for p in each.permissions), *(e.window for e in each.exceptions)]
    for window in dict.fromkeys(windows):
        if window not in (None, ALWAYS):
            yield from references.missing(where, "time_window", window)


def files(_state: State, _references: References, _machine: Machine) -> Iterator[File]:
    """No file of its own: `outbound_routes` writes the whole policy."""
    yield from ()


def probes(_state: State, _references: References) -> Iterator[Probe]:
    """Nothing to ask."""
    yield from ()
