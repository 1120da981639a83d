"""One number on several telephones: all ring, one answer stops the others."""

from __future__ import annotations

import pytest

from tests.calls.company import company, name

pytestmark = pytest.mark.row("P19")

DELAY_S = 2


@pytest.fixture(scope="module", autouse=True)
def running_company(pbx):
    pbx.apply(company("201", "202", devices={"202": 5}, delays={("202", 5): DELAY_S}))


@pytest.fixture
def five(desks):
    return [desks.phone("202", slot) for slot in range(1, 6)]


def test_all_ring_and_the_first_answer_stops_the_others_within_300_ms(desks, five):
    anna = desks.phone("201")
    call = anna.call("202")
    ringing = [phone.expect_ringing() for phone in five]
    ringing[2].answer()
    others = [each for each in ringing if each is not ringing[2]]
    for each in others:
        each.expect_ended()
    answered = ringing[2].moments["established"]
    assert max(each.moments["closed"] for each in others) - answered < 0.3
    call.hears(five[2])
    five[2].hears(anna)


def test_those_that_stop_are_told_that_somebody_else_answered(desks, five):
    """RFC 3326: without the reason a telephone shows a missed call."""
    desks.phone("201").call("202")
    ringing = [phone.expect_ringing() for phone in five]
    ringing[0].answer()
    ringing[1].expect_ended()

    def cancels():
        return [each for each in ringing[1].messages if each.start_line.startswith("CANCEL")]

    # What a telephone has received is told beside the states of its calls.
    desks.phones.until(cancels, 5, "the request that ends the ringing")
    assert "cause=200" in cancels()[0].header("reason")


def test_a_delayed_phone_begins_to_ring_later(desks, five):
    call = desks.phone("201").call("202")
    first = five[0].expect_ringing()
    late = five[4].expect_ringing()
    assert DELAY_S - 0.2 <= late.rang_at - first.rang_at < DELAY_S + 1.5
    late.expect_shown(name("201"), "201")
    late.answer()
    first.expect_ended()
    call.hears(five[4])


def test_a_delayed_phone_does_not_ring_when_another_has_answered(desks, five):
    desks.phone("201").call("202")
    five[0].answer()
    five[4].expect_no_ringing(DELAY_S + 0.5)
