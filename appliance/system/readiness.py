"""How one sees from outside that a process does its work, not only that it lives.

Each probe has one method, `problem()`: "" when all is well, else a sentence for people.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from appliance.apply.client import EngineClient, EngineUnreachable
from appliance.asterisk.console import Console, ConsoleError

PATIENCE_S = 3.0
"""How long one probe waits for an answer."""


class Probe(Protocol):
    def problem(self) -> str: ...


@dataclass(frozen=True, slots=True)
class EngineAnswers:
    """The engine tells its status on its socket."""

    path: Path

    def problem(self) -> str:
        try:
            EngineClient(self.path, PATIENCE_S).status()
        except EngineUnreachable as error:
            return str(error)
        return ""


@dataclass(frozen=True, slots=True)
class AsteriskBooted:
    """Asterisk says on its console that it is fully booted."""

    control: Path

    def problem(self) -> str:
        try:
            # Not just any answer: the console is there before the modules are.
            said = Console(self.control, PATIENCE_S).ask("core waitfullybooted")
        except ConsoleError as error:
            return str(error)
        return "" if "fully booted" in said else "the telephone service is still starting"


@dataclass(frozen=True, slots=True)
class RelayListens:
    """The mail relay waits at the other end of its pipe (fifo(7): without a reader it
    cannot be opened for writing)."""

    trigger: Path

    def problem(self) -> str:
        try:
            os.close(os.open(self.trigger, os.O_WRONLY | os.O_NONBLOCK))
        except OSError as error:
            return f"the mail relay does not listen ({error.strerror})"
        return ""


@dataclass(frozen=True, slots=True)
class StatusFresh:
    """The process writes a status file every second, and says in it that all is well."""

    path: Path
    within_s: float = 10.0

    def problem(self) -> str:
        try:
            age = time.time() - self.path.stat().st_mtime
            status = json.loads(self.path.read_bytes())
        except (OSError, ValueError):
            return "it has not told its status yet"
        if age > self.within_s:
            return f"it has told nothing for {age:.0f} s"
        return "" if status.get("running", True) else "not all of its programs run"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(str(self._path))


@dataclass(frozen=True, slots=True)
class HealthAnswers:
    """`GET /health` on a Unix socket answers 200."""

    path: Path

    def problem(self) -> str:
        connection = _UnixConnection(self.path)
        try:
            connection.request("GET", "/health")
            answer = connection.getresponse()
            text = answer.read(4096).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            return f"no answer on {self.path.name} ({error})"
        finally:
            connection.close()
        return "" if answer.status == 200 else f"says {answer.status}: {_reason(text)}"


def _reason(text: str) -> str:
    """What a health answer gives as its reason, or its beginning."""
    try:
        return str(json.loads(text)["reason"])
    except (ValueError, KeyError, TypeError):
        return text.strip()[:200]


@dataclass(frozen=True, slots=True)
class TlsAnswers:
    """A server completes a TLS handshake. Whose certificate it presents is not asked here:
    the owner may have brought one that this machine itself does not trust."""

    port: int

    def problem(self) -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with (
                socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as plain,
                context.wrap_socket(plain, server_hostname="localhost"),
            ):
                return ""
        except OSError as error:
            return f"no answer on port {self.port} ({error})"


@dataclass(frozen=True, slots=True)
class FileThere:
    """A process leaves this file once it does its work."""

    path: Path

    def problem(self) -> str:
        return "" if self.path.exists() else "is still at it"
