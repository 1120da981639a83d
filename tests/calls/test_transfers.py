"""Transfers made at a telephone: by its own keys (REFER) and by codes during the call.

In every test 201 has called 202, who passes the call on to 203.
"""

from __future__ import annotations

import time

import pytest

from tests.calls.company import company, name

pytestmark = pytest.mark.row("P1")

SOUND_WITHIN_S = 0.5
"""From the answer to sound both ways."""
BUSY_HZ = 425
"""ITU-T E.180 supplement 2, Italy."""

HEARD_IN_S = 0.4
"""What hearing itself costs: three windows of measurement and the jitter buffers of the
telephones, as an untransferred call shows it."""


@pytest.fixture(scope="module", autouse=True)
def running_company(pbx):
    pbx.apply(company("201", "202", "203", extensions={"203": {"ring_time_s": 5}}))


@pytest.fixture
def three(desks):
    return [desks.phone(number) for number in ("201", "202", "203")]


@pytest.fixture
def talking(desks, three):
    """201 and 202 talk; the two legs."""
    anna, niccolo, _chiara = three
    call = anna.call("202")
    leg = niccolo.answer()
    call.hears(niccolo)
    desks.phones.listen_for(BUSY_HZ)
    return call, leg


def expect_connected(call, anna, chiara, since):
    """Both hear each other in time, and each display shows the other."""
    other = chiara.last
    heard = max(call.hears(chiara), other.hears(anna))
    assert heard - since < SOUND_WITHIN_S + HEARD_IN_S
    call.expect_shown(name("203"), "203")
    other.expect_shown(name("201"), "201")


def test_blind_by_refer_to_somebody_who_answers(three, talking):
    anna, _niccolo, chiara = three
    call, leg = talking
    outcome = leg.transfer("203")
    ringing = chiara.expect_ringing()
    ringing.expect_shown(name("201"), "201")
    ringing.answer()
    assert outcome(4) == ""
    expect_connected(call, anna, chiara, ringing.moments["established"])
    leg.expect_ended()


def test_blind_by_refer_to_somebody_busy_is_told_to_both(three, talking):
    """Asterisk reports 486 to the telephone that transferred, which may then say so."""
    _anna, _niccolo, chiara = three
    call, leg = talking
    outcome = leg.transfer("203")
    chiara.expect_ringing().reject()
    assert "486" in outcome(4)
    leg.hang_up()
    call.hears(BUSY_HZ)
    call.expect_ended(15)


def test_blind_by_refer_to_somebody_who_does_not_answer_ends_with_an_announcement(three, talking):
    _anna, _niccolo, chiara = three
    call, leg = talking
    leg.transfer("203")
    ringing = chiara.expect_ringing()
    ringing.expect_ended(8)
    call.hears_music()
    call.expect_ended(20)


def test_attended_by_refer_after_talking(three, talking):
    anna, niccolo, chiara = three
    call, leg = talking
    leg.hold()
    call.hears_music()
    consultation = niccolo.call("203")
    chiara.answer().hears(niccolo)
    since = time.monotonic()
    assert leg.attended_transfer(consultation)(4) == ""
    expect_connected(call, anna, chiara, since)
    leg.expect_ended()
    consultation.expect_ended()


def test_attended_by_refer_given_up_when_the_other_is_busy_returns_to_the_caller(three, talking):
    anna, niccolo, chiara = three
    call, leg = talking
    leg.hold()
    consultation = niccolo.call("203")
    chiara.expect_ringing().reject()
    consultation.expect_ended(15)
    leg.resume()
    call.hears(niccolo)
    leg.hears(anna)


def test_attended_by_refer_given_up_when_nobody_answers_returns_to_the_caller(three, talking):
    anna, niccolo, chiara = three
    call, leg = talking
    leg.hold()
    consultation = niccolo.call("203")
    chiara.expect_ringing()
    consultation.hang_up()
    leg.resume()
    call.hears(niccolo)
    leg.hears(anna)


def test_blind_by_code_to_somebody_who_answers(three, talking):
    anna, _niccolo, chiara = three
    call, leg = talking
    leg.press("##")
    call.hears_music()
    leg.press("203")
    ringing = chiara.expect_ringing(8)
    ringing.expect_shown(name("201"), "201")
    ringing.answer()
    expect_connected(call, anna, chiara, ringing.moments["established"])
    leg.expect_ended()


def test_blind_by_code_to_somebody_busy_ends_with_the_busy_tone(three, talking):
    _anna, _niccolo, chiara = three
    call, leg = talking
    leg.press("##")
    call.hears_music()
    leg.press("203")
    chiara.expect_ringing(8).reject()
    leg.expect_ended()
    call.hears(BUSY_HZ)
    call.expect_ended(15)


def test_blind_by_code_to_somebody_who_does_not_answer_ends_with_an_announcement(three, talking):
    _anna, _niccolo, chiara = three
    call, leg = talking
    leg.press("##")
    call.hears_music()
    leg.press("203")
    chiara.expect_ringing(8).expect_ended(8)
    leg.expect_ended()
    call.hears_music()
    call.expect_ended(20)


def test_attended_by_code_to_somebody_who_does_not_answer_returns_to_the_caller(three, talking):
    anna, niccolo, chiara = three
    call, leg = talking
    leg.press("*2")
    call.hears_music()
    leg.press("203")
    chiara.expect_ringing(8).expect_ended(8)
    call.hears(niccolo, 12)
    leg.hears(anna)


def test_attended_by_code_to_somebody_who_answers(three, talking):
    anna, niccolo, chiara = three
    call, leg = talking
    leg.press("*2")
    call.hears_music()
    leg.press("203")
    ringing = chiara.expect_ringing(8)
    ringing.answer()
    ringing.hears(niccolo)
    leg.hears(chiara)
    since = time.monotonic()
    leg.hang_up()
    expect_connected(call, anna, chiara, since)


def test_attended_by_code_to_somebody_busy_returns_to_the_caller(three, talking):
    anna, niccolo, chiara = three
    call, leg = talking
    leg.press("*2")
    call.hears_music()
    leg.press("203")
    chiara.expect_ringing(8).reject()
    call.hears(niccolo, 8)
    leg.hears(anna)


def test_the_caller_can_transfer_by_code_too(three, talking):
    _anna, niccolo, chiara = three
    call, _leg = talking
    call.press("##")
    niccolo.last.hears_music()
    call.press("203")
    chiara.expect_ringing(8).answer()
    niccolo.hears(chiara)
    niccolo.last.expect_shown(name("203"), "203")
    chiara.last.expect_shown(name("202"), "202")
