"""The numbering plan: how phones dial outside, the ranges of inside numbers, emergency."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from appliance.asterisk import names
from appliance.policy import countries, gather
from appliance.policy.decide import emergency_codes
from appliance.render.environments import render_asterisk
from appliance.render.fileset import File
from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.fields import DialPrefix, InternalNumber, ObjectId, OptionalLabel, Pattern
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.verify.probes import Probe

EmergencyNumber = Annotated[str, Pattern(r"[1-9][0-9]{1,5}", "a short number of 2 to 6 digits")]
AreaCode = Annotated[
    str, Pattern(r"|[0-9]{1,5}", "an area code as it follows the country code, or empty")
]
Purpose = Literal["people", "groups", "services"]


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Inside numbers for one purpose, both ends included, all of the same length."""

    id: ObjectId
    purpose: Purpose
    first: InternalNumber
    last: InternalNumber
    label: OptionalLabel = ""

    def __contains__(self, number: str) -> bool:
        return len(number) == len(self.first) and self.first <= number <= self.last


@dataclass(frozen=True, slots=True)
class State:
    """How the company dials.

    `outside_prefix` is dialled before outside numbers ("" when none is). `area_code` is
    the company's own, which makes calls there `local`. `emergency` replaces the
    country's emergency numbers; empty means the country's. `caller_display` is how
    phones show outside callers.
    """

    outside_prefix: DialPrefix = ""
    area_code: AreaCode = ""
    emergency: tuple[EmergencyNumber, ...] = ()
    ranges: tuple[NumberRange, ...] = ()
    caller_display: Literal["national", "international"] = "national"


def references(state: State) -> Iterator[Reference]:
    """Yield the plan itself and its ranges."""
    facts = gather.NumberingFacts(state.outside_prefix, state.area_code, state.emergency)
    yield Reference("numbering", "plan", "numbering plan", facts=facts)
    for each in state.ranges:
        yield Reference("number_range", each.id, each.label or each.id, facts=each)


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield faults of an unknown country, bad ranges, and numbers that hide an emergency."""
    company = references.get("company", "company")
    facts = company.facts if company else None
    country = facts.country if isinstance(facts, gather.CompanyFacts) else ""
    if country not in countries.available():
        text = "there is no numbering plan for the country %(country)s"
        yield Fault("organisation/country", text, {"country": country})
        return
    yield from duplicate_ids("numbering/ranges", state.ranges)
    yield from _bad_ranges(state)
    yield from _hidden_emergencies(references)


def _bad_ranges(state: State) -> Iterator[Fault]:
    for each in state.ranges:
        if len(each.first) != len(each.last) or each.first > each.last:
            where = f"numbering/ranges/{each.id}/last"
            yield Fault(where, "must not lie before the first number and must be as long")
    for one, other in itertools.combinations(state.ranges, 2):
        if one.first in other or other.first in one:
            values = {"other": other.id}
            yield Fault(f"numbering/ranges/{one.id}", "overlaps the range “%(other)s”", values)


def _hidden_emergencies(references: References) -> Iterator[Fault]:
    """Emergency numbers come first in every context, so such a number could not be called."""
    rules = gather.rules(references)
    codes = emergency_codes(rules, gather.emergency(references))
    for number, claims in references.by_number.items():
        if number in codes:
            values = {"number": number, "emergency": codes[number]}
            text = "number %(number)s is how the emergency number %(emergency)s is dialled"
            yield Fault(claims[0].where, text, values)


def files(state: State, references: References, _machine: Machine) -> Iterator[File]:
    """Yield the map of dialling rules, the map of destinations and the emergency numbers."""
    rules = gather.rules(references)
    yield File(
        f"etc/asterisk/{names.RULES_MAP}",
        render_asterisk(
            "numbering",
            names.RULES_MAP,
            rules=rules,
            plan=rules.country,
            display=state.caller_display,
        ),
        group="asterisk",
    )
    rows = sorted(rules.destinations.by_prefix.values(), key=lambda row: row.prefix)
    yield File(
        f"etc/asterisk/{names.DESTINATIONS_MAP}",
        render_asterisk("numbering", names.DESTINATIONS_MAP, rows=rows),
        group="asterisk",
    )
    codes = emergency_codes(rules, gather.emergency(references))
    yield File(
        "etc/asterisk/extensions_emergency.conf",
        render_asterisk(
            "numbering", "extensions_emergency.conf", codes=sorted(codes.items()), names=names
        ),
        reload=("dialplan",),
        group="asterisk",
    )


def probes(_state: State, references: References) -> Iterator[Probe]:
    """Ask that each way to dial an emergency number is in the dialplan."""
    codes = emergency_codes(gather.rules(references), gather.emergency(references))
    for dialled in codes:
        yield Probe(
            "numbering/emergency",
            f"dialplan show {dialled}@{names.EMERGENCY}",
            (f"'{dialled}' =>",),
            absent="There is no existence",
        )
