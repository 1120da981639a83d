"""The course of one application: its steps, told as they begin and timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

Progress = Callable[[str], None]
"""Told the name of each step as it begins: rendering, proving, switching …"""


def untold(_step: str) -> None:
    """Progress that nobody wants to know of."""


@dataclass(slots=True)
class Course:
    """One application on its way."""

    tell: Progress = untold
    begun: list[tuple[str, float]] = field(default_factory=list)

    def step(self, name: str) -> None:
        """A step begins; the one before has ended."""
        self.begun.append((name, time.monotonic()))
        self.tell(name)

    def seconds(self) -> dict[str, float]:
        """Step -> how long it took; the last one until now."""
        ends = [*(at for _name, at in self.begun[1:]), time.monotonic()]
        pairs = zip(self.begun, ends, strict=True)
        return {name: round(end - at, 4) for (name, at), end in pairs}
