"""What a router tells the appliance every few seconds, and what it is told in the answer.

Both are JSON of schema 1, described in `docs/branch-router.md`. The router asks and the appliance
answers; it never calls the router, so a router needs no open door.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

SCHEMA = 1
SILENT_AFTER_S = 60
"""A router that has not reported for so long says nothing any more: six reports did not come, and
one that starts anew is back sooner."""

EVERY_S = 10
"""How often a router reports when nothing else was said."""

LARGEST_BYTES = 65_536
MOST_SWITCHES = 50
"""Switches in one report; older ones are dropped first."""

Cause = Literal["start", "link", "lost", "loss", "late", "returned", "cap", "drill", "manual"]
DrillState = Literal["waiting", "running", "done", "aborted", "refused"]
Why = Literal[
    "",
    "emergency",
    "other_line_bad",
    "only_line",
    "unknown_line",
    "told",
    "restart",
]
"""Why a drill was aborted or refused; `emergency` is a call to an emergency number."""

_BOOT = re.compile(r"[0-9a-f]{16}", re.ASCII)
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?", re.ASCII)
_DRILL = re.compile(r"[0-9a-f]{16}", re.ASCII)
_PLAIN = re.compile(r"[\x20-\x7e]{0,80}", re.ASCII)
_SHA256 = re.compile(r"|[0-9a-f]{64}", re.ASCII)
_MOST = 10**12


@dataclass(frozen=True, slots=True)
class LineReport:
    """One line since the last report. `loss_permille` and the times in microseconds are those of
    its probes; `rtt_us` 0 means that none came back. `up_kbits` and `down_kbits` are what went
    over it, `month_mb` what was used this month, in both directions."""

    name: str
    up: bool
    good: bool
    loss_permille: int
    rtt_us: int
    jitter_us: int
    up_kbits: int
    down_kbits: int
    month_mb: int
    address: str

    def faults(self) -> Iterator[str]:
        yield from matches("name", self.name, _NAME)
        yield from matches("address", self.address, _PLAIN)
        yield from within("loss_permille", self.loss_permille, 1000)
        for name in ("rtt_us", "jitter_us", "up_kbits", "down_kbits", "month_mb"):
            yield from within(name, getattr(self, name), _MOST)


@dataclass(frozen=True, slots=True)
class Switch:
    """A change of the line in use. `number` grows by one with each within a boot; `ago_ms` is how
    long ago it was, `gap_ms` how long no probe had come through before it."""

    number: int
    ago_ms: int
    before: str
    after: str
    cause: Cause
    gap_ms: int

    def faults(self) -> Iterator[str]:
        for name in ("before", "after"):
            if getattr(self, name):
                yield from matches(name, getattr(self, name), _NAME)
        for name in ("number", "ago_ms", "gap_ms"):
            yield from within(name, getattr(self, name), _MOST)


@dataclass(frozen=True, slots=True)
class DrillReport:
    """A drill that the router was told to run. `outage_ms` is the longest time in which nothing
    came through the tunnel, `lost` of `sent` probes were lost in it, `calls` were in progress."""

    id: str
    line: str
    state: DrillState
    why: Why
    began_ago_ms: int
    lasted_ms: int
    outage_ms: int
    back_ms: int
    sent: int
    lost: int
    calls: int

    def faults(self) -> Iterator[str]:
        yield from matches("id", self.id, _DRILL)
        yield from matches("line", self.line, _NAME)
        for name in ("began_ago_ms", "lasted_ms", "outage_ms", "back_ms", "sent", "lost", "calls"):
            yield from within(name, getattr(self, name), _MOST)


@dataclass(frozen=True, slots=True)
class Report:
    """One report.

    `boot` is drawn at each start of the agent: two of them that alternate are two routers with one
    identity. `sequence` grows with each report of a boot. `profile` is the SHA-256 of the
    profile that is followed. `active` is the line in use, "" for none.
    """

    schema: Literal[1]
    boot: str
    sequence: int
    uptime_s: int
    version: str
    profile: str
    active: str
    tunnels: tuple[str, ...]
    lines: tuple[LineReport, ...]
    switches: tuple[Switch, ...]
    drill: DrillReport | None

    def faults(self) -> Iterator[str]:
        yield from matches("boot", self.boot, _BOOT)
        yield from matches("version", self.version, _PLAIN)
        yield from matches("profile", self.profile, _SHA256)
        for name in (*self.tunnels, *filter(None, (self.active,))):
            yield from matches("tunnels", name, _NAME)
        for name in ("sequence", "uptime_s"):
            yield from within(name, getattr(self, name), _MOST)
        if len(self.lines) > 8 or len(self.tunnels) > 8 or len(self.switches) > MOST_SWITCHES:
            yield "lines: too many"


@dataclass(frozen=True, slots=True)
class Command:
    """What the router is to do now: cut a line for some seconds, or end such a drill."""

    kind: Literal["drill", "abort"]
    id: str
    line: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What the appliance says. `profile` is the SHA-256 of the profile that should be followed: a
    router that has another one fetches it. `emergency`: a call to an emergency number is in
    progress from this branch, so no drill may run."""

    schema: Literal[1]
    every_s: int
    profile: str
    emergency: bool
    command: Command | None


def matches(name: str, value: str, pattern: re.Pattern[str]) -> Iterable[str]:
    """A fault when a text is not of its kind."""
    return () if pattern.fullmatch(value) else (f"{name}: is not what it should be",)


def within(name: str, value: int, high: int) -> Iterable[str]:
    """A fault when a number is negative or beyond all reason."""
    return () if 0 <= value <= high else (f"{name}: must be between 0 and {high}",)
