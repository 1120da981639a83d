"""Counts what metered lines have carried this month, over restarts."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

from failover_router.echo import write_json

log = logging.getLogger("usage")

NEVER_BEFORE = 2026
"""A year before this is no date but a clock without battery."""


class Usage:
    """Bytes a line has carried in the month at hand."""

    def __init__(self, path: Path, wall: Callable[[], float] = time.time) -> None:
        self._path, self._wall = path, wall
        self._month, self._used = self._read()
        self._last: dict[str, int] = {}

    def _read(self) -> tuple[str, dict[str, int]]:
        try:
            data = json.loads(self._path.read_text())
            used = {str(name): int(count) for name, count in data["used"].items()}
            return str(data["month"]), used
        except FileNotFoundError:
            return "", {}
        except (ValueError, KeyError, TypeError, AttributeError):
            log.warning("the count of metered lines cannot be read and begins anew")
            return "", {}

    def count(self, line: str, counter: int) -> int:
        """Note an interface's counter; returns the line's bytes of this month.

        A counter below the last one is a new interface: a modem that was plugged in again.
        """
        self._turn_month()
        last = self._last.get(line, counter)
        self._last[line] = counter
        self._used[line] = self._used.get(line, 0) + (
            counter - last if counter >= last else counter
        )
        return self._used[line]

    def _turn_month(self) -> None:
        now = time.gmtime(self._wall())
        month = f"{now.tm_year}-{now.tm_mon:02}"
        if now.tm_year < NEVER_BEFORE or month == self._month:
            return
        if self._month:
            self._used = {}
        self._month = month

    def used(self, line: str) -> int:
        """Bytes of this month so far."""
        return self._used.get(line, 0)

    def keep(self) -> None:
        """Write the count; called every minute, so a power cut forgets one at most."""
        write_json(self._path, {"month": self._month, "used": self._used})
