"""Taking calls that ring elsewhere: who may, who wins, who sees what."""

from __future__ import annotations

import pytest

from appliance.services.pickup_groups import PickupGroup
from appliance.services.pickup_groups import State as PickupGroups
from tests.calls.company import company, name

pytestmark = pytest.mark.row("P6")

GROUPS = PickupGroups(
    (
        PickupGroup("vendite", "Vendite", ("202", "203", "204")),
        PickupGroup("ufficio", "Ufficio", ("204", "205")),
    )
)


@pytest.fixture(scope="module", autouse=True)
def running_company(pbx):
    pbx.apply(company("201", "202", "203", "204", "205", pickup_groups=GROUPS))


def test_a_colleague_takes_the_call_of_a_number(desks):
    anna, niccolo, chiara = desks.phone("201"), desks.phone("202"), desks.phone("203")
    call = anna.call("202")
    ringing = niccolo.expect_ringing()
    taken = chiara.call("**202")
    taken.expect_answered()
    ringing.expect_ended()
    call.hears(chiara)
    taken.hears(anna)
    taken.expect_shown(name("201"), "201")
    call.expect_shown(name("203"), "203")


def test_a_member_of_the_group_takes_whatever_rings_in_it(desks):
    anna, niccolo, jurgen = desks.phone("201"), desks.phone("202"), desks.phone("204")
    call = anna.call("202")
    niccolo.expect_ringing()
    jurgen.call("*8").expect_answered()
    call.hears(jurgen)
    jurgen.hears(anna)


def test_without_a_group_in_common_nobody_takes_a_call(desks):
    anna, niccolo, elena = desks.phone("201"), desks.phone("202"), desks.phone("205")
    anna.call("202")
    ringing = niccolo.expect_ringing()
    for code in ("**202", "*8"):
        assert elena.call(code).expect_ended(15)[:3] in {"603", "410", "403"}
    assert ringing.state == "incoming"


def test_of_two_who_reach_for_one_call_exactly_one_gets_it(desks):
    anna, niccolo = desks.phone("201"), desks.phone("202")
    two = [desks.phone("203"), desks.phone("204")]
    for _round in range(5):
        call = anna.call("202")
        niccolo.expect_ringing()
        tries = [phone.call("**202") for phone in two]
        for each in tries:
            desks.phones.until(lambda e=each: e.state != "dialled", 8, "both to have an outcome")
        winners = [each for each in tries if each.state == "established"]
        losers = [each for each in tries if each.state == "closed"]
        assert (len(winners), len(losers)) == (1, 1)
        assert losers[0].reason.startswith("410")
        losers[0].expect_shown("Nessuna chiamata", "**202")
        call.hears(winners[0].phone)
        call.hang_up()
        winners[0].expect_ended()


def test_a_pickup_when_nothing_rings_is_answered_clearly(desks):
    chiara = desks.phone("203")
    assert chiara.call("**202").expect_ended(15).startswith("410")


def test_a_call_to_a_delayed_phone_can_be_taken(desks, pbx):
    pbx.apply(
        company("201", "202", "203", "204", "205", delays={("202", 1): 1}, pickup_groups=GROUPS)
    )
    anna, niccolo, chiara = desks.phone("201"), desks.phone("202"), desks.phone("203")
    call = anna.call("202")
    niccolo.expect_ringing()
    chiara.call("**202").expect_answered()
    call.hears(chiara)
    chiara.hears(anna)
