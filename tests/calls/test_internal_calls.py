"""Calls between extensions: sound both ways, names on displays, what happens otherwise."""

from __future__ import annotations

import pytest

from appliance.state.references import Destination
from tests.calls.company import company, name


@pytest.fixture(scope="module", autouse=True)
def running_company(pbx):
    pbx.apply(
        company(
            "201",
            "202",
            "203",
            "204",
            "205",
            transports={"203": "tcp", "204": "tls"},
            extensions={
                "202": {"on_busy": Destination("extension", "203")},
                "203": {"ring_time_s": 5, "on_no_answer": Destination("extension", "201")},
                "205": {"call_waiting": False},
            },
        )
    )


@pytest.mark.row("P19")
@pytest.mark.parametrize(("number", "options"), [
    ("202", {}),
    ("202", {"codecs": ("g722/16000/1",)}),
    ("203", {"transport": "tcp"}),
    ("204", {"transport": "tls", "encrypted": True}),
], ids=["udp-alaw", "udp-g722", "tcp", "tls-srtp"])  # fmt: skip
def test_both_hear_each_other(desks, number, options):
    anna, other = desks.phone("201"), desks.phone(number, **options)
    call = anna.call(number)
    ringing = other.expect_ringing()
    ringing.expect_shown(name("201"), "201")
    call.expect_ringback()
    call.expect_shown(name(number), number)
    ringing.answer()
    call.hears(other)
    ringing.hears(anna)
    call.expect_shown(name(number), number)
    anna.hang_up()
    ringing.expect_ended()


def test_a_busy_extension_sends_the_call_where_its_owner_chose(desks):
    anna, niccolo, chiara = desks.phone("201"), desks.phone("202"), desks.phone("203")
    anna.call("202")
    niccolo.expect_ringing().reject()
    chiara.expect_ringing().answer()
    anna.hears(chiara)


def test_an_extension_without_a_choice_is_busy(desks):
    anna, elena = desks.phone("201"), desks.phone("205")
    call = anna.call("205")
    elena.expect_ringing().reject()
    assert call.expect_ended(15).startswith("486")


def test_without_call_waiting_a_number_in_a_call_is_busy_and_does_not_ring(desks):
    anna, niccolo, elena = desks.phone("201"), desks.phone("202"), desks.phone("205")
    elena.call("201")
    anna.answer()
    call = niccolo.call("205")
    assert call.expect_ended(15).startswith("486")
    assert len(elena.calls) == 1


def test_a_call_that_nobody_answers_goes_on_after_the_ring_time(desks):
    anna, chiara, niccolo = desks.phone("201"), desks.phone("203"), desks.phone("202")
    niccolo.call("203")
    first = chiara.expect_ringing()
    anna.expect_ringing(within_s=8).answer()
    first.expect_ended()
    niccolo.hears(anna)


def test_an_extension_without_a_registered_device_is_said_to_be_unavailable(desks):
    anna = desks.phone("201")
    call = anna.call("205")
    call.hears_music()  # the announcement
    assert call.expect_ended(15).startswith("480")


def test_an_unknown_number_is_said_to_be_unknown(desks):
    call = desks.phone("201").call("299")
    call.hears_music()  # the announcement
    assert call.expect_ended(15).split()[0] in {"404", "403", "603"}


@pytest.mark.row("P13")
def test_a_held_caller_hears_music(desks):
    anna, elena = desks.phone("201"), desks.phone("205")
    call = elena.call("201")
    held = anna.answer()
    call.hears(anna)
    held.hold()
    call.hears_music()
    held.resume()
    call.hears(anna)


def test_key_presses_arrive(desks):
    anna, elena = desks.phone("201"), desks.phone("205")
    call = elena.call("201")
    heard = anna.answer()
    call.press("0123456789")
    heard.expect_digits("0123456789", 8)


def test_a_call_survives_an_apply_and_a_reload_of_every_module(desks, pbx):
    anna, elena = desks.phone("201"), desks.phone("205")
    call = elena.call("201")
    other = anna.answer()
    pbx.apply(
        pbx.state.replaced(
            extensions=company("201", "202", "203", "204", "205").services["extensions"]
        )
    )
    pbx.console.ask("module reload")
    call.hears(anna)
    other.hears(elena)
    elena.hang_up()
    other.expect_ended()
