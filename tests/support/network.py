"""Network namespaces for tests: a network that only the test's own programs see."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.leftovers import owned_name

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


@dataclass(frozen=True, slots=True)
class Network:
    """A named network namespace (ip-netns(8)) whose loopback is up."""

    name: str

    def run(self, *command: str) -> str:
        """Run a program inside and return what it prints; CalledProcessError on failure."""
        inside = ["ip", "netns", "exec", self.name, *command]
        return subprocess.run(inside, check=True, capture_output=True, text=True).stdout

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a program inside; the caller stops it."""
        inside = ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", self.name, *command]
        return subprocess.Popen(inside, **options)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Put this thread inside (setns(2)). Sockets stay where they were made, so it is
        enough to make them here and to use them anywhere afterwards."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            _enter(there)
            try:
                yield
            finally:
                _enter(home)
        finally:
            os.close(there)
            os.close(home)

    def own(self, network: str) -> None:
        """Make every address of `network` (CIDR) one of this namespace's own, so that many
        agents can have an address each without any set-up."""
        self.run("ip", "route", "add", "local", network, "dev", "lo")

    def join(self, other: Network, mine: str, theirs: str) -> None:
        """Lay a cable to another namespace; `mine` and `theirs` are addresses with prefix
        length, e.g. 10.9.0.1/24. Several cables between the same two are possible."""
        here, there = owned_name("c"), owned_name("c")
        far = ["peer", "name", there, "netns", other.name]
        self.run("ip", "link", "add", here, "type", "veth", *far)
        for network, link, address in ((self, here, mine), (other, there, theirs)):
            network.run("ip", "address", "add", address, "dev", link)
            network.run("ip", "link", "set", link, "up")


def _enter(namespace: int) -> None:
    if _LIBC.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def new_network(kind: str = "net") -> Iterator[Network]:
    """A namespace that is gone afterwards, with everything that lives on its interfaces."""
    network = Network(owned_name(kind))
    subprocess.run(["ip", "netns", "add", network.name], check=True)
    try:
        network.run("ip", "link", "set", "lo", "up")
        yield network
    finally:
        subprocess.run(["ip", "netns", "delete", network.name], check=True)


@contextmanager
def sound_lost(network: Network, percent: int = 100) -> Iterator[None]:
    """So much of the sound that telephones in `network` send does not leave it."""
    with lost(network, "output", "udp dport 10000-65535", percent):
        yield


@contextmanager
def lost(network: Network, hook: str, packets: str, percent: int = 100) -> Iterator[None]:
    """So much of what passes a hook of nftables in `network`, and is among those `packets` (as a
    rule of nft says it), is dropped."""
    table = f"lost_{hook}"
    chance = f"numgen random mod 100 < {percent}" if percent < 100 else ""
    network.run("nft", f"add table inet {table}")
    network.run("nft", f"add chain inet {table} here {{ type filter hook {hook} priority 0; }}")
    network.run("nft", f"add rule inet {table} here {packets} {chance} drop")
    try:
        yield
    finally:
        network.run("nft", f"delete table inet {table}")
