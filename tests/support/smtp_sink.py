"""A mail server that keeps what it is given, for tests (RFC 5321, the part clients use).

    with SmtpSink(("10.99.9.1", 25), inside=network.entered()) as sink:
        mail = sink.expect(within_s=10)

It can be stopped and started again on the same address, as a server that is down.
"""

from __future__ import annotations

import email
import email.policy
import socket
import socketserver
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from email.message import EmailMessage
from typing import Any


class SmtpSink:
    """One server. `mails` holds (envelope recipients, message), oldest first."""

    def __init__(
        self, address: tuple[str, int], inside: AbstractContextManager[object] | None = None
    ) -> None:
        self.address = address
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self._arrived = threading.Condition()
        self._inside = inside
        self._server: _Server | None = None

    def __enter__(self) -> SmtpSink:
        with self._inside or nullcontext():
            listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(self.address)
        listening.listen()
        self._server = _Server(listening, self._take)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        assert self._server
        self._server.shutdown()
        self._server.server_close()

    def expect(self, within_s: float) -> EmailMessage:
        """The oldest mail that nobody has taken yet; AssertionError after `within_s`."""
        deadline = time.monotonic() + within_s
        with self._arrived:
            while not self.mails:
                left = deadline - time.monotonic()
                assert left > 0, f"no mail within {within_s:g} s"
                self._arrived.wait(left)
            return self.mails.pop(0)[1]

    def _take(self, recipients: list[str], data: bytes) -> None:
        message = email.message_from_bytes(data, policy=email.policy.default)
        with self._arrived:
            self.mails.append((recipients, message))
            self._arrived.notify_all()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, listening: socket.socket, take: Any) -> None:
        super().__init__(listening.getsockname(), _Session, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.take = take


class _Session(socketserver.StreamRequestHandler):
    """One connection of a client."""

    def handle(self) -> None:
        recipients: list[str] = []
        self._say("220 sink")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"EHLO":
                self._say("250-sink\r\n250 8BITMIME")
            elif verb == b"RCPT":
                recipients.append(line.decode().partition(":")[2].strip())
                self._say("250 ok")
            elif verb == b"DATA":
                self._say("354 go on")
                self.server.take(recipients, self._data())  # type: ignore[attr-defined]
                recipients = []
                self._say("250 taken")
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _data(self) -> bytes:
        lines = []
        for line in self.rfile:
            if line.rstrip(b"\r\n") == b".":
                break
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return b"".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")
