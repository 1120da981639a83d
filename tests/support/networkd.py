"""A machine whose addresses come from the real systemd-networkd of the Debian root.

It runs in the machine's network namespace, in a mount namespace in which the root is its own and
the engine's folders are where networkd looks for them. Without systemd as the first process
there is no daemon for the host's name and none for the resolver: `hostnamectl` is answered by the
name of a UTS namespace, which is all that it would change.

    with managed_machine() as machine:
        machine.apply(network.State(managed=True, …))
        assert "192.0.2.10/24" in machine.addresses()
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.apply import atomic
from appliance.services import registry
from appliance.system import network
from appliance.system.actions import Host
from appliance.system.machine import Facts, write_facts
from tests.support.network import Network, new_network
from tests.support.pbx import Pbx, new_system
from tools.debian_root import build

WIRED = "lan0"
"""The machine's interface; its other end is `far0` in the neighbour's namespace."""

STARTS_WITHIN_S = 15.0

_START = """
set -e
mount --bind "$ROOT" "$ROOT"
cd "$ROOT"
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs var/lib
mount -t tmpfs tmpfs etc/systemd/network
mkdir -p run/systemd/netif var/lib/centralino
chroot . chown systemd-network: /run/systemd/netif
mount --bind "$MACHINE/var/lib/centralino" var/lib/centralino
mount --bind "$MACHINE/etc/systemd/network" etc/systemd/network
# What DHCP calls this machine by follows from it (RFC 8415 section 11).
echo 0123456789abcdef0123456789abcdef > run/machine-id
mount --bind run/machine-id etc/machine-id
mount -t proc proc proc
# Without udev: networkd asks for it unless /sys cannot be written (systemd's udev_available()).
mount -t sysfs -o ro sysfs sys
exec chroot . /usr/lib/systemd/systemd-networkd
"""


class NetworkdHost(Host):
    """Reaches the namespaces of the daemon `pid`."""

    __slots__ = ("pid",)
    pid: int

    def enter(self, pid: int) -> None:
        """Commands run beside this process from now on."""
        object.__setattr__(self, "pid", pid)

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run one command beside the daemon."""
        beside = (
            "nsenter",
            f"--target={self.pid}",
            "--mount",
            "--uts",
            "--net",
            "--root",
            "--wd=/",
        )
        wanted = tuple(command)
        if wanted[0] == "hostnamectl":
            wanted = ("hostname", *(() if wanted[-1] == "hostname" else wanted[-1:]))
        return Host(beside).run(wanted)


@dataclass(frozen=True, slots=True)
class Managed:
    """The machine, its neighbour at the other end of the cable, and what reaches it."""

    pbx: Pbx
    neighbour: Network
    host: NetworkdHost

    def apply(self, state: network.State, *, keep: bool = True) -> int:
        """Put a network in force; returns the revision."""
        whole = registry.empty_state().replaced(network=state)
        number = self.pbx.apply(whole)
        if keep and self.pbx.engine.trial():
            self.pbx.engine.confirm(number)
        return number

    def addresses(self, device: str = WIRED) -> set[str]:
        """The global addresses of an interface with their prefix lengths."""
        said = self.pbx.network.run("ip", "-json", "address", "show", "dev", device)
        return {
            f"{each['local']}/{each['prefixlen']}"
            for each in json.loads(said)[0]["addr_info"]
            if each["scope"] == "global"
        }

    def routes(self) -> dict[str, str]:
        """Network -> gateway of either version of IP."""
        found = {}
        for version in ("-4", "-6"):
            said = self.pbx.network.run("ip", version, "-json", "route", "show")
            found |= {e["dst"]: e["gateway"] for e in json.loads(said) if "gateway" in e}
        return found

    def name(self) -> str:
        """The machine's name for the kernel."""
        return self.host.run(("hostname",)).stdout.strip()


@contextmanager
def managed_machine() -> Iterator[Managed]:
    """A machine whose network the engine manages, with Asterisk and networkd running."""
    with ExitStack() as stack:
        host = NetworkdHost()
        pbx = stack.enter_context(
            new_system(manages=("network",), host_of=lambda _network, _folder: host)
        )
        neighbour = stack.enter_context(new_network("far"))
        far = ("peer", "name", "far0", "netns", neighbour.name)
        pbx.network.run("ip", "link", "add", WIRED, "type", "veth", *far)
        neighbour.run("ip", "link", "set", "far0", "up")
        write_facts(pbx.machine.layout, Facts(host_name="first", manages=("network",)))
        pbx.start_asterisk()
        stack.enter_context(_networkd(pbx, host))
        yield Managed(pbx, neighbour, host)


@contextmanager
def _networkd(pbx: Pbx, host: NetworkdHost) -> Iterator[None]:
    folder = pbx.folder / network.FOLDER
    folder.mkdir(parents=True)
    # As the image has it: nobody else gives this interface anything.
    atomic.write_file(folder / "90-none.network", b"[Match]\nName=nothing\n", 0o644)
    command = ["env", f"ROOT={build()}", f"MACHINE={pbx.folder}"]
    command += ["unshare", "--mount", "--uts", "sh", "-c", _START]
    with (pbx.folder / "networkd.log").open("wb") as log:
        daemon = pbx.network.start(command, stdout=log, stderr=log)
    try:
        host.enter(daemon.pid)
        _until_it_answers(host, pbx.folder / "networkd.log")
        yield
    finally:
        daemon.terminate()
        daemon.wait(STARTS_WITHIN_S)


def _until_it_answers(host: NetworkdHost, log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while host.run(("networkctl", "reload")).returncode:
        if time.monotonic() > deadline:
            raise RuntimeError(f"networkd does not start:\n{log.read_text()}")
        time.sleep(0.1)
