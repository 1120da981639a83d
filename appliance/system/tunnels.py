"""The appliance's ends of the branch tunnels: devices, addresses, routes, packet filter, OpenVPN.

A process of its own, since tunnels must live while the engine works or starts anew. It follows the
revision in force by itself, as everything here follows from rendered files, and the echo
service tells it which tunnel each branch's voice comes out of.

Every route to a branch has the inner address as its source. Without that, Asterisk would answer
from the tunnel's own address, no connection would match, and the first change of line would
end every call.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from appliance.state.codec import decode
from appliance.state.faults import StateError
from appliance.state.fields import Between
from appliance.state.machine import Layout
from appliance.system import notify, vpn, vpn_sessions
from failover_router import kernel
from failover_router.children import Child
from failover_router.echo import write_json
from failover_router.kernel import KernelError
from failover_router.loop import Loop
from failover_router.routes import LAST_RESORT

log = logging.getLogger("tunnels")

ACCOUNT = "centralino-vpn"
LOOK_EVERY_S = 0.5
TELL_EVERY_S = 2.0
ROUTE_MTU = 1300
"""Packets to branches: small enough for a tunnel over PPPoE, a VPN or 4G below it."""

ACTIVE, BEHIND = 5, 15
"""Metrics of the tunnel that a branch uses, and of its other one."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One tunnel's end: its device, and the address that it has with its prefix length."""

    device: vpn.Interface
    address: vpn.OptionalIpv4Interface


