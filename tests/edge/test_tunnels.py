"""The doors for branches as strangers meet them, and what keeps a broken one from being opened."""

from __future__ import annotations

import dataclasses
import os
import secrets
import socket
import struct
from contextlib import contextmanager

import pytest

from appliance.apply.errors import NotProved
from appliance.services.organisation import Site
from appliance.services.organisation import State as Organisation
from appliance.system import firewall, vpn
from tests.support import branches
from tests.support.branch_lab import appliance_side, until
from tests.support.edge import LAN, WAN, reachable_tcp, reachable_udp

OWN = {1194, 1195, 1196}
ROUTEROS = 1197
PHONES = firewall.State(telephones=(f"{LAN}.0/24",))
HARD_RESET_V2, HARD_RESET_V3, SERVER_RESET = 7, 10, 8
"""How OpenVPN's clients begin, without and with tls-crypt-v2, and how a server answers
(openvpn-rfc, "Packet types")."""


def company(**branch):
    """One branch in Modena and telephones in the house."""
    made = dataclasses.replace(branches.branch(**branch))
    sites = Organisation(sites=(Site("main", "Sede"), Site("modena", "Modena")))
    doors = branches.state(made, addresses=(f"{WAN}.1",))
    return {"vpn": doors, "organisation": sites, "firewall": PHONES}


def listening(edge) -> set[int]:
    said = edge.pbx.network.run("ss", "-Hlun").splitlines()
    return {int(line.split()[3].rpartition(":")[2]) for line in said}


@contextmanager
def open_doors(edge, ports):
    with appliance_side(edge.pbx, edge.pbx.network):
        until(lambda: ports <= listening(edge), what=f"ports {ports}")
        yield


def beginnings() -> dict[str, bytes]:
    """What somebody may send who knows what listens here, and has no key of ours."""
    session, nothing = secrets.token_bytes(8), struct.pack("!BI", 0, 0)
    wrapped = secrets.token_bytes(64 + 290) + struct.pack("!H", 292)
    return {
        "first packet without a key": bytes([HARD_RESET_V2 << 3]) + session + nothing,
        "first packet with a wrong key": bytes([HARD_RESET_V3 << 3]) + session + wrapped,
        "probe with a wrong tag": os.urandom(49),
        "one byte": b"\0",
        "nothing": b"",
        "name query": bytes.fromhex("000001000001000000000000076578616d706c6503636f6d0000010001"),
    }


def answer(source, port: int, packet: bytes) -> bytes:
    with source.entered():
        asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with asking:
        asking.settimeout(0.5)
        asking.connect((f"{WAN}.1", port))
        asking.send(packet)
        try:
            return asking.recv(2048)
        except TimeoutError:
            return b""


@pytest.mark.row("S6")
def test_a_scan_from_outside_finds_no_door_for_branches_while_they_are_served(edge, applied):
    applied(**company())
    assert reachable_udp(edge.wan, f"{WAN}.1", range(1, 20001)) == OWN  # refused: nobody listens
    with open_doors(edge, OWN):
        assert reachable_udp(edge.wan, f"{WAN}.1", range(1, 20001)) == set()
        assert reachable_tcp(edge.wan, f"{WAN}.1", range(1, 6001)) == {80, 443}


@pytest.mark.row("S6")
def test_strangers_who_know_the_protocols_get_no_answer(edge, applied):
    applied(**company())
    asked = [(port, what, packet) for port in OWN for what, packet in beginnings().items()]
    with open_doors(edge, OWN):
        found = {(port, what): answer(edge.wan, port, packet) for port, what, packet in asked}
    assert {each for each, said in found.items() if said} == set()
    assert len(found) == 18


@pytest.mark.row("S6")
def test_routeros_own_port_answers_strangers_with_a_few_bytes_and_no_other_does(edge, applied):
    """It has no tls-crypt. 26 bytes for 14: with their headers not worth it for flooding others."""
    applied(**company(router="routeros"))
    asked = beginnings()["first packet without a key"]
    with open_doors(edge, OWN | {ROUTEROS}):
        said = answer(edge.wan, ROUTEROS, asked)
        others = {port: answer(edge.wan, port, asked) for port in OWN}
    assert said[0] >> 3 == SERVER_RESET
    assert (len(said), len(asked)) == (26, 14)
    assert others == dict.fromkeys(OWN, b"")


@pytest.mark.row("S6")
def test_routeros_own_port_is_shut_without_such_a_branch(edge, applied):
    applied(**company())
    assert ROUTEROS not in reachable_udp(edge.wan, f"{WAN}.1", [ROUTEROS])


@pytest.mark.row("S5")
@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("disable-dco", "disable-dcoo", "Unrecognized option"),
        ("tls-server", "tls-client", "--mode server requires --tls-server"),
        ("server.key", "authority.key", "Cannot load private key"),
    ],
)
def test_a_tunnel_that_openvpn_would_not_start_is_refused_before_the_switch(
    edge, applied, monkeypatch, right, wrong, said
):
    applied(**company())
    former, made = edge.pbx.engine.store.current(), vpn._tunnel_file

    def broken(state, machine, tunnel):
        file = made(state, machine, tunnel)
        assert right.encode() in file.content
        text = file.content.replace(right.encode(), wrong.encode())
        return dataclasses.replace(file, content=text) if tunnel == 1 else file

    monkeypatch.setattr(vpn, "_tunnel_file", broken)
    with pytest.raises(NotProved) as refused:
        # Each time a state that the engine has not rendered before.
        edge.pbx.apply_services(**company(calls=len(said), reaches_branches=True))
    (fault,) = refused.value.faults
    assert fault.where == "vpn"
    assert "the branches' tunnel on UDP port 1195 would not start" in str(fault)
    assert said in str(fault)
    assert edge.pbx.engine.store.current() == former


@pytest.mark.row("S5")
def test_looking_at_tunnels_leaves_those_that_run_alone(edge, applied):
    applied(**company())
    with open_doors(edge, OWN):
        before = edge.pbx.network.run("ss", "-Hlunp", "sport", "=", ":1194")
        sockets = sorted(edge.pbx.machine.layout.vpn_sockets.iterdir())
        applied(**company(borrow_kbits=100, reaches_branches=True))
        assert edge.pbx.network.run("ss", "-Hlunp", "sport", "=", ":1194") == before
        assert sorted(edge.pbx.machine.layout.vpn_sockets.iterdir()) == sockets
