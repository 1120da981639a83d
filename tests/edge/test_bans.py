"""Guessing telephones' passwords: real Asterisk, real fail2ban, real packet filter."""

import datetime
import socket
import subprocess
import time

import pytest

from appliance.apply.errors import Refused
from appliance.services import registry
from appliance.system import bans, firewall
from tests.support.edge import LAN, WAN, reachable_tcp

OPEN = firewall.State(sip_from_everywhere=True, strangers_per_second=1000)
"""The worst that an owner can allow, with limits that do not help."""


def register(number, call):
    return (
        "REGISTER sip:{host} SIP/2.0\r\n"
        "Via: SIP/2.0/UDP {own};branch=z9hG4bK-{call}\r\n"
        "From: <sip:{number}@{host}>;tag={call}\r\nTo: <sip:{number}@{host}>\r\n"
        "Call-ID: {call}\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n"
        "Contact: <sip:{number}@{own}>\r\nUser-Agent: friendly-scanner\r\n"
        'Authorization: Digest username="{number}", realm="asterisk", nonce="0", '
        'uri="sip:{host}", response="00000000000000000000000000000000"\r\n'
        "Content-Length: 0\r\n\r\n"
    )


def scan(network, own, host, until, at_most_s=20.0):
    """Ask for one number after the other, as svwar does; seconds until `until()` is true."""
    with network.entered():
        caller = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        caller.bind((own, 5061))
    caller.setblocking(False)
    begin, number = time.monotonic(), 100
    with caller:
        while (seconds := time.monotonic() - begin) < at_most_s:
            text = register(number, f"scan{number}").format(
                host=host, own=f"{own}:5061", number=number, call=f"scan{number}"
            )
            caller.sendto(text.encode(), (host, 5060))
            number += 1
            if until():
                return seconds
            time.sleep(0.02)
    return None


def banned(edge):
    return {each.address for each in edge.pbx.engine.bans()}


@pytest.fixture
def lifted(edge):
    yield
    for each in edge.pbx.engine.bans():
        edge.pbx.engine.lift(each.jail, each.address)


@pytest.mark.row("S4")
def test_a_scan_is_blocked_within_five_seconds(edge, applied, lifted):
    applied(firewall=OPEN)

    def shut_out():
        return f"{WAN}.9" in edge.pbx.network.run("nft", "list", "set", "inet", "bans", "sip4")

    seconds = scan(edge.wan, f"{WAN}.9", f"{WAN}.1", shut_out)
    assert seconds is not None
    assert seconds < 5
    (ban,) = edge.pbx.engine.bans()
    assert (ban.jail, ban.address) == ("sip", f"{WAN}.9")
    assert ban.until > ban.since
    assert reachable_tcp(edge.wan, f"{WAN}.1", [80, 443]) == set()


@pytest.mark.row("S4")
def test_the_own_office_is_never_banned_however_wrong_its_passwords(edge, applied, lifted):
    applied(firewall=firewall.State(telephones=(f"{LAN}.0/24",)))
    assert scan(edge.lan, f"{LAN}.9", f"{LAN}.1", lambda: bool(banned(edge)), 6) is None
    assert reachable_tcp(edge.lan, f"{LAN}.1", [443]) == {443}


@pytest.mark.row("S4")
def test_who_is_ours_passes_even_when_a_ban_names_it(edge, applied, lifted):
    applied(firewall=firewall.State(trusted=(f"{WAN}.9",)))
    edge.pbx.network.run("nft", "add", "element", "inet", "bans", "sip4", f"{{ {WAN}.9 }}")
    try:
        assert reachable_tcp(edge.wan, f"{WAN}.1", [443]) == {443}
    finally:
        edge.pbx.network.run("nft", "delete", "element", "inet", "bans", "sip4", f"{{ {WAN}.9 }}")


@pytest.mark.row("S4")
def test_a_ban_outlives_new_rules_and_is_lifted_by_hand(edge, applied, lifted):
    applied(firewall=OPEN)
    edge.pbx.engine._actions.ask_bans("set", "sip", "banip", f"{WAN}.9")
    applied(firewall=firewall.State(telephones=(f"{LAN}.0/24",)))
    assert reachable_tcp(edge.wan, f"{WAN}.1", [443]) == set()
    edge.pbx.engine.lift("sip", f"{WAN}.9")
    assert reachable_tcp(edge.wan, f"{WAN}.1", [443]) == {443}
    assert edge.pbx.engine.bans() == ()


