"""Lamps (BLF): what a telephone is told of a number that it watches."""

from __future__ import annotations

import pytest

from tests.calls.company import company, name
from tests.support.sip_agent import dialog_parties

pytestmark = pytest.mark.row("P6")


@pytest.fixture(scope="module", autouse=True)
def running_company(pbx):
    pbx.apply(company("201", "202", "203", devices={"202": 2}))


def test_a_lamp_shows_ringing_with_the_caller_then_talking_then_idle(desks):
    anna, niccolo = desks.phone("201"), desks.phone("202")
    watcher = desks.agent("203")
    assert watcher.register().status == 200
    lamp = watcher.subscribe("202", "dialog")
    lamp.expect_state("terminated")
    call = anna.call("202")
    early = lamp.expect_state("early")
    parties = dialog_parties(early)
    assert parties["remote"][0] == name("201")
    assert "201@" in parties["remote"][1]
    niccolo.answer()
    lamp.expect_state("confirmed")
    call.hang_up()
    lamp.expect_state("terminated")


def test_the_second_phone_of_a_number_lights_the_same_lamp(desks):
    anna, second = desks.phone("201"), desks.phone("202", 2)
    watcher = desks.agent("203")
    watcher.register()
    lamp = watcher.subscribe("202", "dialog")
    anna.call("202")
    second.answer()
    lamp.expect_state("confirmed")


def test_a_number_that_does_not_exist_has_no_lamp(desks):
    watcher = desks.agent("203")
    watcher.register()
    assert watcher.request("SUBSCRIBE", f"sip:9999@{watcher.server[0]}",
                           ("Event: dialog", "Expires: 60")).status == 404  # fmt: skip
