"""A day of a line in little room: 60 minutes in one row, each as it was at its worst. Pure.

19 bytes a minute: 27 kB for a day of a line, so 50 branches with two lines take 3 MB.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from failover_router.report import LineReport

_MINUTE = struct.Struct("<HIIIIB")
_SEEN, _DOWN, _BAD, _ACTIVE = 1, 2, 4, 8
HOUR_S, MINUTE_S = 3600, 60
KEPT_HOURS = 25
EMPTY_HOUR = bytes(_MINUTE.size * 60)
_MOST = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute at its worst; without `seen` nothing was reported in it."""

    seen: bool = False
    down: bool = False
    bad: bool = False
    active: bool = False
    loss_permille: int = 0
    rtt_us: int = 0
    jitter_us: int = 0
    up_kbits: int = 0
    down_kbits: int = 0


def minute_of(line: LineReport, *, active: bool) -> Minute:
    """A report of a line as a minute."""
    return Minute(
        seen=True,
        down=not line.up,
        bad=not line.good,
        active=active,
        loss_permille=line.loss_permille,
        rtt_us=min(line.rtt_us, _MOST),
        jitter_us=min(line.jitter_us, _MOST),
        up_kbits=min(line.up_kbits, _MOST),
        down_kbits=min(line.down_kbits, _MOST),
    )


def worst(one: Minute, other: Minute) -> Minute:
    """Both together: what hurt most in each respect."""
    if not one.seen:
        return other
    names = ("seen", "down", "bad", "active", "loss_permille")
    figures = ("rtt_us", "jitter_us", "up_kbits", "down_kbits")
    return Minute(**{n: max(getattr(one, n), getattr(other, n)) for n in (*names, *figures)})


def noted(hour: bytes, index: int, minute: Minute) -> bytes:
    """The row of an hour with something added to its minute `index`."""
    held = worst(read(hour)[index], minute)
    start = index * _MINUTE.size
    return hour[:start] + _packed(held) + hour[start + _MINUTE.size :]


def read(hour: bytes) -> list[Minute]:
    """The 60 minutes of a row."""
    return [_unpacked(fields) for fields in _MINUTE.iter_unpack(hour)]


def day(hours: Mapping[int, bytes], now: int) -> list[Minute]:
    """The 1440 minutes that end now; `hours` maps hours since 1970 to rows."""
    last = now // MINUTE_S
    wanted = range(last - 1439, last + 1)
    rows = {hour: read(data) for hour, data in hours.items()}
    empty = read(EMPTY_HOUR)
    return [rows.get(minute // 60, empty)[minute % 60] for minute in wanted]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a day comes to. `there` is the share of the minutes, in percent, in which the line was
    up, of those in which the router reported at all."""

    minutes: int
    there: float
    loss_permille: float
    rtt_ms: float
    jitter_ms: float
    up_kbits: int
    down_kbits: int


def summary(minutes: Iterable[Minute]) -> Summary | None:
    """The figures of a day; None when nothing was reported."""
    seen = [minute for minute in minutes if minute.seen]
    if not seen:
        return None
    up = [minute for minute in seen if not minute.down] or seen
    return Summary(
        minutes=len(seen),
        there=round(100 * sum(not m.down for m in seen) / len(seen), 2),
        loss_permille=round(sum(m.loss_permille for m in seen) / len(seen), 1),
        rtt_ms=round(sum(m.rtt_us for m in up) / len(up) / 1000, 1),
        jitter_ms=round(sum(m.jitter_us for m in up) / len(up) / 1000, 1),
        up_kbits=max(m.up_kbits for m in seen),
        down_kbits=max(m.down_kbits for m in seen),
    )


def _packed(minute: Minute) -> bytes:
    flags = _SEEN * minute.seen + _DOWN * minute.down + _BAD * minute.bad + _ACTIVE * minute.active
    figures = (minute.rtt_us, minute.jitter_us, minute.up_kbits, minute.down_kbits)
    return _MINUTE.pack(minute.loss_permille, *figures, flags)


def _unpacked(fields: tuple[int, ...]) -> Minute:
    loss, rtt, jitter, up, down, flags = fields
    states = (bool(flags & each) for each in (_SEEN, _DOWN, _BAD, _ACTIVE))
    return Minute(*states, loss, rtt, jitter, up, down)
