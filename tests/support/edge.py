"""A machine between networks: real packet filter, real fail2ban, and somebody who scans it.

    with edge_machine() as edge:
        edge.pbx.apply_services(firewall=firewall.State(telephones=("10.77.1.0/24",)))
        assert reachable_tcp(edge.wan, WAN_MACHINE, range(1, 65536)) == {80, 443}

The machine is the namespace of a `Pbx`; `wan`, `lan` and `carrier` are namespaces at the other
ends of cables of its own.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.network import Network, new_network
from tests.support.pbx import Pbx, new_system

WAN, LAN, CARRIER = "198.51.100", "10.77.1", "203.0.113"
"""The networks around the machine, which is .1 in each; its neighbour is .9."""

SIX = "2001:db8:5::"
ANSWERS_WITHIN_S = 0.4
STARTS_WITHIN_S = 15.0


@dataclass(frozen=True, slots=True)
class Edge:
    """The machine and its neighbours."""

    pbx: Pbx
    wan: Network
    lan: Network
    carrier: Network


@contextmanager
def edge_machine() -> Iterator[Edge]:
    """A machine whose packet filter and bans the engine manages; Asterisk does not run yet."""
    with ExitStack() as stack:
        pbx = stack.enter_context(new_system(manages=("firewall", "bans")))
        # Ports that nobody listens on answer at once, and as often as they are asked.
        pbx.network.run("sysctl", "-qw", "net.ipv4.icmp_ratelimit=0")
        others = {}
        for name, net in (("wan", WAN), ("lan", LAN), ("carrier", CARRIER)):
            others[name] = stack.enter_context(new_network(name))
            pbx.network.join(others[name], f"{net}.1/24", f"{net}.9/24")
        _give_six(pbx.network, others["wan"])
        yield Edge(pbx, **others)


def _give_six(machine: Network, wan: Network) -> None:
    for network, net, own in ((machine, WAN, "1"), (wan, WAN, "9")):
        link = network.run("ip", "-o", "addr", "show", "to", f"{net}.0/24").split()[1]
        network.run("ip", "-6", "addr", "add", f"{SIX}{own}/64", "dev", link, "nodad")


def reachable_tcp(
    source: Network, target: str, ports: Iterable[int], batch: int = 6000
) -> set[int]:
    """The TCP ports at which anything answers, be it with a refusal."""
    return _reachable(source, target, list(ports), batch, socket.SOCK_STREAM)


def reachable_udp(
    source: Network, target: str, ports: Iterable[int], batch: int = 6000
) -> set[int]:
    """The UDP ports whose packets get to the machine, which refuses those nobody listens on."""
    return _reachable(source, target, list(ports), batch, socket.SOCK_DGRAM)


def _reachable(source: Network, target: str, ports: list[int], batch: int, kind: int) -> set[int]:
    found: set[int] = set()
    for begin in range(0, len(ports), batch):
        found |= _answered(source, target, ports[begin : begin + batch], kind)
    return found


def _answered(source: Network, target: str, ports: Collection[int], kind: int) -> set[int]:
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    sockets: dict[int, socket.socket] = {}
    with source.entered():
        for port in ports:
            sockets[port] = socket.socket(family, kind | socket.SOCK_NONBLOCK)
    try:
        for port, each in sockets.items():
            each.connect_ex((target, port))
            if kind == socket.SOCK_DGRAM:
                each.send(_options(each, target))
        time.sleep(ANSWERS_WITHIN_S)
        return {port for port, each in sockets.items() if _heard(each, kind)}
    finally:
        for each in sockets.values():
            each.close()


def _options(each: socket.socket, target: str) -> bytes:
    """The question that a SIP server answers to anybody."""
    own = f"{each.getsockname()[0]}:{each.getsockname()[1]}"
    lines = (
        f"OPTIONS sip:{target} SIP/2.0",
        f"Via: SIP/2.0/UDP {own};branch=z9hG4bK-{own}",
        f"From: <sip:scan@{target}>;tag=1",
        f"To: <sip:{target}>",
        f"Call-ID: {own}",
        "CSeq: 1 OPTIONS",
        "Max-Forwards: 70",
        "Content-Length: 0",
    )
    return "\r\n".join((*lines, "", "")).encode()


def _heard(each: socket.socket, kind: int) -> bool:
    """Whether the other side has said anything: accepted, refused, or answered."""
    if each.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return True
    try:
        if kind == socket.SOCK_STREAM:
            each.getpeername()
        else:
            each.recv(1, socket.MSG_DONTWAIT)
    except OSError:
        return False
    return True


@contextmanager
def running_fail2ban(pbx: Pbx) -> Iterator[None]:
    """fail2ban as Debian packages it, with the files that the engine shows it."""
    folder, run = pbx.folder / "etc/fail2ban", pbx.folder / "run"
    lay_out_fail2ban(folder)
    # The journal is the one thing of the appliance that a namespace has not.
    journal = "".join(f"[{jail}]\nenabled = false\n" for jail in ("portal", "provisioning"))
    (folder / "jail.local").write_text(journal)
    command = ["fail2ban-server", "-x", "-f", "-c", str(folder), "-s", str(run / "fail2ban.sock")]
    command += ["-p", str(run / "fail2ban.pid"), "--logtarget", str(pbx.folder / "fail2ban.log")]
    command += ["start"]
    kept = f"[Definition]\ndbfile = {pbx.folder}/fail2ban.sqlite3\n"
    (folder / "fail2ban.local").write_text(kept)
    pbx.engine.take_hold()
    server = pbx.network.start(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until(lambda: pbx.engine._actions.ask_bans("ping"))
        yield
    finally:
        server.terminate()
        server.wait(STARTS_WITHIN_S)


def lay_out_fail2ban(folder: Path) -> None:
    """The package's own files, without any jail."""
    for name in ("action.d", "filter.d"):
        shutil.copytree(f"/etc/fail2ban/{name}", folder / name, dirs_exist_ok=True)
    for file in Path("/etc/fail2ban").glob("*.conf"):
        shutil.copy(file, folder)
    os.makedirs(folder / "jail.d", exist_ok=True)


def _until(asked: object) -> None:
    from appliance.system.actions import ActionFailed

    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            asked()  # type: ignore[operator]
            return
        except ActionFailed:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
