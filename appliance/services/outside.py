"""Questions about calls to and from the outside, answered from a state alone.

For the portal ("May 215 dial this now?"), for saving a forward, for the API and for
click-to-call: each asks here, and gets what the dialplan would do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from appliance.policy import gather
from appliance.policy.countries import CATEGORIES, NEVER_BARRED, Country, foreign_countries
from appliance.policy.decide import (
    Attempt,
    Decision,
    Request,
    at_best,
    decide,
    emergency_codes,
)
from appliance.policy.inbound import Resolution, resolve
from appliance.policy.model import ALWAYS, DAYS
from appliance.policy.numbers import Rules, cleaned, normalise, outside_number
from appliance.services import registry
from appliance.services.dids import DidRange
from appliance.state.system_state import SystemState

__all__ = [
    "ALWAYS",
    "CATEGORIES",
    "DAYS",
    "NEVER_BARRED",
    "Attempt",
    "Decision",
    "Dialling",
    "Reading",
    "Request",
    "Resolution",
    "all_leads",
    "completed",
    "dialling",
    "foreign_countries",
    "may_dial",
    "may_send_to",
    "where_leads",
]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a dialled number means: canonical number and kind, or a `Fault` of numbers.py."""

    dialled: str
    number: str = ""
    category: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Dialling:
    """How a company dials: its country's plan, the prefix, and for each emergency number the
    ways in which it may be dialled."""

    country: Country
    prefix: str
    emergency: Mapping[str, tuple[str, ...]]
    rules: Rules

    def reading(self, dialled: str) -> Reading:
        """What a dialled number means outside."""
        found = normalise(dialled, self.rules)
        if isinstance(found, str):
            return Reading(dialled, fault=found)
        return Reading(dialled, found.text, found.row.category)


def may_dial(state: SystemState, request: Request) -> Decision:
    """Whether `request.caller` may dial `request.dialled`, with the rule that decided.

    Raises StateError when the state has faults, ValueError when the time has no zone.
    """
    return decide(request, gather.policy(registry.sound_references(state)))


def may_send_to(state: SystemState, extension: str, number: str) -> Decision:
    """Whether calls of `extension` may be sent on to the outside `number`: whoever
    forwards needs the right to dial it, at the best of hours.

    Raises StateError when the state has faults.
    """
    policy = gather.policy(registry.sound_references(state))
    return at_best(policy, extension, number)


def where_leads(state: SystemState, number: str, caller: str = "") -> Resolution:
    """Where a call from `caller` (E.164, "" when withheld) to our `number` (E.164) leads.

    Raises StateError when the state has faults.
    """
    return resolve(number, caller, gather.inbound(registry.sound_references(state)))


def completed(state: SystemState, typed: str) -> str:
    """What somebody typed (0522 12 34 00, 0039…, +39…) in E.164 form with +. What is no
    number of the company's plan stays as it is, without the signs between its digits."""
    plain = cleaned(typed) or typed.strip()
    if not plain or plain.startswith("+"):
        return plain
    try:
        rules = gather.rules(registry.references(state))
    except LookupError:
        return plain  # the company's country has no numbering plan
    for found in (outside_number(plain, rules), normalise(plain, rules)):
        if not isinstance(found, str) and found.text.startswith("+"):
            return found.text
    return plain


def dialling(state: SystemState) -> Dialling | None:
    """How the company dials; None when its country has no numbering plan."""
    references = registry.references(state)
    try:
        rules = gather.rules(references)
    except LookupError:
        return None
    codes = emergency_codes(rules, gather.emergency(references))
    ways = {
        number: tuple(code for code, meant in codes.items() if meant == number)
        for number in sorted(set(codes.values()))
    }
    return Dialling(rules.country, rules.prefix, ways, rules)


def all_leads(state: SystemState, home: DidRange) -> Iterator[tuple[str, Resolution]]:
    """Where a call with a withheld number leads, for every number of a range. `home` counts in
    place of the range of the same id, so that a wish can be looked at before it is one.

    Raises StateError when the state has faults.
    """
    tables = gather.inbound(registry.sound_references(state))
    ranges = tuple(home.range if each.id == home.id else each for each in tables.ranges)
    wished = dataclasses.replace(tables, ranges=ranges)
    for number in home.range.numbers():
        yield number, resolve(number, "", wished)
