"""Tells systemd that the agent is ready and still alive (sd_notify(3)), where one listens."""

from __future__ import annotations

import contextlib
import os
import socket

EVERY_S = 5.0


def tell(words: str) -> None:
    """Send one message, such as `READY=1`; nothing happens where nobody listens.

    One that is lost while the manager starts anew is sent again with the next.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.settimeout(1)
        with contextlib.suppress(OSError):
            sender.sendto(words.encode(), address)
