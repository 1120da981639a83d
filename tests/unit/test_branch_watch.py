"""Which branches are missed: those that should be connected and are not."""

import json
import time

import pytest

from appliance.state.machine import Layout
from appliance.system import branch_watch, vpn_sessions
from appliance.system.vpn_authority import VpnAuthority
from tests.support import branches

pytestmark = pytest.mark.row("S5")

STATUS = """TITLE\tOpenVPN
HEADER\tCLIENT_LIST\tCommon Name\tReal Address\tVirtual Address\tVirtual IPv6 Address\t\
Bytes Received\tBytes Sent\tConnected Since\tConnected Since (time_t)\tUsername
CLIENT_LIST\tbranch-1\t198.51.100.7:40112\t10.8.0.2\t\t5120\t4096\tnow\t1800000000\tUNDEF
END"""


@pytest.fixture
def company(tmp_path, monkeypatch):
    """Two branches; both were given a router two hours ago, and one server is asked."""
    layout = Layout(tmp_path)
    layout.state.mkdir(parents=True)
    authority = VpnAuthority(layout.vpn, lambda: time.time() - 7200)
    authority.ensure()
    for name in ("branch-1", "branch-2"):
        authority.issue(name)
    monkeypatch.setattr(vpn_sessions, "sockets", lambda _layout: [tmp_path / "main.sock"])
    found = tuple(vpn_sessions.parsed("main", STATUS.splitlines()))
    monkeypatch.setattr(vpn_sessions, "sessions", lambda _layout: found)
    made = branches.state(branches.branch("modena", 1), branches.branch("parma", 2))
    return layout, authority, branches.company(made)


def missed(layout, state):
    return [(raised.name, raised.subject) for raised in branch_watch.cut_off(layout, state)]


def test_an_open_tunnel_is_read_from_the_servers_status():
    (session,) = vpn_sessions.parsed("main", STATUS.splitlines())
    assert (session.name, session.source, session.address) == (
        *("branch-1", "198.51.100.7"),
        "10.8.0.2",
    )
    assert (session.received, session.sent, session.since) == (5120, 4096, 1_800_000_000)


def test_a_branch_without_a_tunnel_is_missed(company):
    layout, _authority, state = company
    assert missed(layout, state) == [("site-cut-off", "Parma")]


def test_a_branch_whose_routers_were_all_shut_out_is_not_waited_for(company):
    layout, authority, state = company
    authority.revoke("branch-2")
    assert missed(layout, state) == []


def test_without_a_server_to_ask_nothing_is_said(company, monkeypatch):
    layout, _authority, state = company
    monkeypatch.setattr(vpn_sessions, "sockets", lambda _layout: [])
    assert branch_watch.cut_off(layout, state) is None


def echo_says(layout, at, **branches):
    folder = layout.run_of("echo")
    folder.mkdir(parents=True)
    told = {site: {"twice": twice} for site, twice in branches.items()}
    (folder / "status.json").write_text(json.dumps({"at": at, "branches": told}))


@pytest.mark.row("B5")
def test_two_routers_that_ask_in_one_name_are_an_alarm(company):
    layout, _authority, state = company
    echo_says(layout, time.time(), modena=False, parma=True)
    assert [r.subject for r in branch_watch.twice(layout, state)] == ["Parma"]


@pytest.mark.row("B5")
def test_an_old_word_of_the_echo_service_says_nothing(company):
    layout, _authority, state = company
    assert branch_watch.twice(layout, state) is None
    echo_says(layout, time.time() - 60, parma=True)
    assert branch_watch.twice(layout, state) is None
