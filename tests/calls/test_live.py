"""The live view against a real Asterisk: what pages show is what Asterisk has."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest

from tests.calls.company import company, name
from tests.support.live_hub import following, running_hub, stream, token, until


@pytest.fixture(scope="module")
def hub(pbx):
    pbx.apply(company("201", "202", "203", devices={"202": 2}))
    with running_hub(pbx) as hub:
        yield hub


@pytest.fixture
def page(hub):
    with following(hub) as page:
        until(10, page.up, hub.log)
        yield page


def shown_by_asterisk(pbx):
    """Channel -> state, of the telephones' channels."""
    text = pbx.console.ask("core show channels concise")
    rows = (line.split("!") for line in text.splitlines() if line.startswith("PJSIP/"))
    return {row[-1]: row[4] for row in rows}


STATES = {"Ring": "dialling", "Ringing": "ringing", "Up": "up", "Down": "dialling"}


def agrees(pbx, page):
    """Whether the page shows the calls that Asterisk has, each leg in its state."""
    shown = {leg["id"]: leg["state"] for call in page.calls() for leg in call["legs"]}
    return shown == {id: STATES[state] for id, state in shown_by_asterisk(pbx).items()}


def story(pbx, page):
    return lambda: (shown_by_asterisk(pbx), page.objects)


@pytest.mark.row("O6")
def test_a_call_is_shown_from_the_first_ring_to_the_end(pbx, desks, hub, page):
    anna, niccolo = desks.phone("201"), desks.phone("202")
    call = anna.call("202")
    ringing = niccolo.expect_ringing()
    until(1, lambda: page.legs().get("202-1", {}).get("state") == "ringing", story(pbx, page))
    (shown,) = page.calls()
    assert shown["answered"] is None
    caller, called = page.legs()["201-1"], page.legs()["202-1"]
    assert (caller["direction"], caller["number"], caller["name"]) == ("from", "201", name("201"))
    assert (caller["other_number"], called["other_number"]) == ("202", "201")
    assert (called["direction"], called["other_name"]) == ("to", name("201"))
    assert page.objects["devices/202-1"]["state"] == "ringing"
    ringing.answer()
    call.expect_answered()
    until(1, lambda: page.legs()["201-1"]["bridge"], story(pbx, page))
    assert agrees(pbx, page)
    (shown,) = page.calls()
    assert shown["answered"] is not None
    assert page.legs()["201-1"]["bridge"] == page.legs()["202-1"]["bridge"]
    assert page.legs()["202-1"]["name"] == name("202")
    anna.hang_up()
    until(1, lambda: not page.calls(), story(pbx, page))
    until(1, lambda: page.objects["devices/202-1"]["state"] == "free", story(pbx, page))
    assert page.holes == 0


@pytest.mark.row("O6")
def test_hold_is_shown(pbx, desks, hub, page):
    anna, niccolo = desks.phone("201"), desks.phone("202")
    call = anna.call("202")
    niccolo.expect_ringing().answer()
    call.expect_answered()
    call.hold()
    until(2, lambda: page.legs().get("201-1", {}).get("on_hold"), story(pbx, page))
    call.resume()
    until(2, lambda: not page.legs()["201-1"]["on_hold"], story(pbx, page))


@pytest.mark.row("O6")
def test_a_transferred_call_is_one_call_of_those_who_talk(pbx, desks, hub, page):
    anna, niccolo, chiara = (desks.phone(number) for number in ("201", "202", "203"))
    call = anna.call("202")
    niccolo.expect_ringing().answer()
    call.expect_answered()
    # A REFER that overtakes the bridge is refused; nobody presses keys that fast.
    until(5, lambda: all(leg["bridge"] for leg in page.legs().values()), story(pbx, page))
    call.transfer("203")
    chiara.expect_ringing().answer()
    until(5, lambda: set(page.legs()) == {"202-1", "203-1"}, story(pbx, page))
    until(5, lambda: len({leg["bridge"] for leg in page.legs().values()}) == 1, story(pbx, page))
    until(5, lambda: agrees(pbx, page), story(pbx, page))


def test_a_registration_is_shown_when_it_comes_and_when_it_goes(pbx, desks, hub, page):
    phone = desks.phone("203")
    until(2, lambda: page.objects["devices/203-1"]["registered"], story(pbx, page))
    phone.unregister()
    until(2, lambda: not page.objects["devices/203-1"]["registered"], story(pbx, page))
    assert page.objects["devices/203-1"]["state"] == "offline"


