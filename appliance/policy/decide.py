"""May this caller dial this now? One pure function, used by every path to the outside.

Emergency first, numbers inside second; what is left is normalised, and the decision is
taken on the canonical number: never barred, exceptions of the class, country, cell of the
class in its window, limits, lines. The rule that decided is named in the answer, and the
dialplan names the same one.
"""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from appliance.policy.countries import ABROAD, NEVER_BARRED
from appliance.policy.model import (
    ALWAYS,
    DAYS,
    Caller,
    ClassRules,
    Limits,
    Line,
    NumberException,
    Place,
    Policy,
    Route,
    Window,
)
from appliance.policy.numbers import Fault, Number, Rules, cleaned, formatted, normalise


@dataclass(frozen=True, slots=True)
class Request:
    """Who wants to dial what, and when.

    `caller` is an extension's number (or another key of `Policy.callers`), `site` where
    the telephone stands when that is not the caller's own. The counts are the calls
    abroad that are up already.
    """

    caller: str
    dialled: str
    at: datetime.datetime
    site: str = ""
    foreign_of_caller: int = 0
    foreign_in_all: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line to try: the number in its format, and the caller id in its format."""

    line: str
    number: str
    presented: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer. `rule` names what decided, `text` says it as an English %-template.

    `number` is canonical (see `numbers.py`), "" when there is none.
    """

    allowed: bool
    rule: str
    text: str
    values: Mapping[str, Any] = field(default_factory=dict)
    number: str = ""
    category: str = ""
    attempts: tuple[Attempt, ...] = ()

    @property
    def reason(self) -> str:
        """The English sentence."""
        return self.text % self.values if self.values else self.text


def decide(request: Request, policy: Policy) -> Decision:
    """Whether `request` is allowed by `policy`, and how the call is then placed.

    Raises ValueError when `request.at` has no time zone.
    """
    if request.at.tzinfo is None:
        raise ValueError("the time of a request needs a zone")
    caller = policy.callers.get(request.caller)
    place = _place(request, caller, policy)
    code = _emergency(request.dialled, policy)
    if code:
        return _allow_emergency(code, place, policy)
    if request.dialled in policy.internal:
        return _internal(request.dialled, policy)
    if caller is None:
        return _deny("caller", "“%(caller)s” is not an extension", {"caller": request.caller})
    found = normalise(request.dialled, policy.rules)
    if isinstance(found, str):
        return _not_a_number(found, request.dialled, policy)
    refused = _refused(found, request, policy.classes[caller.class_id], place, policy)
    if refused is not None:
        return refused
    return _over_lines(found, caller, place, policy)


def at_best(policy: Policy, caller: str, number: str) -> Decision:
    """The decision without hours and limits: whether it is allowed at any time at all.

    For what is saved now and called later, such as a forward.
    """
    always = {
        id: replace(rules, cells=dict.fromkeys(rules.cells, ALWAYS), exceptions=_always(rules))
        for id, rules in policy.classes.items()
    }
    moment = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
    unlimited = replace(policy, classes=always, limits=Limits(1, 1))
    return decide(Request(caller, number, moment), unlimited)


def _always(rules: ClassRules) -> tuple[NumberException, ...]:
    return tuple(replace(each, window=each.window and ALWAYS) for each in rules.exceptions)


def _place(request: Request, caller: Caller | None, policy: Policy) -> Place:
    site = request.site or (caller.site if caller else "")
    found = policy.places.get(site)
    return found or next(iter(policy.places.values()))


# ── emergency and inside ─────────────────────────────────────────────────────────────


def _emergency(dialled: str, policy: Policy) -> str:
    """The emergency number that is meant, with or without any prefix; "" for none."""
    return emergency_codes(policy.rules, policy.emergency).get(cleaned(dialled) or "", "")


def emergency_codes(rules: Rules, emergency: Iterable[str]) -> dict[str, str]:
    """Everything that may be dialled for an emergency number -> that number.

    With and without the outside prefix, and with the country code as an address book
    of a mobile phone writes it.
    """
    plan = rules.country
    codes = ("", f"+{plan.calling_code}", plan.international_prefix + plan.calling_code)
    found = {f"{rules.prefix}{code}{bare}": bare for bare in emergency for code in codes}
    return {**found, **{f"{code}{bare}": bare for bare in emergency for code in codes}}


def _allow_emergency(code: str, place: Place, policy: Policy) -> Decision:
    digits = policy.rules.country.calling_code + code
    route = _route(digits, "emergency", place, policy)
    first = _lines(route, policy)
    rest = [line for line in policy.lines if line not in first]
    attempts = tuple(
        Attempt(line.id, code, _presented(place.number, place.number_line, line, policy))
        for line in (*first, *rest)
    )
    text = "%(number)s is an emergency number: always allowed, on every line"
    return Decision(True, "emergency", text, {"number": code}, code, "emergency", attempts)


def _internal(dialled: str, policy: Policy) -> Decision:
    values = {"number": dialled, "label": policy.internal[dialled]}
    text = "%(number)s is a number inside the company: %(label)s"
    return Decision(True, "internal", text, values, dialled, "internal")


# ── refusals ─────────────────────────────────────────────────────────────────────────


def _deny(
    rule: str, text: str, values: Mapping[str, Any] | None = None, found: Number | None = None
) -> Decision:
    number, category = (found.text, found.row.category) if found else ("", "")
    return Decision(False, rule, text, values or {}, number, category)


_NOT_A_NUMBER: Mapping[Fault, str] = {
    "signs": "“%(dialled)s” is not a telephone number: only digits 0-9 and a leading + count",
    "prefix": "outside numbers are dialled with %(prefix)s first; %(dialled)s is no number inside",
    "length": "%(dialled)s is too short or too long for a number of its kind",
    "unknown": "%(dialled)s belongs to no country and no range that exists",
}


