"""Joins what the services publish in their references into the policy and the inbound tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from appliance.policy import countries
from appliance.policy.inbound import Inbound, Range, Rule
from appliance.policy.model import (
    Caller,
    ClassRules,
    Limits,
    Line,
    Place,
    Policy,
    Route,
    Window,
)
from appliance.policy.numbers import Rules
from appliance.state.references import Destination, Reference, References

SYSTEM = "system"
"""The caller that stands for the system itself: an outside number as destination."""

DIRECT_KINDS = frozenset({"extension", "ring_group", "call_queue", "ivr_menu"})
"""What direct dialling-in may reach: never codes or services of the system."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NumberingFacts:
    """What the numbering plan tells. No `emergency` numbers means the country's."""

    prefix: str
    area_code: str
    emergency: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExtensionFacts:
    """What an extension tells: its class, and the number it shows outside ("" = follows)."""

    class_of_service: str
    presented_number: str = ""


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """What a site tells: its zone and the number that emergency services call back."""

    time_zone: str
    number: str = ""


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    """What the company tells: the country whose rules its telephones follow."""

    country: str


@dataclass(frozen=True, slots=True)
class OutboundFacts:
    """What the classes of service tell beside the classes: limits, and the class that
    rules calls which the system itself sends outside."""

    limits: Limits
    system_class: str


def inbound(references: References) -> Inbound:
    """The tables that `resolve()` works on."""
    direct = {
        reference.number: Destination(reference.kind, reference.id)
        for kind in sorted(DIRECT_KINDS)
        for reference in references.all(kind)
        if reference.number and reference.entry
    }
    return Inbound(
        tuple(_facts(references, "did_range", Range)),
        tuple(_facts(references, "inbound_route", Rule)),
        direct,
    )


def rules(references: References) -> Rules:
    """How the company dials. LookupError when its country has no numbering plan."""
    company = next(_facts(references, "company", CompanyFacts))
    numbering = next(_facts(references, "numbering", NumberingFacts))
    plan = countries.country(company.country)
    destinations = countries.table(plan, emergency(references), numbering.area_code)
    return Rules(plan, numbering.prefix, numbering.area_code, destinations)


def emergency(references: References) -> tuple[str, ...]:
    """The emergency numbers: the company's own list, or the country's. Never empty."""
    numbering = next(_facts(references, "numbering", NumberingFacts))
    company = next(_facts(references, "company", CompanyFacts))
    return numbering.emergency or countries.country(company.country).emergency


def policy(references: References) -> Policy:
    """The tables that `decide()` works on. LookupError when the state has faults."""
    outbound = next(_facts(references, "outbound", OutboundFacts))
    ranges = tuple(_facts(references, "did_range", Range))
    lines = sorted(_facts(references, "trunk", Line), key=lambda line: (line.priority, line.id))
    return Policy(
        rules=rules(references),
        emergency=frozenset(emergency(references)),
        classes={each.id: each for each in _facts(references, "class_of_service", ClassRules)},
        windows={each.id: each for each in _facts(references, "time_window", Window)},
        lines=tuple(lines),
        routes=tuple(_facts(references, "outbound_route", Route)),
        callers=dict(_callers(references, ranges, outbound)),
        places={each.id: each for each in _places(references, ranges)},
        internal={
            number: references.label(claims[0].kind, claims[0].id)
            for number, claims in references.by_number.items()
            if claims[0].entry
        },
        limits=outbound.limits,
    )


def _facts(references: References, kind: str, expected: type[T]) -> Iterator[T]:
    for reference in references.all(kind):
        if isinstance(reference.facts, expected):
            yield reference.facts


def _callers(
    references: References, ranges: tuple[Range, ...], outbound: OutboundFacts
) -> Iterator[tuple[str, Caller]]:
    first_site = next((site.id for site in references.all("site")), "")
    for extension in references.all("extension"):
        facts = extension.facts
        if isinstance(facts, ExtensionFacts):
            shown = facts.presented_number or _own_number(extension.number, ranges)
            site = _site_of(extension, references) or first_site
            line = line_of(shown, ranges)
            caller = Caller(extension.number, facts.class_of_service, site, shown, line)
            yield extension.number, caller
    yield SYSTEM, Caller(SYSTEM, outbound.system_class, first_site)


def _site_of(extension: Reference, references: References) -> str:
    person: Any = references.get(*extension.named_after) if extension.named_after else None
    return person.detail.get("site", "") if person else ""


def _own_number(number: str, ranges: tuple[Range, ...]) -> str:
    """The outside number that dials this extension directly, "" when none does."""
    for each in ranges:
        inside = number.removeprefix(each.direct_prefix)
        fits = number.startswith(each.direct_prefix) and len(inside) == each.direct_digits
        if each.direct_digits and fits:
            found = each.first[: -each.direct_digits] + inside
            if found in each:
                return found
    return ""


def line_of(number: str, ranges: tuple[Range, ...]) -> str:
    """The line that delivers an own number, "" when none does."""
    return next((each.line for each in ranges if number in each), "")


def _places(references: References, ranges: tuple[Range, ...]) -> Iterator[Place]:
    for site in references.all("site"):
        if isinstance(site.facts, SiteFacts):
            number = site.facts.number
            yield Place(site.id, site.facts.time_zone, number, line_of(number, ranges))
