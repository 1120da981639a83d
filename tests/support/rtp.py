"""The end of a call's sound: sends packets that can be told apart, and keeps what comes.

RFC 3550 for the head, PCMA (payload type 8, RFC 3551) for the rest. No jitter buffer and no
clock: what is asked is only whether sound arrives, and whose.
"""

from __future__ import annotations

import socket
import struct
import time
from contextlib import AbstractContextManager, nullcontext

PCMA = 8
PACKET_BYTES = 160
"""20 ms at 8000 samples a second."""


class SoundEnd:
    """One socket. `mark` is the byte that every sample sent from here has; `inside` is
    entered while the socket is made, e.g. a network namespace."""

    def __init__(self, mark: int, inside: AbstractContextManager[object] | None = None) -> None:
        self.mark = mark
        with inside or nullcontext():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._sequence = 0

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def __enter__(self) -> SoundEnd:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def send(self, port: int) -> None:
        """One packet to a port of the loopback address."""
        self._sequence += 1
        head = struct.pack(
            ">BBHII", 0x80, PCMA, self._sequence, self._sequence * PACKET_BYTES, self.mark
        )
        self._socket.sendto(head + bytes([self.mark]) * PACKET_BYTES, ("127.0.0.1", port))

    def heard(self) -> list[bytes]:
        """The sound of every packet that has come since this was asked last."""
        found = []
        while True:
            try:
                found.append(self._socket.recv(2048)[12:])
            except BlockingIOError:
                return found


def talk(ends: tuple[SoundEnd, SoundEnd], ports: tuple[int, int], for_s: float) -> list[int]:
    """Both speak for a while; returns how many packets of the other each has heard."""
    counts = [0, 0]
    deadline = time.monotonic() + for_s
    while time.monotonic() < deadline:
        for end, port in zip(ends, ports, strict=True):
            end.send(port)
        time.sleep(0.02)
        for number, end in enumerate(ends):
            other = bytes([ends[1 - number].mark])
            counts[number] += sum(1 for sound in end.heard() if sound[:1] == other)
    return counts
