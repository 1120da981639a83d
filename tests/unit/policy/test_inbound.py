"""Where outside numbers lead: ranges, routes in order, direct dialling, fallbacks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.policy import gather
from appliance.policy.inbound import Inbound, Range, Rule, blocks, prefixes, resolve, within
from appliance.services import outside, registry
from appliance.services.dids import DidRange
from appliance.services.dids import State as Dids
from appliance.services.inbound_routes import InboundRoute
from appliance.services.inbound_routes import State as InboundRoutes
from appliance.state.references import Destination
from tests.support.policies import policy_company

RECEPTION = Destination("extension", "210")
SALES = Destination("extension", "215")
ENGLISH = Destination("extension", "216")


def inbound_company(ranges, routes=()):
    return policy_company(dids=Dids(tuple(ranges)), inbound_routes=InboundRoutes(tuple(routes)))


@pytest.mark.row("P3")
def test_a_block_of_a_thousand_is_one_range_and_each_number_of_it_resolves():
    block = DidRange("block", "tim", "+390522123000", "+390522123999", direct_digits=3,
                     otherwise=RECEPTION)  # fmt: skip
    state = inbound_company([block])
    assert not registry.check(state)
    found = [outside.where_leads(state, number) for number in block.range.numbers()]
    assert len(found) == 1000
    direct = [each.rule for each in found if each.rule.startswith("direct/")]
    assert direct == [f"direct/{n}" for n in ("210", "215", "216", "217", "218")]
    assert {each.rule for each in found} - set(direct) == {"range/block"}
    assert all(each.destination is not None for each in found)


def test_routes_count_in_their_order_and_by_who_calls():
    routes = [
        InboundRoute("hidden", "+390522123400", Destination("ending", "busy"),
                     callers="anonymous"),
        InboundRoute("english", "+390522123400", ENGLISH, last="+390522123409", callers="listed",
                     caller_prefixes=("+44", "+1")),
        InboundRoute("main", "+390522123400", SALES),
        InboundRoute("shadowed", "+390522123400", RECEPTION),
    ]  # fmt: skip
    ranges = [DidRange("block", "tim", "+390522123400", "+390522123499", otherwise=RECEPTION)]
    state = inbound_company(ranges, routes)
    rule = {
        caller: outside.where_leads(state, "+390522123400", caller).rule
        for caller in ("", "+442071234567", "+12125551234", "+393381234567")
    }
    assert rule == {
        "": "route/hidden",
        "+442071234567": "route/english",
        "+12125551234": "route/english",
        "+393381234567": "route/main",
    }
    assert outside.where_leads(state, "+390522123405", "+4412").rule == "route/english"
    assert outside.where_leads(state, "+390522123405", "").rule == "range/block"


@pytest.mark.row("P3")
def test_a_number_that_leads_nowhere_says_so():
    state = inbound_company([DidRange("block", "tim", "+390522123400", "+390522123499")])
    assert outside.where_leads(state, "+390522123400").rule == "unassigned/block"
    assert outside.where_leads(state, "+390522999999").rule == "unknown"
    assert outside.where_leads(state, "+390522123400").destination is None


def test_direct_dialling_never_reaches_a_code_of_the_system():
    block = DidRange("block", "tim", "+390522123000", "+390522123999", direct_digits=3)
    tables = gather.inbound(registry.references(inbound_company([block])))
    assert {each.kind for each in tables.direct.values()} == {"extension"}
    assert resolve("+390522123097", "", tables).rule == "unassigned/block"


numbers = st.integers(min_value=0, max_value=99_999)


@given(numbers, numbers)
def test_prefixes_cover_a_range_exactly_and_once(one, other):
    low, high = sorted((one, other))
    base = 39_000_000
    found = list(prefixes(base + low, base + high))
    covered = [
        value
        for prefix in found
        for value in range(
            int(prefix.ljust(8, "0")), int(prefix.ljust(8, "9")) + 1
        )
    ]  # fmt: skip
    assert covered == list(range(base + low, base + high + 1))
    assert len(found) <= 2 * 9 * 5


@given(
    st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4),
    st.lists(st.tuples(numbers, numbers), max_size=6),
    numbers,
)
def test_a_number_s_block_names_just_the_routes_that_hold_it(cuts, rules, asked):
    def number(value):
        return f"+39{value:06d}"

    spans = [tuple(map(number, sorted(pair))) for pair in rules]
    made = tuple(Rule(str(i), low, high, SALES) for i, (low, high) in enumerate(spans))
    low, high = min(map(min, cuts)), max(map(max, cuts))
    home = Range("r", "t", number(low), number(high))
    found = [
        block
        for block in blocks(Inbound((home,), made, {}))
        if number(asked)[1:].startswith(block.prefix)
    ]
    if number(asked) not in home:
        assert found == []
    else:
        (block,) = found
        assert [r.id for r in block.rules] == [
            r.id for r in made if within(number(asked), r.first, r.last)
        ]


@pytest.mark.parametrize(("ranges", "where"), [
    ([DidRange("a", "gone", "+390522123400", "+390522123499")], "dids/a/trunk"),
    ([DidRange("a", "tim", "+390522123499", "+390522123400")], "dids/a/last"),
    ([DidRange("a", "tim", "+390522123400", "+39052212340")], "dids/a/last"),
    ([DidRange("a", "tim", "+390000000000", "+390999999999")], "dids/a/last"),
    ([DidRange("a", "tim", "+390522123400", "+390522123499"),
      DidRange("b", "tim", "+390522123499", "+390522123599")], "dids/a"),
    ([DidRange("a", "tim", "+390522123400", "+390522123499", direct_prefix="2")],
     "dids/a/direct_prefix"),
    ([DidRange("a", "tim", "+390522123400", "+390522123499",
               otherwise=Destination("extension", "none"))], "dids/a/otherwise"),
])  # fmt: skip
def test_a_range_that_cannot_be_meant_is_a_fault(ranges, where):
    assert where in {fault.where for fault in registry.check(inbound_company(ranges))}


@pytest.mark.parametrize(("route", "where"), [
    (InboundRoute("r", "+390599111111", SALES), "inbound_routes/r"),
    (InboundRoute("r", "+390522123400", SALES, last="+390522123300"), "inbound_routes/r/last"),
    (InboundRoute("r", "+390522123400", Destination("user", "u215")),
     "inbound_routes/r/destination"),
    (InboundRoute("r", "+390522123400", SALES, callers="listed"),
     "inbound_routes/r/caller_prefixes"),
])  # fmt: skip
def test_a_route_that_cannot_be_meant_is_a_fault(route, where):
    ranges = [DidRange("a", "tim", "+390522123400", "+390522123499")]
    assert where in {fault.where for fault in registry.check(inbound_company(ranges, [route]))}


def test_an_outside_number_is_a_destination():
    route = InboundRoute("r", "+390522123400", Destination("external", "+393381234567"))
    ranges = [DidRange("a", "tim", "+390522123400", "+390522123499")]
    assert not registry.check(inbound_company(ranges, [route]))
