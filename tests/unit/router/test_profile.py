"""The router's profile: made by the appliance, read strictly by the router."""

from __future__ import annotations

import dataclasses
import json

import pytest

from appliance.system import vpn
from failover_router import router_profile as profiles
from failover_router.router_profile import ProfileError
from tests.support import branches


@pytest.fixture
def plain():
    made = branches.state(branches.branch(), branches.branch("parma", 2))
    return json.loads(profiles.write(branches.profile(made)))


def refused(data):
    with pytest.raises(ProfileError) as caught:
        profiles.from_data(data)
    return str(caught.value)


def test_a_profile_comes_back_as_it_was_written(plain):
    made = profiles.from_data(plain)
    assert profiles.read(profiles.write(made)) == made


def test_it_holds_what_the_model_says_of_site_lines_and_addresses():
    one = branches.branch(number=7, calls=5, borrow_kbits=400)
    made = branches.profile(branches.state(one), generation=3)
    assert (made.site, made.label, made.identity.name) == ("modena", "Modena", "branch-7")
    assert made.identity.generation == 3
    assert made.vpn.addresses == ("10.8.0.8", "10.8.16.8")
    assert made.server.tunnel_gateways == ("10.8.0.1", "10.8.16.1")
    assert [line.name for line in made.lines] == ["wan1", "wan2"]
    assert (made.voice_kbits, made.borrow_kbits) == (540, 400)


def test_it_names_other_branches_networks_only_where_both_may_reach_each_other():
    ends = [branches.branch("modena", 1), branches.branch("parma", 2), branches.branch("bari", 3)]
    ends = [dataclasses.replace(end, reaches_branches=end.id != "bari") for end in ends]
    assert branches.profile(branches.state(*ends)).routes == ("10.20.2.0/24",)
    closed = [dataclasses.replace(ends[0], reaches_branches=False), *ends[1:]]
    assert branches.profile(branches.state(*closed)).routes == ()


def test_another_schema_is_refused_with_a_sentence(plain):
    said = refused({**plain, "schema": 2})
    assert said == "the profile has schema 2; this router reads 1"


def test_every_fault_is_named_by_its_place_and_all_at_once(plain):
    plain["lines"][1]["interface"] = "wan 2; rm"
    plain["server"]["probe_key"] = "short"
    plain["lan"]["surprise"] = True
    del plain["policy"]["window"]
    plain["policy"]["probe_ms"] = 5
    said = refused(plain)
    for place in ("lines/1/interface", "server/probe_key", "lan/surprise: is not known"):
        assert place in said
    assert "policy/probe_ms: must be between 20 and 10000" in said


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("vpn", "key"), "-----BEGIN PRIVATE KEY-----\nabc\n</key>\x00\nup /bin/sh\n"),
        (("lan", "provisioning_url"), 'http://x/"\ndhcp-script=/bin/sh'),
        (("lan", "option_43"), "zz"),
        (("server", "addresses"), ["vpn.example.it"]),
        (("server", "ports"), [1194]),
        (("lan", "address"), "10.300.0.1"),
        (("lines",), []),
        (("identity", "generation"), True),
    ],
)
def test_hostile_or_senseless_values_are_refused(plain, place, value):
    target = plain
    for name in place[:-1]:
        target = target[name]
    target[place[-1]] = value
    assert place[-1].split("_")[0] in refused(plain)


def test_two_lines_on_one_interface_are_refused(plain):
    plain["lines"][1]["interface"] = plain["lines"][0]["interface"]
    assert "two have the same interface" in refused(plain)


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"x" * 300_000])
def test_what_is_no_profile_at_all_is_refused(text):
    with pytest.raises(ProfileError):
        profiles.read(text)


def test_the_default_policy_of_model_and_router_is_the_same():
    model, router = vpn.LinePolicy(), profiles.Policy()
    assert dataclasses.astuple(model) == dataclasses.astuple(router)
