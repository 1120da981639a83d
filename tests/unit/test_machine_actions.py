"""Actions on the machine's own daemons: only where the engine manages them, and shown to fail."""

import os
import subprocess

import pytest

from appliance.asterisk.reloads import (
    BANS,
    CATALOGUE,
    FIREWALL,
    NETWORK,
    VPN,
    for_console,
    in_order,
)
from appliance.state.machine import Layout, Machine
from appliance.system.actions import ACTIONS, ActionFailed, Actions, Host
from appliance.system.network import MARK
from appliance.verify.probes import Probe
from appliance.verify.readback import of_machine


class Notes(Host):
    """A host that notes what it is asked to run, and answers as `said` has it."""

    def __init__(self):
        super().__init__()
        object.__setattr__(self, "ran", [])
        object.__setattr__(self, "said", {})

    __slots__ = ("ran", "said")

    def run(self, command):
        self.ran.append(tuple(command))
        status, text = self.said.get(command[0], (0, ""))
        return subprocess.CompletedProcess(command, status, text, text if status else "")


@pytest.fixture
def host():
    return Notes()


def actions(tmp_path, host, *manages):
    root = tmp_path / "var/lib/centralino/revisions/000001/root"
    root.mkdir(parents=True, exist_ok=True)
    current = tmp_path / "var/lib/centralino/current"
    if not current.is_symlink():
        current.symlink_to("revisions/000001")
    return Actions(Machine(Layout(tmp_path), manages=manages), host), root


def write(root, path):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text("text\n")


def test_a_checkout_touches_nothing_of_its_machine(tmp_path, host):
    ours, root = actions(tmp_path, host)
    write(root, "etc/systemd/network/05-lan.network")
    ours.perform(ACTIONS)
    ours.perform_all()
    assert host.ran == []
    assert not (tmp_path / "etc").exists()


def test_actions_come_before_asterisk_in_the_order_of_the_catalogue(tmp_path, host):
    ours, _root = actions(tmp_path, host, FIREWALL, VPN, NETWORK, BANS)
    assert ours.managed(["bans", "dialplan", "network", "firewall"]) == (
        "network",
        "firewall",
        "bans",
    )
    first = in_order([*ACTIONS, "logger"])
    assert [for_console(each) for each in first] == [False] * 4 + [True]
    assert tuple(ACTIONS) == tuple(name for name in CATALOGUE if name in ACTIONS)


def test_files_of_the_revision_in_force_are_seen_below_etc_and_vanish_with_it(tmp_path, host):
    ours, root = actions(tmp_path, host, VPN)
    own = tmp_path / "etc/openvpn/server/own.conf"
    write(tmp_path, "etc/openvpn/server/own.conf")
    write(root, "etc/openvpn/server/tunnel0.conf")
    ours.perform((VPN,))
    link = own.with_name("tunnel0.conf")
    assert link.read_text() == "text\n"
    assert not os.path.isabs(os.readlink(link))
    (root / "etc/openvpn/server/tunnel0.conf").unlink()
    ours.perform((VPN,))
    assert sorted(path.name for path in own.parent.iterdir()) == [own.name]
    assert [command[0] for command in host.ran] == ["systemctl"] * 2


def test_files_of_the_network_are_written_only_where_they_differ_and_vanish_with_it(tmp_path, host):
    ours, root = actions(tmp_path, host, NETWORK)
    others = tmp_path / "etc/systemd/network/90-dhcp.network"
    write(tmp_path, "etc/systemd/network/90-dhcp.network")
    rendered = root / "etc/systemd/network/05-lan.network"
    write(root, "etc/systemd/network/05-lan.network")
    rendered.write_bytes(MARK + b" for a test\n")
    ours.perform((NETWORK,))
    seen = others.with_name("05-lan.network")
    assert seen.read_bytes() == rendered.read_bytes()
    inode = seen.stat().st_ino
    ours.perform((NETWORK,))
    assert seen.stat().st_ino == inode
    rendered.unlink()
    ours.perform((NETWORK,))
    assert sorted(path.name for path in others.parent.iterdir()) == [others.name]
    assert host.ran == [("networkctl", "reload")] * 3


def test_a_revision_without_rules_goes_back_to_those_of_the_first_start(tmp_path, host):
    ours, root = actions(tmp_path, host, FIREWALL)
    ours.perform((FIREWALL,))
    write(root, "etc/nftables.d/50-edge.nft")
    ours.perform((FIREWALL,))
    assert host.ran[0] == ("nft", "-f", str(tmp_path / "etc/nftables.conf"))
    assert host.ran[1][2].endswith("current/root/etc/nftables.d/50-edge.nft")


def test_a_daemon_that_refuses_is_named_with_what_it_says(tmp_path, host):
    ours, _root = actions(tmp_path, host, FIREWALL)
    host.said["nft"] = (1, "edge.nft:3:1: Error: syntax error\nmore")
    with pytest.raises(ActionFailed, match=r"nft: edge.nft:3:1: Error: syntax error$"):
        ours.perform((FIREWALL,))


def test_at_a_start_one_daemon_that_refuses_does_not_stop_the_others(tmp_path, host, caplog):
    ours, _root = actions(tmp_path, host, NETWORK, FIREWALL)
    host.said["networkctl"] = (1, "no bus")
    ours.perform_all()
    assert [command[0] for command in host.ran] == ["networkctl", "nft"]
    assert "action=network failed: networkctl: no bus" in caplog.text


def test_a_program_that_is_not_there_is_a_failed_action(tmp_path):
    ours, _root = actions(tmp_path, Host(before=("/nonexistent/program",)), FIREWALL)
    with pytest.raises(ActionFailed, match="nft: FileNotFoundError"):
        ours.perform((FIREWALL,))


def test_the_machine_is_asked_until_its_answer_is_right_or_the_time_is_over(tmp_path, host):
    ours, _root = actions(tmp_path, host, NETWORK)
    host.said["ip"] = (0, "2: lan    inet 192.0.2.10/24")
    right = Probe("network/lan", "addresses", ("inet 192.0.2.10/24",), target=NETWORK)
    wrong = Probe(
        "network/lan", "addresses", ("inet 192.0.2.11/24",), target=NETWORK, within_s=0.25
    )
    assert list(of_machine(ours, [right])) == []
    (found,) = of_machine(ours, [wrong])
    assert (found.where, found.missing) == ("network/lan", "inet 192.0.2.11/24")
    assert len(host.ran) > 2


def test_what_the_engine_does_not_manage_is_not_asked_about(tmp_path, host):
    ours, _root = actions(tmp_path, host, FIREWALL)
    probe = Probe("network/lan", "addresses", ("inet 192.0.2.10/24",), target=NETWORK)
    assert list(of_machine(ours, [probe])) == []
    assert host.ran == []
