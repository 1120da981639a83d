"""One line as the agent watches it: its way out, its probes, its packet size."""

from __future__ import annotations

import logging
from collections.abc import Callable

from failover_router import kernel
from failover_router.loop import Loop
from failover_router.policy import Answered, Event, Link, Lost, Machine
from failover_router.prober import Asker, Identity, Numbers
from failover_router.router_profile import Line
from failover_router.routes import Way

log = logging.getLogger("line")

SIZES = (1500, 1492, 1480, 1460, 1440, 1420, 1400, 1380, 1340, 1300, 1280)
"""IP packets that are tried: Ethernet, PPPoE (RFC 2516), 6in4, VPNs below, IPv6's least."""

SIZE_TRIES = 3
SIZE_WITHIN_S = 2.0
SIZE_AGAIN_S = 600.0


class Watched:
    """A line under observation. `take` gets every event, `to` tells where to ask."""

    def __init__(
        self,
        loop: Loop,
        machine: Machine,
        line: Line,
        order: int,
        identity: Identity,
        numbers: Numbers,
        take: Callable[[Event], None],
        to: Callable[[], tuple[str, int]],
        tunnel: Callable[[], int],
    ) -> None:
        self.line, self.order = line, order
        self.way: Way | None = None
        self.address = ""
        self.mtu = 0
        self._loop, self._machine, self._take = loop, machine, take
        self._to, self._tunnel = to, tunnel
        self._asker = Asker(
            loop, identity, numbers, order, line.interface, self._heard, self._missed
        )
        self._turn = 0
        self._trying = 0.0
        self._found = 0

    # ── the link ──────────────────────────────────────────────────────────────────

    def look(self) -> bool:
        """See whether the way out has changed; returns whether it has."""
        carrier = kernel.carrier(self.line.interface)
        address = kernel.address(self.line.interface) if carrier else ""
        way = self._way(address) if address else None
        if (way, address) == (self.way, self.address):
            return False
        new = way is not None and address != self.address
        self.way, self.address = way, address
        log.info("line=%s up=%s address=%s", self.line.name, way is not None, address or "-")
        if way is None:
            self._asker.close()
        elif not self._asker.is_open or new:
            self._asker.open()
        self._take(Link(self.line.name, self._loop.clock(), up=way is not None, new=new))
        if way is not None:
            self.probe()
            self._loop.after(0.5, self.measure_size)
        return True

    def _way(self, address: str) -> Way | None:
        if self.line.addressing == "static":
            return Way(self.line.name, self.line.interface, self.line.gateway)
        if self.way is not None and address == self.address:
            return self.way
        gateway = kernel.learnt_gateway(self.order, self.line.interface)
        return None if gateway is None else Way(self.line.name, self.line.interface, gateway)

    # ── probes ────────────────────────────────────────────────────────────────────

    def probe(self) -> None:
        """Ask now, and again when the policy says."""
        self._turn += 1
        if self.way is None:
            return
        self._asker.ask(self._to(), self._tunnel(), self._machine.lost_after_s(self.line.name))
        self._again()

    def _again(self) -> None:
        turn = self._turn
        seconds = self._machine.interval_s(self.line.name, self._loop.clock())
        self._loop.after(seconds, lambda: self.probe() if turn == self._turn else None)

    def _heard(self, rtt_s: float, size: int) -> None:
        if size:
            self._found = max(self._found, size)
            return
        self._take(Answered(self.line.name, self._loop.clock(), rtt_s))

    def _missed(self, sent: float) -> None:
        self._take(Lost(self.line.name, self._loop.clock(), sent))
        # Suspicion shortens the wait for the next question, which is under way already.
        self._turn += 1
        self._again()

    # ── the path's packet size ────────────────────────────────────────────────────

    def measure_size(self) -> None:
        """Find the largest packet that comes through in both directions, unbroken."""
        if self.way is None or self._trying > self._loop.clock():
            return
        self._trying = self._loop.clock() + SIZE_WITHIN_S
        self._found = 0
        for size in SIZES:
            for _ in range(SIZE_TRIES):
                self._asker.ask(self._to(), self._tunnel(), SIZE_WITHIN_S, size)
        self._loop.after(SIZE_WITHIN_S, self._size_known)

    def _size_known(self) -> None:
        if self._found and self._found != self.mtu:
            log.info("line=%s mtu=%d", self.line.name, self._found)
        # Nothing came through: the line is silent just now, which says nothing of sizes.
        self.mtu = self._found or self.mtu
        self._loop.after(SIZE_AGAIN_S if self._found else 10.0, self.measure_size)
