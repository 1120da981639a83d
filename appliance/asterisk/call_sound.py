"""What the sound of calls was like: who was not heard or did not hear, and how good it was at each
site.

The live hub writes it to one file, the engine reads it for alarms and pages. Everything in
it is bounded, so the file stays below half a megabyte with fifty sites.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from appliance.asterisk.rtp_counters import Quality
from appliance.state.codec import canonical_json, decode, encode
from appliance.state.faults import StateError

FILE = "sound.json"
LARGEST_FILE = 8 * 1024 * 1024
MOST_SILENCES = 200
SPAN_S = 600
KEPT_SPANS = 24 * 3600 // SPAN_S
MOST_SITES = 500

Why = Literal["nat", "blocked", "stopped", "carrier"]
"""Why sound of a leg, or to it, probably does not arrive: its telephone's address is translated on
the way; nothing arrives although its address is plain; it arrived before; it is a carrier's."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A leg of which nothing was heard, or that is `deaf`: it reported that nothing of what was
    sent to it has arrived. Moments are seconds since 1970; `until` is 0 while it lasts. One of
    `device` and `trunk` is empty. `others` are the call's other legs, as people know them."""

    call: str
    leg: str
    device: str
    trunk: str
    number: str
    name: str
    site: str
    why: Why
    others: tuple[str, ...]
    began: int
    until: int = 0
    deaf: bool = False

    @property
    def over(self) -> bool:
        return self.until > 0


@dataclass(frozen=True, slots=True)
class Span:
    """Ten minutes of a site. `legs` ended in it, `worst` is the lowest MOS of one; the rest are
    sums over them. Scores are in hundredths; `at` counts spans since 1970."""

    at: int
    legs: int = 0
    worst: int = 500
    mos: int = 0
    loss_ppm: int = 0
    jitter_us: int = 0
    round_trip_us: int = 0

    def plus(self, quality: Quality) -> Span:
        """With one leg more."""
        mos = round(100 * quality.mos)
        return Span(
            self.at,
            self.legs + 1,
            min(self.worst, mos),
            self.mos + mos,
            self.loss_ppm + round(1e6 * quality.loss),
            self.jitter_us + round(1000 * quality.jitter_ms),
            self.round_trip_us + round(1000 * quality.round_trip_ms),
        )


@dataclass(frozen=True, slots=True)
class SiteDay:
    """The last day of a site, the oldest span first; spans without a call are missing."""

    site: str
    spans: tuple[Span, ...]

    def plus(self, at: int, quality: Quality) -> SiteDay:
        """With one leg more in the span `at`."""
        last = self.spans[-1] if self.spans and self.spans[-1].at == at else Span(at)
        before = (each for each in self.spans if at - KEPT_SPANS < each.at < at)
        return SiteDay(self.site, (*before, last.plus(quality)))


@dataclass(frozen=True, slots=True)
class Sound:
    """Everything that is kept; `at` is when it was written. `silences` begin with the newest."""

    at: int = 0
    silences: tuple[Silence, ...] = ()
    days: tuple[SiteDay, ...] = ()

    def with_silence(self, silence: Silence) -> Sound:
        """With a new one, or with one that has changed in the place where it was."""
        if not any(_same(each, silence) for each in self.silences):
            return replace(self, silences=(silence, *self.silences)[:MOST_SILENCES])
        kept = (silence if _same(each, silence) else each for each in self.silences)
        return replace(self, silences=tuple(kept))

    def with_leg(self, site: str, quality: Quality, now: float) -> Sound:
        """With the quality of a leg that has just ended."""
        known = next((day for day in self.days if day.site == site), SiteDay(site, ()))
        others = tuple(day for day in self.days if day.site != site)
        day = known.plus(int(now // SPAN_S), quality)
        return replace(self, days=(day, *others)[:MOST_SITES])

    def ended(self) -> Sound:
        """As it is found by a new hub: what lasted then was watched until then."""
        closed = (s if s.over else replace(s, until=max(self.at, s.began)) for s in self.silences)
        return replace(self, silences=tuple(closed))


def _same(one: Silence, other: Silence) -> bool:
    return (one.leg, one.began, one.deaf) == (other.leg, other.began, other.deaf)


def write(path: Path, sound: Sound) -> None:
    """Replace the file by one rename. OSError when that is not possible."""
    scratch = path.with_name(f".{path.name}.unfinished")
    scratch.write_bytes(canonical_json(encode(sound)))
    scratch.chmod(0o600)
    scratch.replace(path)


def read(path: Path) -> Sound:
    """What was written last; nothing when there is none. ValueError when it makes no sense.

    Root reads here what an account without rights has written: no link is followed, and what is
    no plain file of a sensible size is not read at all.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return Sound()
    except OSError as error:
        raise ValueError(f"cannot be opened: {error.strerror}") from error
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("is no plain file")
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError("is too large")
    try:
        return decode(Sound, json.loads(content))
    except (StateError, RecursionError) as error:
        raise ValueError("is not of its form") from error
