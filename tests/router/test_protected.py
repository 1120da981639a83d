"""Protected voice: two tunnels, everything said twice, heard once. One long call."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.router.conftest import RENEGOTIATE_S, Talk, talking
from tests.support.branch_lab import until
from tests.support.figures import Figures
from tests.support.pbx import Pbx

pytestmark = [pytest.mark.row("B3"), pytest.mark.row("I4"), pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def talk(branch_pbx: Pbx, figures: Figures) -> Iterator[Talk]:
    with talking(branch_pbx, figures, "protected") as made:
        until(lambda: all(t["up"] for t in made.lab.router.status["tunnels"]))
        yield made


@pytest.fixture(autouse=True)
def _calm(talk: Talk) -> None:
    for provider in talk.providers:
        provider.heal()
        provider.plug()
    talk.lab.router.network.run("ip", "link", "set", "wan1", "up")
    talk.settled()
    until(lambda: all(t["up"] for t in talk.lab.router.status["tunnels"]), 30, "both tunnels")
    return


def perfect(heard):
    return (heard.lost, heard.twice) == (0, 0)


def test_a_call_on_healthy_lines_is_heard_once(talk):
    assert perfect(talk.while_("all is well", lambda: None))


@pytest.mark.parametrize("number", [0, 1], ids=["first line", "second line"])
def test_a_line_that_goes_silent_costs_not_one_packet(talk, number):
    assert perfect(talk.while_("silent line", talk.providers[number].silence))


def test_a_line_whose_interface_goes_down_costs_not_one_packet(talk):
    network = talk.lab.router.network
    down = talk.while_("link down", lambda: network.run("ip", "link", "set", "wan1", "down"))
    assert perfect(down)


def test_a_line_whose_far_end_is_pulled_costs_not_one_packet(talk):
    assert perfect(talk.while_("carrier lost", talk.providers[0].pull))


@pytest.mark.row("B2")
def test_a_line_that_loses_a_third_of_all_packets_costs_not_one_packet(talk):
    assert perfect(talk.while_("30 % loss", lambda: talk.providers[0].lose(30), 4))


def test_the_return_to_the_main_line_costs_not_one_packet(talk):
    talk.providers[0].silence()
    until(lambda: talk.lab.router.voice_is_on("wan2"))
    talk.providers[0].heal()
    returned = talk.while_(
        "return", lambda: until(lambda: talk.lab.router.voice_is_on("wan1"), 30), 1
    )
    assert perfect(returned)


@pytest.mark.row("S5")
def test_new_keys_after_a_failure_cost_not_one_packet(talk):
    talk.providers[0].silence()
    until(lambda: talk.lab.router.voice_is_on("wan2"))
    assert perfect(talk.while_("new keys", lambda: None, RENEGOTIATE_S + 3))


def test_the_appliance_sends_the_rest_through_the_tunnel_that_works(talk):
    """What is not doubled, such as web pages for telephones, must follow the router's word."""
    talk.providers[0].silence()
    until(lambda: talk.lab.router.voice_is_on("wan2"))
    began = time.monotonic()
    until(talk.lab.tunnel_works, 5, "an answer to a packet that is not doubled")
    outage = (time.monotonic() - began) * 1000
    talk.figures.add("protected", "other traffic: answered after", outage, "ms", 1500)
    routes = talk.lab.pbx.network.run("ip", "route", "get", "10.20.1.50")
    assert "dev branch1" in routes


def test_both_tunnels_end_in_a_call_that_can_be_hung_up(talk):
    talk.providers[1].silence()
    assert talk.call.negotiate_again() == 200
