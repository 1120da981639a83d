"""Ring groups: who rings, in which order, what they see, and what happens otherwise."""

from __future__ import annotations

import pytest

from appliance.services.ring_groups import Member, RingGroup
from appliance.services.ring_groups import State as RingGroups
from appliance.state.references import Destination
from tests.calls.company import company, name


def groups(*members: str) -> RingGroups:
    them = tuple(Member(each) for each in members)
    late = (Member("202"), Member("203", 2))
    to_circle, to_back = (Destination("ring_group", id) for id in ("circle", "back"))
    return RingGroups(
        (
            RingGroup("all", "300", "Vendite", them, caller_prefix="Vendite:"),
            RingGroup("order", "301", "Assistenza", them, "in_order", 5),
            RingGroup(
                "fallback", "302", "Notte", (Member("202"),), ring_time_s=5,
                fallback=Destination("extension", "204"),
            ),
            RingGroup("late", "303", "Magazzino", late),
            RingGroup("circle", "304", "Cerchio", them[:1], fallback=to_back),
            RingGroup("back", "305", "Ritorno", them[1:], fallback=to_circle),
        )
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def running_company(pbx):
    pbx.apply(company("201", "202", "203", "204", ring_groups=groups("202", "203")))


def test_all_members_ring_together_and_see_the_group_before_the_caller(desks):
    anna, niccolo, chiara = desks.phone("201"), desks.phone("202"), desks.phone("203")
    call = anna.call("300")
    ringing = [phone.expect_ringing() for phone in (niccolo, chiara)]
    for each in ringing:
        each.expect_shown(f"Vendite: {name('201')}", "201")
    call.expect_shown("Vendite", "300")
    ringing[1].answer()
    ringing[0].expect_ended()
    call.expect_shown(name("203"), "203")
    call.hears(chiara)
    chiara.hears(anna)


def test_members_ring_one_after_the_other(desks):
    anna, niccolo, chiara = desks.phone("201"), desks.phone("202"), desks.phone("203")
    call = anna.call("301")
    first = niccolo.expect_ringing()
    chiara.expect_no_ringing(1)
    first.reject()
    chiara.expect_ringing().answer()
    call.hears(chiara)


def test_a_member_in_a_call_is_left_out(desks):
    anna, niccolo, chiara = desks.phone("201"), desks.phone("202"), desks.phone("203")
    jurgen = desks.phone("204")
    niccolo.call("204")
    jurgen.answer()
    anna.call("300")
    chiara.expect_ringing()
    assert len(niccolo.calls) == 1


def test_a_group_that_nobody_answers_goes_to_its_fallback_without_the_prefix(desks):
    anna, niccolo, jurgen = desks.phone("201"), desks.phone("202"), desks.phone("204")
    anna.call("302")
    first = niccolo.expect_ringing()
    last = jurgen.expect_ringing(8)
    first.expect_ended()
    last.expect_shown(name("201"), "201")
    last.answer()
    anna.hears(jurgen)


def test_a_group_whose_members_are_all_refused_goes_on_at_once(desks):
    anna, niccolo, jurgen = desks.phone("201"), desks.phone("202"), desks.phone("204")
    anna.call("302")
    niccolo.expect_ringing().reject()
    jurgen.expect_ringing(2)


def test_a_member_with_a_delay_rings_later(desks):
    anna, niccolo, chiara = desks.phone("201"), desks.phone("202"), desks.phone("203")
    call = anna.call("303")
    first, second = niccolo.expect_ringing(), chiara.expect_ringing()
    assert 1.8 <= second.rang_at - first.rang_at < 3.5
    second.answer()
    first.expect_ended()
    call.hears(chiara)
    chiara.hears(anna)


def test_groups_that_send_calls_to_each_other_end_the_call(desks):
    anna, niccolo, chiara = desks.phone("201"), desks.phone("202"), desks.phone("203")
    call = anna.call("304")
    for turn in range(8):
        (niccolo, chiara)[turn % 2].expect_ringing().reject()
    assert call.expect_ended(15).startswith("480")
