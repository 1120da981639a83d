"""Coordinates for the pictures of the pages; the templates draw them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from portal.branches.curves import Minute

WIDTH, HEIGHT = 720, 120
"""Of a day's curve, in units of the picture; a minute is half a unit wide."""

STEP = 5
"""Minutes drawn as one point."""


@dataclass(frozen=True, slots=True)
class Band:
    """A time in which something held: its left edge and width."""

    x: float
    width: float
    kind: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A day of a line. `strokes` are the pieces of the line of round trips, `loss` are bars,
    `bands` say when it was down, when the router said nothing, and when the line was in use."""

    strokes: tuple[str, ...]
    loss: tuple[tuple[float, float, float], ...]
    bands: tuple[Band, ...]
    top_ms: int


def curve(minutes: Sequence[Minute]) -> Curve:
    """The picture of a day."""
    points = [_step(minutes[i : i + STEP]) for i in range(0, len(minutes), STEP)]
    top = _round_up(max((p.rtt_us for p in points if p is not None), default=0) / 1000)
    return Curve(
        strokes=tuple(_pieces(points, top)),
        loss=tuple(_bars(points)),
        bands=tuple(_bands(points)),
        top_ms=top,
    )


def _step(minutes: Sequence[Minute]) -> Minute | None:
    """Some minutes as one, at their worst; None when nothing was reported in them."""
    seen = [minute for minute in minutes if minute.seen]
    if not seen:
        return None
    return Minute(
        seen=True,
        down=any(m.down for m in seen),
        active=any(m.active for m in seen),
        loss_permille=max(m.loss_permille for m in seen),
        rtt_us=max(m.rtt_us for m in seen),
    )


def _pieces(points: Sequence[Minute | None], top_ms: int) -> Iterator[str]:
    """The line of round trips, broken where nothing came back."""
    piece: list[str] = []
    for index, point in enumerate(points):
        if point is not None and point.rtt_us and not point.down:
            x, y = _x(index + 0.5), HEIGHT - point.rtt_us / 1000 / top_ms * (HEIGHT - 8)
            piece.append(f"{x:.1f},{max(y, 1):.1f}")
        elif piece:
            yield _drawn(piece)
            piece = []
    if piece:
        yield _drawn(piece)


def _drawn(piece: list[str]) -> str:
    """A polyline's points; one alone is drawn as a short dash."""
    if len(piece) > 1:
        return " ".join(piece)
    x, y = piece[0].split(",")
    return f"{x},{y} {float(x) + 2:.1f},{y}"


def _bars(points: Sequence[Minute | None]) -> Iterator[tuple[float, float, float]]:
    """Loss as bars from above: x, width, height; a tenth lost is half of the picture."""
    for index, point in enumerate(points):
        if point is not None and point.loss_permille and not point.down:
            height = min(1.0, math.sqrt(point.loss_permille / 400)) * HEIGHT
            yield round(_x(index), 1), round(_x(1), 1), round(max(height, 3), 1)


def _bands(points: Sequence[Minute | None]) -> Iterator[Band]:
    for kind, holds in (
        ("silent", [point is None for point in points]),
        ("down", [point is not None and point.down for point in points]),
        ("active", [point is not None and point.active for point in points]),
    ):
        yield from (Band(_x(a), round(_x(b) - _x(a), 1), kind) for a, b in _runs(holds))


def _runs(holds: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Yield (first, one past the last) of each row of neighbours that hold."""
    start: int | None = None
    for index, each in enumerate([*holds, False]):
        if each and start is None:
            start = index
        elif not each and start is not None:
            yield start, index
            start = None


def _x(index: float) -> float:
    return round(index * STEP * WIDTH / 1440, 1)


def _round_up(ms: float) -> int:
    """A round number above a delay, for the scale."""
    return next(top for top in (20, 50, 100, 200, 500, 1000, 2000, 5000, 10**9) if ms <= top)


@dataclass(frozen=True, slots=True)
class Wire:
    """A line of a branch on the map: its path, its state, and whether it is in use."""

    path: str
    state: str
    active: bool
    label: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Node:
    """A branch on the map."""

    id: str
    label: str
    state: str
    y: int
    wires: tuple[Wire, ...]


@dataclass(frozen=True, slots=True)
class Map:
    """All branches around the appliance; `middle` is where its box stands."""

    nodes: tuple[Node, ...]
    height: int
    middle: int


LINE_ROOM, NODE_GAP, HUB_X, NODE_X = 34, 22, 190, 640


def map_of(branches: Sequence[tuple[str, str, str, Sequence[tuple[str, str, bool]]]]) -> Map:
    """A map of (id, name, state, lines as (label, state, in use))."""
    heights = [max(1, len(lines)) * LINE_ROOM + NODE_GAP for _i, _n, _s, lines in branches]
    total = max(sum(heights), 120)
    middle, top, nodes = total // 2, (total - sum(heights)) // 2, []
    for (id, name, state, lines), height in zip(branches, heights, strict=True):
        y = top + height // 2
        first = y - (len(lines) - 1) * LINE_ROOM // 2
        wires = tuple(_wire(line, middle, first + i * LINE_ROOM, y) for i, line in enumerate(lines))
        nodes.append(Node(id, name, state, y, wires))
        top += height
    return Map(tuple(nodes), total, middle)


def _wire(line: tuple[str, str, bool], start: int, y: int, end: int) -> Wire:
    label, state, active = line
    path = f"M{HUB_X},{start} C{HUB_X + 120},{start} {HUB_X + 80},{y} {HUB_X + 200},{y} "
    path += f"H{NODE_X - 90} C{NODE_X - 40},{y} {NODE_X - 50},{end} {NODE_X},{end}"
    return Wire(path, state, active, label, HUB_X + 206, y - 6)
