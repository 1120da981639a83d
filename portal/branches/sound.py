"""How the calls of a branch sounded over its tunnel: scores of the last day. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal.branches import drawing

SPAN_S = 600
SPANS = 24 * 3600 // SPAN_S
HOUR = 3600 // SPAN_S

GOOD, FAIR = 400, 360
"""Hundredths of MOS: ITU-T G.109 calls users satisfied from R 80 (4.03), some dissatisfied from
R 70 (3.60), many below."""


@dataclass(frozen=True, slots=True)
class Means:
    """Some time of a branch: `calls` are the ends of calls at its telephones, `worst` is the
    worst one's score, the rest are means over them."""

    calls: int
    mos: float
    worst: float
    loss_percent: float
    jitter_ms: float
    round_trip_ms: float
    verdict: str


@dataclass(frozen=True, slots=True)
class SoundView:
    """What the page shows; `hour` is None when no call has ended in the last hour. `bars` are
    (x, width, y, verdict) of the ten minutes in which calls ended."""

    hour: Means | None
    day: Means
    bars: tuple[tuple[float, float, float, str], ...]


def view(days: Sequence[Mapping[str, Any]], site: str, now: int) -> SoundView | None:
    """The sound of a site, from `call_sound` of the engine; None without a call in a day."""
    held = next((day["spans"] for day in days if day["site"] == site), ())
    last = now // SPAN_S
    spans = [span for span in held if last - SPANS < span["at"] <= last and span["legs"]]
    day = _means(spans)
    if day is None:
        return None
    hour = _means([span for span in spans if span["at"] > last - HOUR])
    return SoundView(hour, day, tuple(_bar(span, last) for span in spans))


def _means(spans: Sequence[Mapping[str, Any]]) -> Means | None:
    legs = sum(span["legs"] for span in spans)
    if not legs:
        return None

    def mean(name: str, unit: int) -> float:
        return float(sum(span[name] for span in spans) / legs / unit)

    mos = mean("mos", 100)
    return Means(
        calls=legs,
        mos=mos,
        worst=min(span["worst"] for span in spans) / 100,
        loss_percent=mean("loss_ppm", 10_000),
        jitter_ms=mean("jitter_us", 1000),
        round_trip_ms=mean("round_trip_us", 1000),
        verdict=_verdict(100 * mos),
    )


def _bar(span: Mapping[str, Any], last: int) -> tuple[float, float, float, str]:
    width = drawing.WIDTH / SPANS
    mos = span["mos"] / span["legs"]
    y = drawing.HEIGHT * (1 - (mos - 100) / 400)
    x = drawing.WIDTH - (last - span["at"] + 1) * width
    return round(x, 1), round(width, 1), round(y, 1), _verdict(mos)


def _verdict(mos: float) -> str:
    return "good" if mos >= GOOD else "fair" if mos >= FAIR else "poor"
