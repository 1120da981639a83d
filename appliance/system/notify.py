"""Tells systemd that a process is ready and still alive (sd_notify(3)), where one listens."""

from __future__ import annotations

import os
import socket
import time

VARIABLE = "NOTIFY_SOCKET"


def tell(words: str) -> None:
    """Send one message, such as `READY=1`; nothing happens where nobody listens."""
    address = os.environ.get(VARIABLE, "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.settimeout(1)
        try:
            sender.sendto(words.encode(), address)
        except OSError:
            # The manager may be starting anew; a sign of life that is lost is sent again.
            return


class Heartbeat:
    """Sends signs of life, at most one every `every_s` seconds however often it is asked."""

    def __init__(self, every_s: float = 10.0) -> None:
        self._every_s = every_s
        self._last = 0.0

    def beat(self) -> None:
        now = time.monotonic()
        if now - self._last >= self._every_s:
            self._last = now
            tell("WATCHDOG=1")
