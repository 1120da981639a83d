"""The console of a running Asterisk, spoken to over its Unix socket.

The same way as `asterisk -rx`, without starting a process for each command: 0.4 ms
instead of 15. The socket is a file, so it also reaches an Asterisk that lives in a
network namespace of its own.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from pathlib import Path


class ConsoleError(RuntimeError):
    """Asterisk could not be asked: it is not running, or it did not answer in time."""


@dataclass(frozen=True, slots=True)
class Console:
    """One Asterisk's console. `control` is its socket, `<astrundir>/asterisk.ctl`."""

    control: Path
    timeout_s: float = 60.0

    def ask(self, command: str) -> str:
        """The answer to `command`, without the greeting line.

        Raises ConsoleError when nothing listens or no answer comes within `timeout_s`,
        ValueError when the command holds a control character.
        """
        if any(ord(sign) < 32 for sign in command):
            raise ValueError(f"control character in console command {command[:60]!r}")
        try:
            answer = self._exchange(command)
        except OSError as error:
            raise ConsoleError(f"the telephone service does not answer ({error})") from error
        # The greeting is "host/pid/version" and a line end (main/asterisk.c, netconsole).
        _greeting, _, text = answer.decode("utf-8", "replace").partition("\n")
        return text

    def _exchange(self, command: str) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self.timeout_s)
            connection.connect(str(self.control))
            # "cli quit after" makes Asterisk close the connection after the answer.
            connection.sendall(b"cli quit after " + command.encode() + b"\0")
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
        return b"".join(parts)

    def running(self) -> bool:
        """Whether an Asterisk answers here at all."""
        try:
            return "Asterisk" in Console(self.control, 5.0).ask("core show version")
        except ConsoleError:
            return False

    def wait_until_booted(self, within_s: float) -> None:
        """Return when Asterisk is fully booted; ConsoleError when that takes too long."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                if "fully booted" in self.ask("core waitfullybooted"):
                    return
            except ConsoleError:
                if time.monotonic() > deadline:
                    raise
            if time.monotonic() > deadline:
                raise ConsoleError(f"the telephone service was not ready within {within_s:.0f} s")
            time.sleep(0.05)
