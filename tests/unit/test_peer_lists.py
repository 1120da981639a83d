"""The list of bans that machines give to each other: what is given, what is taken, what follows."""

import json

import pytest

from appliance.system import peer_lists
from appliance.system.ban_desk import Ban
from appliance.system.bans import Block
from appliance.system.peer_lists import Entry, Networks, in_force, own_list, read, rules, written

pytestmark = pytest.mark.row("S4")

NOW = 1_800_000_000
NOBODY = Networks(())


def body(*entries, **more):
    return json.dumps({"format": 1, "entries": list(entries), **more}).encode()


def entry(network="203.0.113.7/32", why="sip", until=NOW + 600, note="", **more):
    return {"network": network, "why": why, "until": until, "note": note, **more}


# ── given ─────────────────────────────────────────────────────────────────────────────


def test_blocks_and_bans_are_given_with_their_end_and_reason():
    bans = [Ban("2001:db8::9", "portal", NOW - 60, NOW + 600), Ban("203.0.113.7", "sip", 0, 0)]
    blocks = [Block("a", "198.51.100.0/24", "scans", "2027-01-31")]
    given = read(written(own_list(bans, blocks, ["192.0.2.0/24"], NOW)), NOW)
    assert given.entries == (
        Entry("192.0.2.0/24", "block"),
        Entry("198.51.100.0/24", "block", 1_801_440_000, "scans"),
        Entry("2001:db8::9/128", "portal", NOW + 600),
        Entry("203.0.113.7/32", "sip"),
    )
    assert given.refused == {}


def test_what_has_ended_is_not_given():
    blocks = [Block("a", "198.51.100.0/24", "scans", "2020-01-31")]
    assert own_list([Ban("203.0.113.7", "sip", 0, NOW)], blocks, [], NOW) == []


def test_a_list_in_which_nothing_changed_has_the_same_bytes():
    bans = [Ban("203.0.113.7", "sip", NOW, NOW + 600)]
    first, second = (written(own_list(bans, [], [], NOW + late)) for late in (0, 59))
    assert first == second


def test_an_attack_by_thousands_gives_no_longer_list_than_others_take():
    bans = [
        Ban(f"2001:db8:ffff:ffff:ffff:ffff:{n:x}:ffff", "provisioning", 0, NOW + 9)
        for n in range(9000)
    ]
    longest = [Block("a", "2001:db8::/48", "ü" * 80)] * 1000
    given = written(own_list(bans, longest, [], NOW))
    assert len(given) <= peer_lists.LARGEST_BYTES
    assert "many" not in read(given, NOW).refused


# ── taken ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"format": 2, "entries": []}',
        b'{"format": 1, "entries": {}}',
        b'{"format": 1}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"format": 1, "entries": [' + b"9" * 5000 + b"]}",
    ],
)
def test_what_is_no_list_is_unreadable(text):
    with pytest.raises(peer_lists.Unreadable):
        read(text, NOW)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("203.0.113.7/32", "malformed"),
        ({}, "malformed"),
        (entry(network="203.0.113.7/24"), "malformed"),
        (entry(network="203.0.113.7 } ; flush ruleset"), "malformed"),
        (entry(network="fe80::1%eth0"), "malformed"),
        (entry(network="2001:db8::1%} ; flush ruleset"), "malformed"),
        (entry(network=3405803783), "malformed"),
        (entry(why="because"), "malformed"),
        (entry(why=["sip"]), "malformed"),
        (entry(until="soon"), "malformed"),
        (entry(until=True), "malformed"),
        (entry(until=-1), "malformed"),
        (entry(until=1e12), "malformed"),
        (entry(until=10**30), "malformed"),
        (entry(note="two\nlines"), "malformed"),
        (entry(note="\u202eright to left"), "malformed"),
        (entry(note="x" * 81), "malformed"),
        (entry(network="0.0.0.0/0"), "wide"),
        (entry(network="96.0.0.0/7"), "wide"),
        (entry(network="2001::/19"), "wide"),
        (entry(network="10.1.2.3/32"), "private"),
        (entry(network="192.168.0.0/16"), "private"),
        (entry(network="100.64.9.9/32"), "private"),
        (entry(network="127.0.0.1/32"), "private"),
        (entry(network="169.254.1.1/32"), "private"),
        (entry(network="239.1.1.1/32"), "private"),
        (entry(network="172.0.0.0/8"), "private"),
        (entry(network="::1/128"), "private"),
        (entry(network="::ffff:203.0.113.7/128"), "private"),
        (entry(network="64:ff9b::/96"), "private"),
        (entry(network="fd00::1/128"), "private"),
        (entry(network="fe80::/64"), "private"),
    ],
)
def test_a_bad_entry_is_refused_and_counted_and_the_others_are_taken(wrong, why):
    got = read(body(entry(), wrong, entry(network="203.0.113.8/32")), NOW)
    assert [each.network for each in got.entries] == ["203.0.113.7/32", "203.0.113.8/32"]
    assert got.refused == {why: 1}


