"""The dialplan of a real Asterisk and the pure functions decide the same, thousands of times.

Random callers, dialled strings and moments; three companies that differ in prefix and
country. A difference names the case.
"""

from __future__ import annotations

import datetime
import random
import zoneinfo
from dataclasses import replace

import pytest

from appliance.policy import gather
from appliance.policy.countries import foreign_countries
from appliance.policy.decide import Request, decide
from appliance.policy.inbound import resolve
from appliance.services import registry
from appliance.services.dids import DidRange
from appliance.services.dids import State as Dids
from appliance.services.inbound_routes import InboundRoute
from appliance.services.inbound_routes import State as InboundRoutes
from appliance.services.outbound_routes import State as Routes
from appliance.services.trunks import State as Trunks
from appliance.state.faults import StateError
from appliance.state.references import Destination
from tests.support.oracle import InboundCase, OutboundCase, ask_inbound, ask_outbound
from tests.support.policies import PEOPLE, SITES, policy_company

CASES = 2000

BEGINNINGS = (
    *("", "0", "0522", "3", "338", "80", "84", "89", "144", "166", "178", "199", "1", "12", "4"),
    *("5", "55", "7", "00", "000", "0039", "+39", "+", "0049", "+4930", "+44", "+442", "+41", "+1"),
    *("+1242", "+881", "+88", "+870", "00882", "030", "015", "0900", "115", "112", "118"),
)


def random_cases(seed: str, prefix: str) -> list[OutboundCase]:
    chance = random.Random(seed)
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    cases = []
    for _each in range(CASES):
        tail = "".join(chance.choice("0123456789") for _digit in range(chance.randrange(12)))
        dialled = chance.choice(("", prefix, prefix)) + chance.choice(BEGINNINGS) + tail
        if chance.random() < 0.15:
            code = chance.choice(foreign_countries()[chance.choice(sorted(foreign_countries()))])
            dialled = prefix + "00" + code + tail
        if chance.random() < 0.03:
            dialled = dialled[:4] + chance.choice("*#+") + dialled[4:]
        at = begin + datetime.timedelta(minutes=chance.randrange(366 * 24 * 60))
        site = chance.choice(("", "", *(each.id for each in SITES)))
        caller = chance.choice((*PEOPLE, "system", "998"))
        cases.append(OutboundCase(caller, dialled or "0", at, site))
    return cases


def edges() -> list[OutboundCase]:
    """The minutes around each opening and closing, and both nights of the clock change."""
    rome = zoneinfo.ZoneInfo("Europe/Rome")
    moments = [
        datetime.datetime(2026, 11, day, hour, minute, tzinfo=rome)
        for day in (20, 21, 22, 23)
        for hour, minute in ((7, 59), (8, 0), (18, 59), (19, 0), (21, 59), (22, 0), (23, 59),
                             (0, 0), (6, 29), (6, 30))
    ]  # fmt: skip
    for day in (datetime.datetime(2026, 3, 29), datetime.datetime(2026, 10, 25)):
        first = day.replace(tzinfo=datetime.UTC)
        moments += [first + datetime.timedelta(minutes=15 * step) for step in range(-8, 32)]
    return [
        OutboundCase(caller, dialled, at)
        for at in moments
        for caller, dialled in (("216", "+493012345678"), ("218", "3381234567"),
                                ("218", "+442071234567"))
    ]  # fmt: skip


def told(decision) -> str:
    """A decision in the words of the oracle."""
    lines = "".join(f" {a.line}={a.number}={a.presented}" for a in decision.attempts)
    verdict = "allow" if decision.allowed else "deny"
    return f"{verdict} {decision.rule} <{decision.number}> <{decision.category}>{lines}"


@pytest.mark.row("P16")
@pytest.mark.row("P17")
@pytest.mark.row("D4")
@pytest.mark.row("N16")
@pytest.mark.parametrize("company", [
    {"area_code": "0522"},
    {"prefix": "0"},
    {"country": "DE", "prefix": "9", "area_code": "30"},
], ids=["it", "it-prefix", "de-prefix"])  # fmt: skip
def test_dialplan_and_decide_agree(pbx, company):
    state = policy_company(**company)
    pbx.apply(state)
    policy = gather.policy(registry.references(state))
    cases = [*random_cases(str(company), policy.rules.prefix), *edges()]
    differences, asked = [], 0
    for case, answer in zip(cases, ask_outbound(pbx, cases), strict=True):
        decision = decide(Request(case.caller, case.dialled, case.at, case.site), policy)
        if decision.rule in ("emergency", "internal"):
            continue  # taken before the policy is asked; tests.calls shows both
        asked += 1
        if told(decision) != answer:
            differences.append((case, answer, told(decision)))
    assert not differences, differences[:3]
    assert asked > CASES * 0.9


@pytest.mark.row("P3")
@pytest.mark.row("N16")
def test_dialplan_and_resolve_agree_on_every_number_of_a_thousand_and_beyond(pbx):
    state = inbound_company()
    pbx.apply(state)
    known = registry.references(state)
    tables = gather.inbound(known)
    numbers = [f"+390522{value}" for value in range(122990, 124010)]
    numbers += ["+390471555000", "+39047155500", "+3904715550001", "+390599000001", "+1", "+"]
    callers = ("", "+393381234567", "+442071234567", "+12125551234", "+4412")
    cases = [InboundCase(n, callers[i % len(callers)]) for i, n in enumerate(numbers)]
    cases += [InboundCase(n, caller) for n in numbers[::25] for caller in callers]
    differences = []
    for case, answer in zip(cases, ask_inbound(pbx, cases), strict=True):
        found = resolve(case.did, case.caller, tables)
        entry = known.entry(found.destination) if found.destination else ""
        if answer != f"{found.rule} <{entry}>":
            differences.append((case, answer, found))
    assert not differences, differences[:3]


def inbound_company():
    ranges = (
        DidRange("block", "tim", "+390522123000", "+390522123999", direct_digits=3,
                 otherwise=Destination("extension", "210")),
        DidRange("short", "tim", "+39047155500", "+39047155509"),
        DidRange("main", "bolzano", "+390471555000", "+390471555000",
                 otherwise=Destination("external", "+393381234567")),
    )  # fmt: skip
    routes = (
        InboundRoute("hidden", "+390522123000", Destination("ending", "busy"),
                     last="+390522123499", callers="anonymous"),
        InboundRoute("english", "+390522123137", Destination("extension", "216"),
                     last="+390522123318", callers="listed", caller_prefixes=("+44", "+1")),
        InboundRoute("one", "+390522123215", Destination("extension", "217")),
        InboundRoute("many", "+390522123300", Destination("extension", "218"),
                     last="+390522123777"),
    )  # fmt: skip
    return policy_company(dids=Dids(ranges), inbound_routes=InboundRoutes(routes))


@pytest.mark.row("P17")
def test_a_state_in_which_a_class_cannot_reach_emergency_is_not_applied(pbx):
    company = policy_company()
    off = tuple(replace(trunk, enabled=False) for trunk in company["trunks"].trunks)
    with pytest.raises(StateError, match="cannot reach 112 over any line"):
        pbx.apply(company.replaced(trunks=Trunks(off), outbound_routes=Routes()))
