"""Which pitches a piece of sound holds (Goertzel's algorithm), and how loud it is."""

from __future__ import annotations

import array
import math
from collections.abc import Iterable

WINDOW_S = 0.1
"""Length of one measured piece; pitches must lie at least 2 / WINDOW_S Hz apart."""

FULL_SCALE = 32768.0
AUDIBLE = 0.01
"""Share of full scale (-40 dBFS) from which sound counts as heard."""


def level(samples: array.array[int]) -> float:
    """Root mean square as a share of full scale, 0 to 1."""
    if not samples:
        return 0.0
    return math.sqrt(sum(x * x for x in samples) / len(samples)) / FULL_SCALE


def amplitude(samples: array.array[int], rate_hz: int, pitch_hz: float) -> float:
    """Amplitude of one pitch as a share of full scale.

    A Hann window keeps a loud neighbour 40 Hz away below AUDIBLE.
    """
    count = len(samples)
    step = 2 * math.pi / count
    factor = 2 * math.cos(2 * math.pi * pitch_hz / rate_hz)
    last = before = 0.0
    for index, sample in enumerate(samples):
        weighted = sample * (0.5 - 0.5 * math.cos(step * index))
        last, before = weighted + factor * last - before, last
    power = last * last + before * before - factor * last * before
    return 4 * math.sqrt(max(power, 0.0)) / count / FULL_SCALE


def heard(samples: array.array[int], rate_hz: int, pitches: Iterable[int]) -> list[int]:
    """Those of `pitches` that are audible and carry a good part of the sound's power.

    A pure pitch carries all of it; two together half each. Music, which has a little of
    everything, does not count.
    """
    loud = level(samples)
    if loud < AUDIBLE:
        return []
    found = {pitch: amplitude(samples, rate_hz, pitch) for pitch in pitches}
    return [pitch for pitch, size in found.items() if size > max(AUDIBLE, loud * 0.85)]


def sine(pitch_hz: float, rate_hz: int, seconds: float, share: float = 0.3) -> array.array[int]:
    """Samples of one pitch, for prompts and music that a test makes itself."""
    top = share * 32767
    step = 2 * math.pi * pitch_hz / rate_hz
    return array.array("h", (int(top * math.sin(step * n)) for n in range(int(rate_hz * seconds))))