@dataclass(frozen=True, slots=True)
class Reached:
    """A branch as routes know it; `name` is the common name of its routers."""

    number: Annotated[int, Between(1, vpn.MOST_BRANCHES)]
    name: str
    networks: tuple[vpn.Ipv4Network, ...]
    tunnels: tuple[Annotated[int, Between(0, len(vpn.DEVICES) - 1)], ...]
    """The tunnels that its router may open, the first of them used until it says otherwise."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the revision in force says; `forward`: some branches reach each other."""

    inner_address: vpn.Ipv4
    forward: bool
    tunnels: tuple[Tunnel, ...]
    branches: tuple[Reached, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """What the echo service tells: this branch's voice now comes out of that tunnel."""

    branch: Annotated[int, Between(1, vpn.MOST_BRANCHES)]
    tunnel: Annotated[int, Between(0, vpn.TUNNELS - 1)]


@dataclass(frozen=True, slots=True)
class Files:
    """The texts of one revision that matter here."""

    wanted: Wanted
    rules: str
    configurations: tuple[str, ...]
    routers: frozenset[tuple[str, str]]
    """(common name, what OpenVPN does for it) of every router that is let in."""


def read_files(folder: Path) -> Files | None:
    """The revision's files, None when no branch connects; StateError when they are damaged."""
    try:
        wanted = decode(Wanted, json.loads((folder / "tunnels.json").read_bytes()))
    except FileNotFoundError:
        return None
    routers = {
        (path.name, f"{path.parent.name} {path.read_text()}") for path in folder.glob("routers?/*")
    }
    configurations = tuple(
        (folder / f"tunnel{each}.conf").read_text() for each in range(len(wanted.tunnels))
    )
    rules = (folder / "branches.nft").read_text()
    return Files(wanted, rules, configurations, frozenset(routers))


def device_commands(wanted: Wanted) -> Iterator[str]:
    """Commands of ip(8) for addresses and devices."""
    yield f"address replace {wanted.inner_address}/32 dev lo"
    for tunnel in wanted.tunnels:
        yield f"address replace {tunnel.address} dev {tunnel.device}"
        yield f"link set {tunnel.device} up"


def route_commands(wanted: Wanted, branch: Reached, active: int) -> Iterator[str]:
    """Routes to a branch: its active tunnel first. Without any, packets for it stay here."""
    for network in branch.networks:
        for number in branch.tunnels:
            tunnel = wanted.tunnels[number]
            metric = ACTIVE if number == active else BEHIND
            yield (
                f"route replace {network} dev {tunnel.device} "
                f"src {wanted.inner_address} mtu {ROUTE_MTU} metric {metric}"
            )
        yield f"route replace unreachable {network} metric {LAST_RESORT}"


def stale_commands(wanted: Wanted, branch: Reached, active: int) -> Iterator[str]:
    """Take away the same routes with the other tunnel's metric."""
    for network in branch.networks:
        for number in branch.tunnels:
            tunnel = wanted.tunnels[number]
            metric = BEHIND if number == active else ACTIVE
            yield f"route del {network} dev {tunnel.device} metric {metric}"


def gone_commands(wanted: Wanted, networks: Iterable[str]) -> Iterator[str]:
    """Take away every route to networks that are no branch's any more."""
    for network in networks:
        for tunnel in wanted.tunnels:
            for metric in (ACTIVE, BEHIND):
                yield f"route del {network} dev {tunnel.device} metric {metric}"
        yield f"route del unreachable {network} metric {LAST_RESORT}"


def gone_from(wanted: Wanted, branch: Reached) -> Iterator[str]:
    """Take away a branch's routes over tunnels that are not its router's."""
    for number, tunnel in enumerate(wanted.tunnels):
        if number not in branch.tunnels:
            for network in branch.networks:
                for metric in (ACTIVE, BEHIND):
                    yield f"route del {network} dev {tunnel.device} metric {metric}"


def _devices(files: Files | None) -> set[str]:
    return {tunnel.device for tunnel in files.wanted.tunnels} if files else set()


def _networks(wanted: Wanted) -> list[str]:
    return [network for branch in wanted.branches for network in branch.networks]


class Tunnels:
    """What runs now. `look` brings it in line with the revision in force."""

    def __init__(self, layout: Layout, account: str, group: str, openvpn: tuple[str, ...]) -> None:
        self.loop = Loop()
        self._layout = layout
        self._folder = layout.run_of("tunnels")
        self._command = [*openvpn, "--user", account, "--group", group, "--config", "{}"]
        self._files: Files | None = None
        self._revision = ""
        self._children: list[Child] = []
        self._active: dict[int, int] = {}
        self._follower = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def run(self) -> None:
        """Serve until the loop is told that it is over."""
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        path = self._folder / "follower.sock"
        path.unlink(missing_ok=True)
        self._follower.bind(str(path))
        os.chmod(path, 0o660)
        self.loop.watch(self._follower, self._hear)
        self.loop.every(LOOK_EVERY_S, self._look)
        self.loop.every(TELL_EVERY_S, self._tell)
        notify.tell("READY=1")
        try:
            self.loop.run()
        finally:
            self._stop_children()

    # ── the revision in force ─────────────────────────────────────────────────────

    def _look(self) -> None:
        revision = str(self._layout.current.resolve())
        if revision != self._revision:
            try:
                self._use(read_files(self._layout.current / "root" / vpn.FOLDER))
                self._revision = revision
            except (OSError, StateError, ValueError, KernelError) as error:
                log.error("revision %s cannot be followed: %s", revision, error)
        for child in self._children:
            child.look(self.loop.clock())

    def _tell(self) -> None:
        status = {
            "branches": len(self._files.wanted.branches) if self._files else 0,
            "running": all(child.running for child in self._children),
            "active": {str(number): tunnel for number, tunnel in self._active.items()},
        }
        write_json(self._folder / "status.json", status)

    def _use(self, files: Files | None) -> None:
        old, self._files = self._files, files
        if files is None:
            if old is not None:
                self._take_down(old)
            return
        self._make_devices(files, old)
        if old is None or files.rules != old.rules:
            kernel.nft(files.rules)
        self._lay_routes(files.wanted, old.wanted if old else None)
        if old is None or files.configurations != old.configurations:
            self._start_children(files)
        elif files.routers != old.routers:
            self._put_off(old.routers - files.routers)
        log.info("%d branches may connect", len(files.wanted.branches))

    def _make_devices(self, files: Files, old: Files | None) -> None:
        if old is not None and old.wanted.tunnels == files.wanted.tunnels:
            kernel.ip(device_commands(files.wanted))
            return
        for tunnel in files.wanted.tunnels:
            kernel.make_tun(tunnel.device)
        for device in _devices(old) - _devices(files):
            kernel.remove_link(device)
        kernel.set_sysctls(
            [
                *((f"net/ipv4/conf/{t.device}/rp_filter", "2") for t in files.wanted.tunnels),
                *([("net/ipv4/ip_forward", "1")] if files.wanted.forward else ()),
            ]
        )
        kernel.ip(device_commands(files.wanted))

    def _lay_routes(self, wanted: Wanted, old: Wanted | None) -> None:
        before = set(_networks(old)) if old else set()
        kept = set(_networks(wanted))
        kernel.ip(gone_commands(wanted, sorted(before - kept)), force=True)
        for branch in wanted.branches:
            active = self._active.get(branch.number, branch.tunnels[0])
            if active not in branch.tunnels:  # another router stands there now
                active = self._active[branch.number] = branch.tunnels[0]
            kernel.ip(gone_from(wanted, branch), force=True)
            kernel.ip(route_commands(wanted, branch, active))

    def _take_down(self, old: Files) -> None:
        """No branch is left: nothing of all this stays."""
        self._stop_children()
        kernel.nft("table ip branches {}\ndelete table ip branches\n")
        kernel.ip(gone_commands(old.wanted, _networks(old.wanted)), force=True)
        for tunnel in old.wanted.tunnels:
            kernel.remove_link(tunnel.device)
        kernel.ip([f"address del {old.wanted.inner_address}/32 dev lo"], force=True)

    # ── OpenVPN ───────────────────────────────────────────────────────────────────

    def _start_children(self, files: Files) -> None:
        self._stop_children()
        self._layout.vpn_sockets.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._children = [
            Child(f"tunnel{number}", self._command, self._folder, text)
            for number, text in enumerate(files.configurations)
        ]

    def _stop_children(self) -> None:
        for child in self._children:
            child.stop()
        self._children = []

    def _put_off(self, changed: frozenset[tuple[str, str]]) -> None:
        """Routers that are let in no longer, or otherwise, connect anew or not at all."""
        for name in sorted({name for name, _text in changed}):
            vpn_sessions.put_off(self._layout, name)

    # ── the echo service's word ───────────────────────────────────────────────────

    def _hear(self) -> None:
        while True:
            try:
                message = self._follower.recv(1024)
            except BlockingIOError:
                return
            try:
                moved = decode(Moved, json.loads(message))
            except (ValueError, StateError):
                log.warning("a message about an active tunnel made no sense")
                continue
            self._follow(moved)

    def _follow(self, moved: Moved) -> None:
        if self._files is None or self._active.get(moved.branch) == moved.tunnel:
            return
        self._active[moved.branch] = moved.tunnel
        wanted = self._files.wanted
        for branch in wanted.branches:
            if branch.number == moved.branch:
                kernel.ip(route_commands(wanted, branch, moved.tunnel))
                kernel.ip(stale_commands(wanted, branch, moved.tunnel), force=True)
                log.info("branch %d is reached through tunnel %d", moved.branch, moved.tunnel)


def main() -> None:
    """Entry point of `python -m appliance.system.tunnels`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prefix", type=Path, default=Path("/"))
    parser.add_argument("--user", default=ACCOUNT, help="account that OpenVPN goes on as")
    parser.add_argument("--group", default=ACCOUNT)
    parser.add_argument("--openvpn", default="openvpn", help="command that starts OpenVPN")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    layout = Layout(options.prefix)
    tunnels = Tunnels(layout, options.user, options.group, tuple(options.openvpn.split()))

    def end(*_signal: object) -> None:
        tunnels.loop.over = True

    signal.signal(signal.SIGTERM, end)
    tunnels.run()


if __name__ == "__main__":
    main()
