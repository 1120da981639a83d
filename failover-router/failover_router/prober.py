"""Asks the echo service over every line at once, each through a socket of its own.

One socket for each line, bound to its interface (SO_BINDTODEVICE, socket(7)): the probe
takes this line, whatever the routing table prefers just now.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass

from failover_router import packets
from failover_router.loop import Loop
from failover_router.packets import Header

IP_MTU_DISCOVER = 10
IP_PMTUDISC_PROBE = 3
"""linux/in.h: DF is set, and what the kernel believes of the path is ignored."""

UDP_AND_IP = 28
FORGOTTEN_S = 5.0
"""Answers that are this late say nothing any more."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks; see `packets.Header`."""

    branch: int
    generation: int
    instance: int
    key: bytes


@dataclass(slots=True)
class Asked:
    """A question under way. `size` is that of the whole IP packet where it is a try of the
    path's size, else 0."""

    at: float
    lost: bool = False
    size: int = 0


class Numbers:
    """The numbers of all questions of one start, and the service's nonce as last heard."""

    def __init__(self) -> None:
        self._last = 0
        self.nonce = 0

    def next(self) -> int:
        self._last += 1
        return self._last


class Asker:
    """The questions over one interface. `heard` gets the round trip and the size that was
    tried, `missed` the moment of a question that was not answered in time."""

    def __init__(
        self,
        loop: Loop,
        identity: Identity,
        numbers: Numbers,
        line: int,
        interface: str,
        heard: Callable[[float, int], None],
        missed: Callable[[float], None],
    ) -> None:
        self._loop, self._identity, self._numbers, self._line = loop, identity, numbers, line
        self.interface = interface
        self._heard, self._missed = heard, missed
        self._socket: socket.socket | None = None
        self._open: dict[int, Asked] = {}
        self.sent = 0
        self.answers = 0

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def open(self) -> bool:
        """Bind to the interface; False when there is none of that name (yet)."""
        self.close()
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.interface.encode())
            made.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
            # Network control (RFC 4594 section 3.1), so that a full queue is no dead line.
            made.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xC0)
            made.bind(("0.0.0.0", 0))  # noqa: S104 - the interface decides
        except OSError:
            made.close()
            return False
        self._socket = made
        self._loop.watch(made, self._read)
        return True

    def close(self) -> None:
        if self._socket is not None:
            self._loop.unwatch(self._socket)
            self._socket.close()
            self._socket = None
            self._open.clear()

    def ask(self, to: tuple[str, int], tunnel: int, within_s: float, size: int = 0) -> None:
        """Send one question; what cannot even be sent is lost like the rest."""
        if self._socket is None:
            return
        now, number = self._loop.clock(), self._numbers.next()
        header = self._header(number, tunnel, now)
        length = size - UDP_AND_IP if size else 0
        self._open[number] = Asked(now, size=size)
        with contextlib.suppress(OSError):
            self._socket.sendto(packets.pack(header, self._identity.key, length=length), to)
        self.sent += 1
        self._loop.after(within_s, lambda: self._expire(number))

    def _header(self, number: int, tunnel: int, now: float) -> Header:
        me = self._identity
        return Header(
            packets.QUESTION, me.branch, me.generation, me.instance, self._line,
            tunnel, number, int(now * 1_000_000), self._numbers.nonce,
        )  # fmt: skip

    def _expire(self, number: int) -> None:
        asked = self._open.get(number)
        if asked is None:
            return
        asked.lost = True
        self._loop.after(FORGOTTEN_S, lambda: self._forget(number))
        if not asked.size:
            self._missed(asked.at)

    def _forget(self, number: int) -> None:
        self._open.pop(number, None)

    def _read(self) -> None:
        while self._socket is not None:
            try:
                datagram = self._socket.recv(2048)
            except BlockingIOError:
                return
            except OSError:
                # An ICMP error of an earlier question: that one simply stays unanswered.
                continue
            self._take(datagram)

    def _take(self, datagram: bytes) -> None:
        header = packets.header_of(datagram)
        if header is None or header.kind != packets.ANSWER:
            return
        asked = self._open.get(header.number)
        if asked is None or header.instance != self._identity.instance:
            return
        if not packets.signed(datagram, self._identity.key):
            return
        del self._open[header.number]
        self.answers += 1
        self._numbers.nonce = header.nonce
        self._heard(self._loop.clock() - asked.at, asked.size)
