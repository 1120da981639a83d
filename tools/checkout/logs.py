"""One log for each process, with times, that never grows beyond a limit."""

from __future__ import annotations

import datetime
import os
import threading
from pathlib import Path
from typing import BinaryIO

LARGEST_BYTES = 4 * 1024 * 1024
"""A log that reaches this becomes NAME.log.1, and the former .1 is gone."""

LONGEST_LINE = 8192


class Log:
    """The log of one process. Lines of several threads do not mix."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)

    def write(self, line: str) -> None:
        """Add one line with the time; control characters are shown, not obeyed."""
        now = datetime.datetime.now().astimezone().isoformat(" ", "milliseconds")
        shown = "".join(sign if sign.isprintable() or sign == "\t" else "�" for sign in line)
        with self._lock:
            self._rotate()
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{now} {shown}\n")

    def last_lines(self, count: int) -> list[str]:
        """The newest lines, for a message about what went wrong."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 64 * 1024))
            return file.read().decode("utf-8", "replace").splitlines()[-count:]

    def follow(self, stream: BinaryIO) -> threading.Thread:
        """Copy a process's output until it ends; returns the thread that does it."""
        thread = threading.Thread(target=self._copy, args=(stream,), daemon=True)
        thread.start()
        return thread

    def _copy(self, stream: BinaryIO) -> None:
        with stream:
            while line := stream.readline(LONGEST_LINE):
                self.write(line.decode("utf-8", "replace").rstrip("\r\n"))

    def _rotate(self) -> None:
        if self.path.exists() and self.path.stat().st_size >= LARGEST_BYTES:
            os.replace(self.path, self.path.with_suffix(".log.1"))