@pytest.mark.row("O6")
def test_after_a_break_a_page_goes_on_without_a_hole(pbx, desks, hub, page):
    anna, niccolo = desks.phone("201"), desks.phone("202")
    snapshots = page.snapshots
    for _ in range(5):
        page.drop()
        anna.call("202")
        niccolo.expect_ringing()
        anna.hang_up()
        until(2, lambda: not shown_by_asterisk(pbx), story(pbx, page))
    until(2, lambda: agrees(pbx, page), story(pbx, page))
    assert page.holes == 0
    assert page.snapshots == snapshots, "it began anew instead of going on"


@pytest.mark.row("O6")
def test_after_the_hubs_restart_pages_show_the_calls_within_two_seconds(pbx, desks, hub, page):
    anna, niccolo = desks.phone("201"), desks.phone("202")
    call = anna.call("202")
    niccolo.expect_ringing().answer()
    call.expect_answered()
    before = page.snapshots
    hub.stop(at_once=True)
    hub.start()
    until(2, lambda: page.snapshots > before and page.up() and agrees(pbx, page), story(pbx, page))
    legs = page.legs()
    assert (legs["201-1"]["direction"], legs["202-1"]["direction"]) == ("from", "to")
    assert legs["201-1"]["bridge"] == legs["202-1"]["bridge"] != ""
    anna.hang_up()
    until(1, lambda: not page.calls(), story(pbx, page))


@pytest.mark.row("O6")
def test_after_asterisks_restart_pages_agree_within_two_seconds(pbx, desks, hub, page):
    anna, niccolo = desks.phone("201"), desks.phone("202")
    anna.call("202")
    niccolo.expect_ringing()
    until(1, lambda: len(page.legs()) == 2, story(pbx, page))
    pbx.kill_asterisk()
    until(2, lambda: not page.up(), story(pbx, page))
    pbx.start_asterisk()
    until(2, lambda: page.up() and agrees(pbx, page), story(pbx, page))
    assert page.calls() == []
    assert page.holes == 0


@pytest.mark.row("O6")
def test_while_asterisk_is_away_the_hub_rests_and_then_it_is_back_within_a_second(pbx, hub, page):
    pbx.kill_asterisk()
    until(2, lambda: not page.up(), story_of(page))
    begin, used = time.monotonic(), cpu_seconds(hub)
    time.sleep(3)  # what is measured is a span of time
    share = (cpu_seconds(hub) - used) / (time.monotonic() - begin)
    assert share < 0.02, f"{share:.1%} of a core"
    pbx.start_asterisk()  # returns when Asterisk is fully booted
    until(1, page.up, story_of(page))


def cpu_seconds(hub):
    """What the hub's process has used so far."""
    with open(f"/proc/{hub.process.pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def story_of(page):
    return lambda: page.objects


@pytest.mark.row("O6")
def test_an_asterisk_that_hangs_is_noticed_and_its_return_too(pbx, desks, hub, page):
    (pid,) = re.findall(r"^\d+$", asterisk_process(pbx), re.M)
    os.kill(int(pid), signal.SIGSTOP)
    try:
        until(12, lambda: not page.up(), story(pbx, page))
    finally:
        os.kill(int(pid), signal.SIGCONT)
    until(3, lambda: page.up() and agrees(pbx, page), story(pbx, page))


def asterisk_process(pbx):
    """The number of Asterisk's own process, below the shells that started it."""
    return pbx.network.run("pgrep", "-f", f"^asterisk .*{pbx.folder}/").strip()


def test_without_a_good_token_nothing_is_told(hub):
    for cookie in ("", "x.y.z", token(typ="JWT"), token(exp=1), token(aud="other")):
        assert hub.get("/live/snapshot", cookie)[0] == 401
        assert hub.get("/live/events", cookie)[0] == 401


def test_a_page_of_another_site_is_refused(hub):
    assert hub.get("/live/snapshot", token(), **{"Sec-Fetch-Site": "cross-site"})[0] == 403


def test_a_page_sees_only_what_its_scope_says(pbx, hub, desks):
    with following(hub, "devices") as page:
        until(5, page.up, hub.log)
        niccolo = desks.phone("202")
        desks.phone("201").call("202")
        niccolo.expect_ringing().answer()
        until(2, lambda: page.objects["devices/201-1"]["state"] == "busy", story(pbx, page))
        assert page.calls() == []
        assert page.holes == 0


def test_the_stream_ends_with_its_token(hub):
    with stream(hub, token(exp=int(time.time()) + 1)) as answer:
        assert b"snapshot" in answer.read()


def test_the_hub_leaves_at_once_when_asked_even_with_pages_open(pbx, hub, page):
    assert hub.stop() == 0
    hub.start()
    until(3, page.up, hub.log)
