"""The packet filter as the kernel has it, seen from each side of the machine."""

import pytest

from appliance.apply.errors import Undone
from appliance.services import asterisk_core, trunks
from appliance.system import actions, firewall
from tests.support.edge import CARRIER, LAN, SIX, WAN, reachable_tcp, reachable_udp

EVERY_PORT = range(1, 65536)
SIP = {5060, 5061}
PHONES = firewall.State(telephones=(f"{LAN}.0/24",))
LINE = trunks.Trunk(
    "line", "Line", "address", f"{CARRIER}.9", addresses=(f"{CARRIER}.9",), qualify_s=0
)


@pytest.mark.row("S6")
def test_a_scan_of_every_port_from_outside_finds_the_web_server_alone(edge, applied):
    applied(firewall=PHONES, trunks=trunks.State((LINE,)))
    assert reachable_tcp(edge.wan, f"{WAN}.1", EVERY_PORT) == {80, 443}
    assert reachable_udp(edge.wan, f"{WAN}.1", range(1, 20001)) == set()


@pytest.mark.row("S6")
def test_a_scan_over_version_6_finds_the_same(edge, applied):
    applied(firewall=PHONES)
    assert reachable_tcp(edge.wan, f"{SIX}1", range(1, 6000)) == {80, 443}
    assert reachable_udp(edge.wan, f"{SIX}1", range(1, 6000)) == set()


@pytest.mark.row("S6")
def test_telephones_of_a_chosen_network_reach_sip_media_and_clock(edge, applied):
    applied()
    assert reachable_udp(edge.lan, f"{LAN}.1", [123, 5060, 10000, 19999]) == set()
    applied(firewall=PHONES)
    assert reachable_udp(edge.lan, f"{LAN}.1", [123, 5060, 10000, 19999, 20000, 53]) == {
        123,
        5060,
        10000,
        19999,
    }
    assert reachable_tcp(edge.lan, f"{LAN}.1", [22, 5038, 8088, *SIP]) == SIP


@pytest.mark.row("S6")
def test_a_line_opens_sip_for_its_carrier_alone(edge, applied):
    applied(trunks=trunks.State((LINE,)))
    assert reachable_udp(edge.carrier, f"{CARRIER}.1", [5060, 10000]) == {5060, 10000}
    assert reachable_udp(edge.lan, f"{LAN}.1", [5060, 10000]) == set()
    applied()
    assert reachable_udp(edge.carrier, f"{CARRIER}.1", [5060, 10000]) == set()


def test_a_blocked_network_reaches_nothing_not_even_the_portal(edge, applied):
    applied(firewall=firewall.State(blocked=(f"{WAN}.0/24",)))
    assert reachable_tcp(edge.wan, f"{WAN}.1", [80, 443]) == set()
    assert reachable_tcp(edge.lan, f"{LAN}.1", [80, 443]) == {80, 443}


@pytest.mark.row("S6")
def test_rules_that_nobody_confirms_are_taken_back_in_the_kernel_too(edge, applied):
    applied(firewall=PHONES)
    engine = edge.pbx.engine
    former = engine.store.current()
    edge.pbx.apply_services(firewall=firewall.State(blocked=(f"{LAN}.0/24",)))
    assert reachable_tcp(edge.lan, f"{LAN}.1", [443]) == set()
    assert engine.trial().seconds == 120
    engine._switch._deadline -= 121
    engine.tick()
    assert engine.store.current() == former
    assert reachable_tcp(edge.lan, f"{LAN}.1", [443, 5061]) == {443, 5061}


def test_rules_that_the_kernel_does_not_have_afterwards_take_the_revision_back(
    edge, applied, monkeypatch
):
    applied(firewall=PHONES)
    former = edge.pbx.engine.store.current()
    deaf = actions.Action((), lambda _place: iter([("true",)]))
    monkeypatch.setattr(actions, "ACTIONS", {**actions.ACTIONS, "firewall": deaf})
    with pytest.raises(Undone, match=r"firewall: “packet filter” does not show edge [0-9a-f]{16}"):
        edge.pbx.apply_services(firewall=firewall.State())
    assert edge.pbx.engine.store.current() == former


def test_other_ports_of_sip_are_those_that_are_open(edge, applied):
    applied(firewall=PHONES, asterisk_core=asterisk_core.State(rtp_first_port=30000,
                                                             rtp_last_port=30100))  # fmt: skip
    assert reachable_udp(edge.lan, f"{LAN}.1", [10000, 30000]) == {30000}
