"""One event loop for everything: sockets that are read, and things that are due.

asyncio would do, at twice the memory: it brings TLS, subprocess and signal machinery that
a small router pays for and this agent does not use.
"""

from __future__ import annotations

import heapq
import itertools
import selectors
import time
from collections.abc import Callable
from typing import Protocol


class Readable(Protocol):
    """What select(2) can wait for."""

    def fileno(self) -> int: ...


class Loop:
    """Calls back when a socket can be read and when a moment has come."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.over = False
        self._selector = selectors.DefaultSelector()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def watch(self, source: Readable, ready: Callable[[], None]) -> None:
        """Call `ready` whenever `source` can be read."""
        self._selector.register(source, selectors.EVENT_READ, ready)

    def unwatch(self, source: Readable) -> None:
        """Look at `source` no more; before it is closed."""
        self._selector.unregister(source)

    def after(self, seconds: float, due: Callable[[], None]) -> None:
        """Call `due` once, when so many seconds have passed."""
        heapq.heappush(self._due, (self.clock() + seconds, next(self._order), due))

    def every(self, seconds: float, due: Callable[[], None]) -> None:
        """Call `due` now and again and again; what takes long does not make it catch up."""

        def again() -> None:
            due()
            self.after(seconds, again)

        again()

    def run(self) -> None:
        """Serve until `over`."""
        while not self.over:
            self._wait()
            now = self.clock()
            while self._due and self._due[0][0] <= now:
                heapq.heappop(self._due)[2]()

    def _wait(self) -> None:
        left = self._due[0][0] - self.clock() if self._due else 1.0
        for key, _events in self._selector.select(max(0.0, min(left, 1.0))):
            key.data()
