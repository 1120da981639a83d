"""Counts wrong guesses by source, within bounds that an attacker cannot stretch."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

ALLOWED = 20
WITHIN_S = 600
REMEMBERED = 10_000
"""Sources; the one that was silent longest is forgotten first."""


@dataclass(slots=True)
class _Count:
    since: float
    times: int = 0


class Misses:
    """Wrong secrets of each source. Good requests are never counted: the phones of a
    branch come from one address."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def note(self, source: str, now: float) -> bool:
        """Count one miss; returns whether it is still worth a line in the log."""
        count = self._counts.get(source)
        if count is None or now - count.since > WITHIN_S:
            count = self._counts[source] = _Count(now)
        self._counts.move_to_end(source)
        while len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)
        count.times += 1
        return count.times <= ALLOWED + 1

    def too_many(self, source: str, now: float) -> bool:
        """Whether a source has used up its guesses for now."""
        count = self._counts.get(source)
        return count is not None and count.times > ALLOWED and now - count.since <= WITHIN_S