def _not_a_number(fault: Fault, dialled: str, policy: Policy) -> Decision:
    values = {"dialled": dialled[:40], "prefix": policy.rules.prefix}
    return _deny(f"number/{fault}", _NOT_A_NUMBER[fault], values)


def _refused(
    found: Number, request: Request, rules: ClassRules, place: Place, policy: Policy
) -> Decision | None:
    if found.row.category in NEVER_BARRED:
        return None
    exception = _exception(found, rules)
    if exception is not None:
        refused = _by_exception(exception, found, request, rules, place, policy)
    else:
        refused = _by_class(found, request, rules, place, policy)
    return refused or _over_limit(found, request, policy)


def _exception(found: Number, rules: ClassRules) -> NumberException | None:
    """The exception with the longest prefix that fits."""
    fitting = [each for each in rules.exceptions if found.digits.startswith(each.prefix)]
    return max(fitting, key=lambda each: len(each.prefix), default=None)


def _by_exception(
    exception: NumberException,
    found: Number,
    request: Request,
    rules: ClassRules,
    place: Place,
    policy: Policy,
) -> Decision | None:
    rule = f"class/{rules.id}/number/{exception.prefix}"
    values = {"class": rules.label, "prefix": exception.prefix, "window": exception.window}
    if not exception.window:
        text = "class “%(class)s” bars numbers that begin with %(prefix)s"
        return _deny(rule, text, values, found)
    if _open(exception.window, request.at, place, policy):
        return None
    text = "class “%(class)s” allows %(prefix)s only in the hours “%(window)s”"
    return _deny(f"{rule}/{exception.window}", text, values, found)


def _by_class(
    found: Number, request: Request, rules: ClassRules, place: Place, policy: Policy
) -> Decision | None:
    category, country = found.row.category, found.row.country
    values = {"class": rules.label, "category": category, "country": country}
    rule = f"class/{rules.id}/{category}"
    window = rules.cells.get(category)
    if window is None:
        text = "class “%(class)s” does not allow calls of the kind “%(category)s”"
        return _deny(rule, text, values, found)
    if category == "foreign" and country not in rules.countries:
        text = "class “%(class)s” does not allow calls to the country %(country)s"
        return _deny(f"{rule}/{country}", text, values, found)
    if _open(window, request.at, place, policy):
        return None
    text = "class “%(class)s” allows “%(category)s” only in the hours “%(window)s”"
    return _deny(f"{rule}/{window}", text, {**values, "window": window}, found)


def _over_limit(found: Number, request: Request, policy: Policy) -> Decision | None:
    if found.row.category not in ABROAD:
        return None
    limits = policy.limits
    if request.foreign_of_caller >= limits.foreign_per_extension:
        values = {"limit": limits.foreign_per_extension}
        text = "this extension already has %(limit)d calls abroad, the most it may have"
        return _deny("limit/extension", text, values, found)
    if request.foreign_in_all >= limits.foreign_in_all:
        values = {"limit": limits.foreign_in_all}
        text = "the company already has %(limit)d calls abroad, the most it may have"
        return _deny("limit/system", text, values, found)
    return None


def _open(window: str, at: datetime.datetime, place: Place, policy: Policy) -> bool:
    if window == ALWAYS:
        return True
    return is_open(policy.windows[window], at, place.zone)


def is_open(window: Window, at: datetime.datetime, zone: str) -> bool:
    """Whether `at` falls into the window by the clock of `zone`.

    Decided on the clock's reading alone, so the hour that a change to winter time
    repeats counts twice and the skipped one never comes.
    """
    local = at.astimezone(zoneinfo.ZoneInfo(zone))
    day, minute = DAYS[local.weekday()], local.hour * 60 + local.minute
    return any(day in each.days and each.begin <= minute < each.end for each in window.openings)


# ── lines ────────────────────────────────────────────────────────────────────────────


def _over_lines(found: Number, caller: Caller, place: Place, policy: Policy) -> Decision:
    category = found.row.category
    route = _route(found.digits, category, place, policy)
    attempts = tuple(_attempts(found.text, caller, _lines(route, policy), policy))
    if not attempts:
        return _deny("lines", "no outside line is set up for this call", {}, found)
    values = {"number": found.text, "category": category, "line": attempts[0].line}
    text = "%(number)s (%(category)s) may be called, first over line “%(line)s”"
    rule = f"allow/{category}"
    return Decision(True, rule, text, values, found.text, category, attempts)


def _attempts(
    number: str, caller: Caller, lines: tuple[Line, ...], policy: Policy
) -> Iterator[Attempt]:
    for line in lines:
        sent = formatted(number, line.number_format, policy.rules.country)
        shown = _presented(caller.presented, caller.presented_line, line, policy)
        yield Attempt(line.id, sent, shown)


def _presented(number: str, belongs_to: str, line: Line, policy: Policy) -> str:
    """The caller id on this line: the own number where the line may show it, else its own."""
    own = number and (line.presents_all or belongs_to == line.id)
    return formatted(number if own else line.number, line.caller_format, policy.rules.country)


def _route(digits: str, category: str, place: Place, policy: Policy) -> Route | None:
    for route in policy.routes:
        if (
            (not route.categories or category in route.categories)
            and (not route.prefixes or digits.startswith(route.prefixes))
            and (not route.sites or place.id in route.sites)
        ):
            return route
    return None


def _lines(route: Route | None, policy: Policy) -> tuple[Line, ...]:
    if route is None:
        return policy.lines
    by_id = {line.id: line for line in policy.lines}
    return tuple(by_id[id] for id in route.lines if id in by_id)