def test_what_is_not_banned_cannot_be_lifted(edge, applied):
    applied()
    with pytest.raises(Refused, match=r"192\.0\.2\.77 is not banned"):
        edge.pbx.engine.lift("sip", "192.0.2.77")


def fail2ban_regex(folder, line, name):
    rule = folder / f"etc/fail2ban/filter.d/centralino-{name}.conf"
    done = subprocess.run(
        ["fail2ban-regex", "--print-all-matched", line, str(rule)], capture_output=True, text=True
    )
    return "1 matched" in done.stdout


@pytest.mark.parametrize(
    ("name", "line", "found"),
    [
        ("provisioning", "provisioning WARNING 203.0.113.9 refused (token)", True),
        ("provisioning", "provisioning WARNING 203.0.113.9 refused (other)", False),
        ("portal", "portal WARNING 2001:db8::9 refused (sign-in)", True),
        ("portal", "x portal WARNING 203.0.113.9 refused (sign-in)", False),
    ],
)
def test_each_log_line_counts_for_whom_it_names(edge, applied, name, line, found):
    applied()
    assert fail2ban_regex(edge.pbx.folder, line, name) is found


SECURITY = (
    "[2026-11-28 09:00:00.123] SECURITY[77] res_security_log.c: "
    'SecurityEvent="{event}",EventTV="2026-11-28T09:00:00.123+0000",Severity="Error",'
    'Service="PJSIP",EventVersion="1",AccountID="{account}",SessionID="x",'
    'LocalAddress="IPV4/UDP/192.0.2.1/5060",RemoteAddress="IPV4/UDP/203.0.113.9/5061"'
)


@pytest.mark.parametrize(
    ("event", "account", "found"),
    [
        ("InvalidAccountID", "100", True),
        ("SuccessfulAuth", "100", False),
        ("ChallengeSent", "100", False),
        ("InvalidAccountID", 'x",RemoteAddress="IPV4/UDP/198.51.100.1/1', False),
    ],
)
def test_a_line_of_the_security_log_bans_nobody_that_its_author_chose(
    edge, applied, event, account, found
):
    applied()
    assert (
        fail2ban_regex(edge.pbx.folder, SECURITY.format(event=event, account=account), "sip")
        is found
    )


def test_every_jail_has_its_sets_in_the_packet_filter(edge, applied):
    applied()
    listed = edge.pbx.network.run("nft", "list", "table", "inet", "bans")
    assert all(f"set {jail}{version} {{" in listed for jail in bans.JAILS for version in (4, 6))


@pytest.mark.row("S4")
def test_a_network_that_is_blocked_by_hand_reaches_nothing_until_its_last_day_is_over(
    edge, applied
):
    today = datetime.datetime.now(datetime.UTC).date()
    for until, reached in (
        ("", set()),
        ((today + datetime.timedelta(days=2)).isoformat(), set()),
        ((today - datetime.timedelta(days=2)).isoformat(), {443}),
    ):
        block = bans.Block("guesser", f"{WAN}.0/24", "guessed numbers for a week", until)
        applied(bans=bans.State(blocks=(block,)))
        assert reachable_tcp(edge.wan, f"{WAN}.1", [443]) == reached, until
    assert reachable_tcp(edge.lan, f"{LAN}.1", [443]) == {443}


@pytest.mark.row("S4")
@pytest.mark.parametrize("network", [f"{LAN}.7/32", "0.0.0.0/4", "127.0.0.0/24"])
def test_a_block_never_hits_what_is_ours_or_half_the_internet(edge, network):
    ours = firewall.State(telephones=(f"{LAN}.0/24",))
    block = bans.Block("ours", network, "a slip")
    state = edge.pbx.state.replaced(firewall=ours, bans=bans.State(blocks=(block,)))
    found = [each.where for each in registry.check(state)]
    assert "bans/blocks/ours/network" in found
