"""Programs of others that the agent keeps running: OpenVPN, dnsmasq, chrony."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

log = logging.getLogger("children")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
LASTED_S = 60.0
"""A program that ran this long begins with the first pause again."""

ENDS_WITHIN_S = 3.0


class Child:
    """One program with its configuration, started again whenever it ends.

    The configuration is written anew at each start, for root alone, and is gone when the
    program is stopped: it may hold keys.
    """

    def __init__(self, name: str, command: Sequence[str], folder: Path, text: str) -> None:
        self.name = name
        self.path = folder / f"{name}.conf"
        self._command = [each.replace("{}", str(self.path)) for each in command]
        self._log = folder / f"{name}.log"
        self._text = text
        self._process: subprocess.Popen[bytes] | None = None
        self._pause_s, self._start_at, self._started_at = FIRST_PAUSE_S, 0.0, 0.0

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def look(self, now: float) -> None:
        """Start it when it does not run and its pause is over; called about twice a second."""
        if self.running:
            return
        if self._process is not None:
            self._note_end(self._process.returncode, now)
        if now >= self._start_at:
            self._start(now)

    def _note_end(self, status: int, now: float) -> None:
        lasted = now - self._started_at
        longer = min(2 * self._pause_s, LONGEST_PAUSE_S)
        self._pause_s = FIRST_PAUSE_S if lasted > LASTED_S else longer
        log.warning("%s ended with %d after %.0f s", self.name, status, lasted)
        self._process, self._start_at = None, now + self._pause_s

    def _start(self, now: float) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w") as file:
            file.write(self._text)
        with self._log.open("wb") as output:
            try:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            except OSError as error:
                log.error("%s cannot be started: %s", self.name, error)
                self._start_at = now + LONGEST_PAUSE_S
                return
        self._started_at = now

    def stop(self) -> None:
        """End it and wait until it has gone."""
        if self._process is not None and self.running:
            self._process.terminate()
            try:
                self._process.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        self.path.unlink(missing_ok=True)
