"""A call without sound in one direction is noticed, and whose sound it is that is missing, or who
does not hear."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager

import pytest

from appliance.asterisk import call_sound
from ari_apps.live.ears import NEVER_S
from ari_apps.live.listening import ROUND_S, WRITTEN_S
from tests.calls.company import company, name
from tests.support.live_hub import following, running_hub, until
from tests.support.network import lost, sound_lost

WITHIN_S = NEVER_S + 2 * ROUND_S + 1
"""Two rounds may pass before a leg is met, and before it is met again."""

REPORTED_S = 5
"""Telephones report so often what they hear."""


@pytest.fixture(scope="module")
def hub(pbx):
    pbx.apply(company("201", "202", "203"))
    with running_hub(pbx) as hub:
        yield hub


@pytest.fixture
def page(hub):
    with following(hub) as page:
        until(10, page.up, hub.log)
        yield page


def kept(hub):
    return call_sound.read(hub.layout.state_of("live") / call_sound.FILE)


def talking(desks):
    """201 and 202 talk; the leg of 201."""
    anna, niccolo = desks.phone("201"), desks.phone("202")
    call = anna.call("202")
    niccolo.answer()
    call.expect_answered()
    return call


def dumb_caller(desks, page, sound_at=""):
    """201 has called 202 and sends no sound; it says that its own sound is at another address
    than its signalling when told so."""
    agent = desks.agent("201")
    niccolo = desks.phone("202")
    offer = agent.offer().replace(f"c=IN IP4 {agent.own[0]}", f"c=IN IP4 {sound_at}")
    body = offer if sound_at else agent.offer()
    headers = ("Content-Type: application/sdp",)
    agent.start("INVITE", f"sip:202@{agent.server[0]}", headers, body=body)
    niccolo.answer()
    answer = agent.expect(lambda message: message.status == 200, what="an answer")
    cseq = int(answer.header("cseq").split()[0])
    to = {"to": answer.header("to"), "call_id": answer.header("call-id"), "cseq": cseq}
    agent.send(agent.build("ACK", f"sip:202@{agent.server[0]}", **to))
    until(4, lambda: connected(page), lambda: page.objects)


def dumb_called(desks, page):
    """202 has called 201, who sends no sound; the leg of 202."""
    agent = desks.agent("201")
    agent.register()
    call = desks.phone("202").call("201")
    invitation = agent.expect(lambda message: message.method == "INVITE", what="a call")
    agent.respond(invitation, 200, "OK", agent.offer())
    call.expect_answered()
    until(4, lambda: connected(page), lambda: page.objects)
    return call


def connected(page):
    return len(page.legs()) == 2 and all(leg["bridge"] for leg in page.legs().values())


def never_marked(page, for_s):
    """Nobody is marked for a while."""
    deadline = time.monotonic() + for_s
    while time.monotonic() < deadline:
        assert not marked(page), page.objects
        time.sleep(0.05)


def marked(page):
    """Device or line -> why, of every leg that is not heard or (`deaf-…`) does not hear."""
    marks = {who: leg["no_sound"] for who, leg in page.legs().items() if leg["no_sound"]}
    return {who: "deaf-" * mark["deaf"] + mark["why"] for who, mark in marks.items()}


def sound_port(desks):
    """Where the telephone that has just dialled wants its sound."""
    bodies = (each.body for each in reversed(desks.phones.messages) if each.direction == "TX")
    return next(int(found[1]) for body in bodies if (found := re.search(r"m=audio (\d+)", body)))


@contextmanager
def deaf_caller(desks, network):
    """201 has called 202, who has answered, and nothing of the sound for 201 arrives; where its own
    reports come from."""
    anna, niccolo = desks.phone("201"), desks.phone("202")
    call = anna.call("202")
    niccolo.expect_ringing()
    port = sound_port(desks)
    with lost(network, "input", f"udp dport {port}-{port + 1}"):
        niccolo.answer()
        call.expect_answered()
        yield port + 1


@pytest.mark.row("S7")
def test_a_telephone_that_sends_no_sound_is_named_in_time_and_kept_in_the_list(desks, hub, page):
    dumb_caller(desks, page)
    until(WITHIN_S, lambda: marked(page) == {"201-1": "blocked"}, lambda: page.objects)
    until(ROUND_S, lambda: kept(hub).silences, hub.log)
    newest = kept(hub).silences[0]
    assert (newest.device, newest.name, newest.site) == ("201-1", name("201"), "main")
    assert newest.others == (f"202 {name('202')}",)
    assert not newest.over
    began = newest.began
    desks.phones.hang_up_all()
    until(6, lambda: kept(hub).silences[0].over, hub.log)
    ended = kept(hub).silences[0]
    assert (ended.began, ended.call) == (began, newest.call)
    assert NEVER_S <= ended.until - began <= WITHIN_S + 6


@pytest.mark.row("S7")
def test_an_address_that_does_not_fit_its_signalling_means_translation(desks, hub, page):
    dumb_caller(desks, page, sound_at="192.168.77.5")
    until(WITHIN_S, lambda: marked(page) == {"201-1": "nat"}, lambda: page.objects)


@pytest.mark.row("S7")
def test_while_a_call_is_held_nobody_is_marked_and_afterwards_again(desks, hub, page):
    call = dumb_called(desks, page)
    call.hold()
    until(2, lambda: page.legs()["202-1"]["on_hold"], lambda: page.objects)
    never_marked(page, WITHIN_S)
    assert page.legs()["202-1"]["on_hold"]
    call.resume()
    until(WITHIN_S + 2, lambda: marked(page) == {"201-1": "blocked"}, hub.log)


@pytest.mark.row("S7")
def test_a_call_with_sound_both_ways_is_not_marked_even_if_a_third_is_lost(
    desks, hub, page, phones_network
):
    with (
        sound_lost(phones_network, percent=30),
        lost(phones_network, "input", "udp sport 10000-65535", percent=30),
    ):
        talking(desks)
        until(4, lambda: connected(page), lambda: page.objects)
        never_marked(page, max(WITHIN_S, REPORTED_S + 2 * ROUND_S + 1))


@pytest.mark.row("S7")
def test_a_telephone_that_does_not_hear_is_named_until_it_does(
    desks, hub, page, phones_network, figures
):
    with deaf_caller(desks, phones_network):
        within_s = REPORTED_S + 2 * ROUND_S + 1
        took_s = until(
            within_s, lambda: marked(page) == {"201-1": "deaf-blocked"}, lambda: page.objects
        )
        until(ROUND_S, lambda: kept(hub).silences[0].deaf, hub.log)
        newest = kept(hub).silences[0]
        assert (newest.device, newest.name, newest.over) == ("201-1", name("201"), False)
    until(REPORTED_S + 2 * ROUND_S, lambda: not marked(page), lambda: page.objects)
    until(ROUND_S, lambda: kept(hub).silences[0].over, hub.log)
    figures.add("sound", "telephone that does not hear named after", took_s, "s")


@pytest.mark.row("S7")
def test_of_a_telephone_that_reports_nothing_nobody_knows_that_it_hears_nothing(
    desks, hub, page, phones_network
):
    with (
        deaf_caller(desks, phones_network) as reports,
        lost(phones_network, "output", f"udp sport {reports}"),
    ):
        never_marked(page, REPORTED_S + 2 * ROUND_S + 1)


@pytest.mark.row("S7")
def test_the_mark_goes_when_the_sound_comes(desks, hub, page, phones_network):
    with sound_lost(phones_network):
        talking(desks)
        until(WITHIN_S + 4, lambda: set(marked(page)) == {"201-1", "202-1"}, lambda: page.objects)
    until(2 * ROUND_S + 1, lambda: not marked(page), lambda: page.objects)
    assert page.holes == 0


@pytest.mark.row("S5")
def test_loss_on_the_way_lowers_the_score_of_the_site(desks, hub, page, phones_network, figures):
    def after_a_call_of(seconds):
        """The scores of both legs of a call of so long."""
        before = main(hub)
        call = talking(desks)
        time.sleep(seconds)  # what is measured is a span of time
        call.hang_up()
        until(WRITTEN_S + 8, lambda: main(hub)[0] == before[0] + 2, hub.log)
        return (main(hub)[1] - before[1]) / 2

    # RTCP tells of loss every five seconds.
    good = after_a_call_of(12)
    with sound_lost(phones_network, percent=15):
        bad = after_a_call_of(12)
    figures.add("sound", "MOS of a call", good / 100, "")
    figures.add("sound", "MOS with 15 % of what telephones send lost", bad / 100, "")
    assert good > 430
    assert 150 < bad < 390


def main(hub):
    """(legs, sum of their scores) of the site over its day."""
    spans = [span for day in kept(hub).days if day.site == "main" for span in day.spans]
    return sum(span.legs for span in spans), sum(span.mos for span in spans)