def test_more_entries_than_allowed_are_refused_and_counted():
    entries = [entry(network=f"203.0.{n >> 8}.{n & 255}/32") for n in range(5003)]
    got = read(body(*entries), NOW)
    assert len(got.entries) == peer_lists.MOST_ENTRIES
    assert got.refused == {"many": 3}


def test_a_machine_cannot_shut_out_the_internet_in_slices():
    entries = [entry(network=f"{n}.0.0.0/8") for n in (30, 31, 32)]
    got = read(body(*entries, entry()), NOW)
    assert [each.network for each in got.entries] == ["30.0.0.0/8"]
    assert got.refused == {"wide": 3}


def test_ended_entries_are_left_out_without_a_word_and_the_longer_of_two_counts():
    got = read(
        body(entry(until=NOW), entry("203.0.113.8/32"), entry("203.0.113.8/32", until=0)), NOW
    )
    assert got.entries == (Entry("203.0.113.8/32", "sip"),)
    assert got.refused == {}


def test_fields_of_later_versions_are_skipped():
    got = read(body(entry(severity="high"), at=7), NOW)
    assert len(got.entries) == 1


# ── what follows ──────────────────────────────────────────────────────────────────────


def following(*entries, patience_s=3600.0, ours=(), let_in=()):
    return in_force([(entries, patience_s)], Networks(ours), let_in, NOW)


def test_an_entry_stays_until_it_ends_or_its_machine_was_silent_for_too_long():
    short, long = Entry("203.0.113.7/32", "sip", NOW + 90), Entry("203.0.113.8/32", "block")
    assert following(short, long) == {"203.0.113.7/32": 90, "203.0.113.8/32": 3600}
    assert following(short, long, patience_s=30.0) == {"203.0.113.7/32": 30, "203.0.113.8/32": 30}
    assert following(short, long, patience_s=-1.0) == {}
    assert following(Entry("203.0.113.7/32", "sip", NOW)) == {}


@pytest.mark.parametrize(
    ("network", "ours"),
    [
        ("203.0.113.4/32", "203.0.113.0/24"),
        ("203.0.0.0/16", "203.0.113.4/32"),
        ("2001:db8::/32", "2001:db8:5::/48"),
    ],
)
def test_what_touches_our_own_is_never_shut_out(network, ours):
    others = ("198.51.100.0/24", "203.0.114.0/24", "2001:db9::/32", ours)
    assert following(Entry(network, "block"), ours=others) == {}


def test_neighbours_of_our_own_are_shut_out():
    ours = ("203.0.113.4/30", "2001:db8:5::/48")
    found = following(
        Entry("203.0.113.3/32", "sip"), Entry("203.0.113.8/29", "sip"),
        Entry("2001:db8:6::/48", "sip"), ours=ours,
    )  # fmt: skip
    assert len(found) == 3


def test_whom_somebody_let_in_is_not_shut_out():
    assert following(Entry("203.0.113.7/32", "sip"), let_in={"203.0.113.7/32"}) == {}


def test_of_two_machines_the_one_that_shuts_out_longer_counts():
    one, other = Entry("203.0.113.7/32", "sip", NOW + 9), Entry("203.0.113.7/32", "sip", NOW + 99)
    assert in_force([([other], 3600), ([one], 3600)], NOBODY, (), NOW) == {"203.0.113.7/32": 99}


def test_networks_inside_others_are_left_to_them_so_that_the_kernel_takes_all():
    found = following(
        *(Entry(n, "block") for n in ("203.0.113.0/24", "203.0.113.7/32", "203.0.112.0/23")),
        *(Entry(n, "block") for n in ("2001:db8::/32", "2001:db8::1/128", "203.0.114.0/32")),
    )
    assert list(found) == ["203.0.112.0/23", "203.0.114.0/32", "2001:db8::/32"]


def test_one_transaction_replaces_what_was_shut_out_before():
    assert rules({"203.0.113.7/32": 90, "2001:db8::/32": 5}) == (
        "flush set inet bans peers4\n"
        "add element inet bans peers4 { 203.0.113.7/32 timeout 90s }\n"
        "flush set inet bans peers6\n"
        "add element inet bans peers6 { 2001:db8::/32 timeout 5s }\n"
    )
    assert rules({}) == "flush set inet bans peers4\nflush set inet bans peers6\n"
