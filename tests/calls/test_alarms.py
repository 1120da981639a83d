"""Alarms of a real Asterisk, sent through the real relay."""

import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.apply.desk import desk_of
from appliance.services import alarms, mail, trunks
from appliance.system import trunk_health
from appliance.system.machine import Facts
from appliance.system.processes import Site
from appliance.system.sentinel import EVERY_S
from tests.support.checkout import until

GHOST = trunks.Trunk("ghost", "Ghost line", "address", "10.99.77.1", port=5999, qualify_s=1)
REFUSED = trunks.Trunk(
    *("refused", "Refused line", "registration", "10.99.77.2"),
    user="u",
    password=trunks.Secret("p"),
)
OFF = replace(GHOST, id="off", label="Line that is off", host="10.99.77.3", enabled=False)


def down(pbx):
    return trunk_health.down(pbx.console, pbx.state["trunks"].trunks)


@pytest.mark.row("D1")
def test_lines_that_do_not_answer_or_refuse_us_are_told_of_within_a_minute(pbx):
    pbx.apply_services(trunks=trunks.State((GHOST, REFUSED, OFF)))
    until(60 - EVERY_S, lambda: len(down(pbx)) == 2, "not both lines are called down")
    assert [(each.name, each.subject) for each in down(pbx)] == [
        ("trunk-down", "Ghost line"),
        ("trunk-refused", "Refused line"),
    ]


@pytest.mark.row("D1")
def test_an_alarm_gets_into_the_queue_of_the_relay(pbx):
    pbx.apply_services(
        trunks=trunks.State((GHOST,)),
        mail=mail.State(server="10.99.77.3", sender="pbx@example.com"),
        alarms=alarms.State(addresses=("it@example.com",)),
    )
    site = Site(pbx.machine.layout, Facts(), pbx.runtime, Path(sys.executable), checkout=True)
    desk = desk_of(pbx.engine, site)
    until(60, lambda: down(pbx), "nobody says that the line is down")
    desk.sentinel.look()
    desk.sentinel.mailer.clock = lambda: time.time() + 60
    desk.sentinel.look()
    queue = pbx.machine.layout.mail_spool / "queue"
    (queued,) = list(queue.iterdir())
    assert "Ghost line" in queued.read_text()
    assert queued.stat().st_uid == queue.stat().st_uid, "the relay may not read it"


def test_an_asterisk_that_cannot_be_asked_ends_no_alarm(tmp_path):
    from appliance.asterisk.console import Console

    assert trunk_health.down(Console(tmp_path / "nothing", 1), (GHOST,)) is None
