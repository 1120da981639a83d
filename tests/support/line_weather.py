"""Lines whose weather a test decides, probed as the agent does, without a network or a clock.

weather = Weather(machine, {"wan1": good(), "wan2": good()})
weather.run(10)
weather.lines["wan1"] = loss(0.3)
moves = weather.run(2)
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from failover_router.policy import Answered, Event, Link, Lost, Machine, Move, Spent, Tick

Outcome = Callable[[float], float | None]
"""Moment -> round trip in seconds, None for a lost probe."""

TICK_S = 0.5


def good(rtt_s: float = 0.01) -> Outcome:
    return lambda _at: rtt_s


def slower(since: float, until: float, rtt_s: float) -> Outcome:
    """A round trip that grows from 10 ms to `rtt_s` between two moments."""
    return lambda at: 0.01 + rtt_s * min(1.0, max(0.0, (at - since) / (until - since)))


def silence() -> Outcome:
    return lambda _at: None


def loss(share: float, rtt_s: float = 0.01, seed: int = 1) -> Outcome:
    """Each direction's loss put together; always the same row of outcomes for a seed."""
    chance = random.Random(seed)
    return lambda _at: None if chance.random() < share else rtt_s


def flapping(period_s: float, rtt_s: float = 0.01) -> Outcome:
    """Silent in every second half of a period."""
    return lambda at: rtt_s if at % period_s < period_s / 2 else None


class Weather:
    """Drives a machine: probes at its intervals, outcomes when they are due."""

    def __init__(self, machine: Machine, lines: dict[str, Outcome]) -> None:
        self.machine = machine
        self.lines = lines
        self.now = 0.0
        self.moves: list[Move] = []
        self._due = dict.fromkeys(lines, 0.0)
        self._coming: list[Event] = []
        self._ticked = 0.0
        for name in lines:
            self.tell(Link(name, 0.0, up=True))

    def tell(self, event: Event) -> None:
        """Let something happen now."""
        self.moves += self.machine.take(event)

    def link(self, name: str, *, up: bool, new: bool = False) -> None:
        self.tell(Link(name, self.now, up=up, new=new))

    def run(self, seconds: float) -> list[Move]:
        """Let time go by; the moves that were made in it."""
        before, end = len(self.moves), self.now + seconds
        while self.now < end:
            due = (*self._due.values(), *(e.at for e in self._coming), self._ticked + TICK_S)
            self.now = min(end, max(self.now, min(due)))
            self._step()
        return self.moves[before:]

    def _step(self) -> None:
        for name in self.lines:
            if self.now >= self._due[name]:
                self._coming += self._probe(name)
                self._due[name] = self.now + self.machine.interval_s(name, self.now)
        ready = sorted((e for e in self._coming if e.at <= self.now), key=lambda e: e.at)
        self._coming = [event for event in self._coming if event.at > self.now]
        for event in ready:
            self.tell(event)
        if self.now - self._ticked >= TICK_S:
            self._ticked = self.now
            self.tell(Tick(self.now))

    def _probe(self, name: str) -> list[Event]:
        """What becomes of one probe; an answer that comes late is lost first."""
        rtt_s, within_s = self.lines[name](self.now), self.machine.lost_after_s(name)
        found: list[Event] = []
        if rtt_s is None or rtt_s > within_s:
            found.append(Lost(name, self.now + within_s, self.now))
        if rtt_s is not None:
            found.append(Answered(name, self.now + rtt_s, rtt_s))
        return found


KINDS: dict[str, Any] = {
    kind.__name__.lower(): kind for kind in (Answered, Lost, Link, Spent, Tick)
}


def events(rows: list[dict[str, Any]]) -> Iterator[Event]:
    """A recorded stream: rows of `{"kind": "lost", "line": …, "at": …}`."""
    for row in rows:
        yield KINDS[row["kind"]](**{name: value for name, value in row.items() if name != "kind"})
