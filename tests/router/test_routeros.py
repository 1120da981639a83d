"""The port for routers without tls-crypt, with a real OpenVPN set up as RouterOS is.

RouterOS itself cannot be had here. What its manual says of its client: a certificate, a user name
and a password that nobody asks for, TLS 1.2, AES-256-GCM, UDP, no tls-crypt, no pushed routes.
"""

from __future__ import annotations

import dataclasses
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.system.vpn_authority import VpnAuthority
from tests.router.conftest import branch_company
from tests.support import branch_lab
from tests.support.branch_lab import PUBLIC, Ground, answers, connected, openvpn_command, until
from tests.support.figures import Figures
from tests.support.network import Network
from tests.support.pbx import ADDRESS, Pbx

pytestmark = [pytest.mark.row("I4"), pytest.mark.row("S5"), pytest.mark.timeout(120)]

PORT = 1197


@pytest.fixture(scope="module")
def ground(branch_pbx: Pbx) -> Iterator[Ground]:
    with branch_lab.ground(branch_pbx, branch_company(router="routeros")) as laid:
        network = laid.router
        for n in (1, 2):
            network.run("ip", "address", "add", f"100.64.{n}.2/24", "dev", f"wan{n}")
        network.run("ip", "address", "add", "10.20.1.1/24", "dev", "lan0")
        for link in ("wan1", "wan2", "lan0"):
            network.run("ip", "link", "set", link, "up")
        network.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        leave_by(network, 1)
        yield laid


def leave_by(network: Network, line: int) -> None:
    """What the script's distances do: this line's default route is the one."""
    network.run("ip", "route", "replace", "default", "via", f"100.64.{line}.1")


def configuration(profile, folder: Path) -> Path:
    """RouterOS's client in OpenVPN's words."""
    (folder / "login").write_text(f"{profile.identity.name}\nunused\n")
    (folder / "login").chmod(0o600)
    path = folder / "routeros.conf"
    path.write_text(
        f"client\ndev voice\ndev-type tun\nproto udp4\nremote {PUBLIC} {profile.server.ports[0]}\n"
        "nobind\ndisable-dco\ntls-version-min 1.2\ntls-version-max 1.2\nauth none\n"
        f"data-ciphers AES-256-GCM\nauth-user-pass {folder / 'login'}\nauth-nocache\n"
        "remote-cert-tls server\nroute-nopull\nconnect-retry 1 1\nhand-window 10\nverb 3\n"
        f"<ca>\n{profile.vpn.authority}</ca>\n<cert>\n{profile.vpn.certificate}</cert>\n"
        f"<key>\n{profile.vpn.key}</key>\n"
    )
    return path


@contextmanager
def client(network: Network, file: Path) -> Iterator[Path]:
    """OpenVPN with this file; yields its log."""
    log = file.with_suffix(".log")
    with log.open("wb") as out:
        command = [*openvpn_command().split(), "--config", str(file)]
        process = network.start(command, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield log
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture
def profile(branch_pbx, ground):
    return branch_lab.router_profile_for(branch_pbx, branch_pbx.state)


@pytest.fixture
def router(ground, profile, tmp_path):
    """A router whose tunnel is up; yields its log."""
    network = ground.router
    with client(network, configuration(profile, tmp_path)) as log:
        until(lambda: "Initialization Sequence Completed" in log.read_text(), 20, "it connects")
        network.run("ip", "route", "replace", f"{ADDRESS}/32", "dev", "voice", "src", "10.20.1.1")
        until(lambda: answers(ground.phone, ADDRESS), 10, "the telephone reaches the appliance")
        yield log


def test_a_client_like_routeros_connects_by_its_certificate_alone(router, branch_pbx, profile):
    assert profile.server.ports[0] == PORT
    assert connected(branch_pbx) == {"branch-1"}
    assert "Data Channel: cipher 'AES-256-GCM'" in router.read_text()


@pytest.mark.row("B3")
def test_its_session_moves_with_the_line_as_ours_does(ground, router, figures: Figures):
    ground.providers[0].silence()
    began = time.monotonic()
    leave_by(ground.router, 2)
    try:
        until(lambda: answers(ground.phone, ADDRESS, 0.2), 5, "the other line carries the tunnel")
        figures.add("routeros", "after the route has moved", time.monotonic() - began, "s", 5)
        assert router.read_text().count("Initialization Sequence Completed") == 1
    finally:
        ground.providers[0].heal()
        leave_by(ground.router, 1)


def test_a_router_of_another_authority_is_refused(ground, branch_pbx, profile, tmp_path):
    layout = dataclasses.replace(branch_pbx.machine.layout, prefix=tmp_path / "other")
    layout.state.mkdir(parents=True)
    authority = VpnAuthority(layout.vpn, time.time)
    authority.ensure()
    papers = authority.issue("branch-1")
    own = dataclasses.replace(profile.vpn, certificate=papers.certificate, key=papers.key.reveal())
    forged = dataclasses.replace(profile, vpn=own)
    server = branch_pbx.machine.layout.run_of("tunnels") / "tunnel2.log"
    until(lambda: connected(branch_pbx) == set(), 30, "the router before is forgotten")
    with client(ground.router, configuration(forged, tmp_path)):
        until(lambda: "VERIFY ERROR" in server.read_text(), 20, "the certificate is refused")
        assert connected(branch_pbx) == set()


def test_the_port_is_shut_and_its_device_gone_when_no_branch_has_routeros(branch_pbx, ground):
    assert f":{PORT} " in branch_pbx.network.run("ss", "-Hlun")
    branch_pbx.apply(branch_company())
    until(lambda: f":{PORT} " not in branch_pbx.network.run("ss", "-Hlun"), 15, "the port is shut")
    until(lambda: "branch2" not in branch_pbx.network.run("ip", "-br", "link"), 10)
