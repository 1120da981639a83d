"""Figures that a run measures, printed together, each beside its limit."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. `limit` is the most that it may be, None where it is only told."""

    part: str
    what: str
    value: float
    unit: str
    limit: float | None = None

    def line(self) -> str:
        limit = "" if self.limit is None else f"  (at most {self.limit:g} {self.unit})"
        return f"{self.part:10} {self.what:48} {self.value:8.1f} {self.unit}{limit}"


@dataclass(slots=True)
class Figures:
    """All figures of a run, in the order in which they came."""

    collected: list[Figure] = field(default_factory=list)

    def add(
        self, part: str, what: str, value: float, unit: str, limit: float | None = None
    ) -> Figure:
        """Note a figure; returns it."""
        made = Figure(part, what, value, unit, limit)
        self.collected.append(made)
        return made

    def lines(self) -> list[str]:
        return [each.line() for each in self.collected]
