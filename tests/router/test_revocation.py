"""A router that is revoked is out at once, and stays out: with a real OpenVPN at both ends."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.state.machine import Layout
from appliance.system import vpn_sessions
from appliance.system.vpn_authority import Identity, VpnAuthority
from tests.support.network import Network, new_network

pytestmark = [pytest.mark.row("S5"), pytest.mark.timeout(120)]

WITHIN_S = 10.0


@contextlib.contextmanager
def openvpn(network: Network, configuration: Path) -> Iterator[Path]:
    """OpenVPN with this configuration; yields its log."""
    log = configuration.with_suffix(".log")
    with log.open("wb") as out:
        command = ["openvpn", "--config", str(configuration)]
        process = network.start(command, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield log
        finally:
            process.terminate()
            process.wait(10)


def server(layout: Layout, authority: VpnAuthority) -> Path:
    layout.vpn_sockets.mkdir(parents=True)
    path = layout.prefix / "server.conf"
    path.write_text(
        f"dev tun\nproto udp4\nlocal 127.0.0.1\nport 11194\ntopology subnet\n"
        f"server 10.8.0.0 255.255.255.0\nkeepalive 1 5\ndisable-dco\nverb 3\n"
        f"ca {authority.authority}\ncert {layout.vpn}/server.crt\nkey {layout.vpn}/server.key\n"
        f"crl-verify {authority.revocations}\ntls-crypt-v2 {layout.vpn}/tls-crypt-v2.key\n"
        f"dh none\nremote-cert-tls client\n"
        f"management {layout.vpn_sockets}/main.sock unix\n"
    )
    return path


def router(folder: Path, name: str, identity: Identity) -> Path:
    path = folder / f"{name}.conf"
    path.write_text(
        "client\ndev tun\nproto udp4\nremote 127.0.0.1 11194\nnobind\ndisable-dco\nverb 3\n"
        "ifconfig-noexec\nroute-noexec\nremote-cert-tls server\nconnect-retry 1 1\n"
        "hand-window 5\n"
        f"<ca>\n{identity.authority}</ca>\n<cert>\n{identity.certificate}</cert>\n"
        f"<key>\n{identity.key.reveal()}</key>\n"
        f"<tls-crypt-v2>\n{identity.tls_crypt.reveal()}</tls-crypt-v2>\n"
    )
    return path


def names(layout: Layout) -> list[str]:
    return [session.name for session in vpn_sessions.sessions(layout)]


def until(condition, within_s: float = 20.0) -> float:
    """Seconds until the condition holds; fails when it does not in time."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < within_s, "this did not happen in time"
        time.sleep(0.05)
    return time.monotonic() - start


@pytest.fixture
def branch(tmp_path):
    """A server, its authority, and a router that is connected; yields both and the log."""
    layout = Layout(tmp_path)
    authority = VpnAuthority(layout.vpn, time.time)
    layout.state.mkdir(parents=True)
    authority.ensure()
    identity = authority.issue("branch-1")
    with new_network() as network, openvpn(network, server(layout, authority)) as log:
        until(lambda: vpn_sessions.sockets(layout))
        with openvpn(network, router(tmp_path, "router", identity)):
            until(lambda: names(layout) == ["branch-1"])
            yield layout, authority, log, network


def test_a_revoked_router_is_out_within_ten_seconds_and_does_not_come_back(branch, figures):
    layout, authority, log, _network = branch
    start = time.monotonic()
    assert authority.revoke("branch-1")
    assert vpn_sessions.put_off(layout, "branch-1") == 1
    until(lambda: names(layout) == [])
    took = time.monotonic() - start
    figures.add("revocation", "a revoked router is out", took, "s", WITHIN_S)
    assert took <= WITHIN_S
    until(lambda: "certificate revoked" in log.read_text())
    assert names(layout) == []


@pytest.mark.row("B5")
def test_a_spare_comes_in_where_the_router_before_it_is_kept_out(branch, figures):
    layout, authority, log, network = branch
    spare = authority.issue("branch-1")
    authority.revoke("branch-1", below=spare.record.generation)
    vpn_sessions.put_off(layout, "branch-1")
    until(lambda: "certificate revoked" in log.read_text())
    with openvpn(network, router(layout.prefix, "spare", spare)):
        took = until(lambda: names(layout) == ["branch-1"])
        figures.add("revocation", "its spare is in", took, "s")
        refused = log.read_text().count("certificate revoked")
        until(lambda: log.read_text().count("certificate revoked") > refused)
        assert names(layout) == ["branch-1"]
