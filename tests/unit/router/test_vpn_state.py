"""What stops branches from being applied."""

from __future__ import annotations

import dataclasses

import pytest

from appliance.services import registry
from appliance.state.system_state import encode_system
from appliance.system import vpn
from tests.support import branches
from tests.support.branches import branch, line, state


def faults(made: vpn.State) -> list[str]:
    return [str(fault) for fault in registry.check(branches.company(made))]


def test_a_plain_branch_has_no_fault():
    assert faults(state(branch(), branch("parma", 2))) == []


def test_it_comes_back_from_json_as_it_was():
    before = branches.company(state(branch(), branch("parma", 2, mode="protected")))
    assert registry.decode(encode_system(before)) == before


@pytest.mark.row("S5")
def test_networks_that_hide_each_other_are_refused():
    wide = branch("parma", 2, lan=vpn.Lan("10.20.0.0/16", "10.20.0.1"))
    said = faults(state(branch(), wide))
    assert said == ["vpn/branches/parma/lan: 10.20.0.0/16 overlaps with 10.20.1.0/24"]


@pytest.mark.parametrize("network", ["10.8.0.0/24", "10.99.0.0/24", "192.168.0.0/24"])
def test_a_branch_may_not_use_the_appliances_own_networks(network):
    own = branch(lan=vpn.Lan(network, network.replace("0/24", "9")))
    said = faults(state(own, server_networks=("192.168.0.0/16",)))
    assert len(said) == 1
    assert f"vpn/branches/modena/lan: {network} overlaps" in said[0]


def test_a_branch_needs_a_site_of_the_company():
    made = branches.company(state(branch()))
    orphan = made.replaced(vpn=state(branch("bari", 1)))
    assert "names the site “bari”, which does not exist" in str(registry.check(orphan)[0])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"lines": ()}, "lines: must hold one line at least"),
        ({"lines": (line("a"),), "mode": "protected"}, "protected with two lines only"),
        ({"lines": (line("a", "eth1"), line("b", "eth1"))}, "interface eth1 is used twice"),
        ({"lines": (line("a", addressing="static"),)}, "needs an address and a gateway"),
        ({"lines": (line("a", addressing="pppoe"),)}, "PPPoE needs a user and a password"),
        (
            {"lines": (line("a", addressing="static", address="1.2.3.4/99", gateway="1.2.3.5"),)},
            "must be in the network of the line's address",
        ),
        ({"lan": vpn.Lan("10.20.1.0/24", "10.20.2.1")}, "10.20.2.1 is not in 10.20.1.0/24"),
        ({"lan": vpn.Lan("10.20.1.0/24", "10.20.1.1", "10.20.1.5")}, "goes with dhcp_first"),
        (
            {"lan": vpn.Lan("10.20.1.0/24", "10.20.1.1", "10.20.1.1", "10.20.1.9")},
            "must not be among those that DHCP gives out",
        ),
        ({"lan": vpn.Lan("10.20.1.0/24", "10.20.1.300")}, "10.20.1.300 is no address"),
        ({"policy": vpn.LinePolicy(clean_s=700)}, "must not be shorter than clean_s"),
    ],
)
def test_a_branch_that_cannot_work_is_refused(fields, expected):
    said = faults(state(dataclasses.replace(branch(), **fields)))
    assert any(expected in each for each in said), said


def test_two_branches_with_one_number_are_refused():
    said = faults(state(branch(), dataclasses.replace(branch("parma", 2), number=1)))
    assert [each for each in said if "belongs to another branch too" in each]


def test_the_appliance_needs_an_address_as_soon_as_a_branch_connects():
    assert "vpn/addresses: must hold" in faults(state(branch(), addresses=()))[0]
    off = dataclasses.replace(branch(), enabled=False)
    assert faults(state(off, addresses=())) == []


def test_ports_that_collide_are_refused():
    assert faults(state(branch(), second_port=1194))


@pytest.mark.row("S5")
def test_tunnel_addresses_stay_when_other_branches_come_and_go():
    alone = state(branch("parma", 2))
    both = state(branch(), branch("parma", 2))
    assert alone.tunnel_address(alone.branches[0], 0) == both.tunnel_address(both.branches[1], 0)


def test_branches_that_are_off_are_known_to_nobody():
    made = branches.company(state(dataclasses.replace(branch(), enabled=False)))
    known = registry.references(made)
    assert not list(known.all("branch"))
    assert known.get("vpn", "vpn") is None
