"""Turns what people upload into music that Asterisk plays without converting anything.

WAV and MP3 are read by sox, M4A by faad; each runs with limits, since files of strangers
are parsed. Three files come out, one for each rate that calls have, all equally loud.
"""

from __future__ import annotations

import errno
import math
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from portal.core.i18n import _
from portal.music_on_hold.loudness import Loudness, measured

LOUDNESS = -23.0
"""LUFS of everything that callers hear while they wait (EBU R 128)."""

TOLERANCE = 0.5
HIGHEST_PEAK = -1.0
"""dB below full scale that the loudest sample may reach; telephones' codecs overshoot."""

SILENCE = -60.0
"""LUFS below which nobody would hear anything over a telephone."""

SHORTEST_S, LONGEST_S = 2, 20 * 60
SAMPLES_PER_S = 48_000
OUTPUTS = {"sln48": ("raw", 48_000), "wav16": ("wav", 16_000), "wav": ("wav", 8_000)}
"""Ending as Asterisk looks for it -> kind of file and samples per second: wideband, HD and
plain calls. Each is levelled by itself, since a narrow band takes loudness away."""

LIMITS = ("prlimit", "--as=1500000000", "--cpu=240", "--fsize=700000000")
LONGEST_RUN_S = 240
FORMATS = "WAV, MP3, M4A"


class WrongFile(ValueError):
    """The file cannot become music; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Made:
    """A finished piece in a folder: `music.sln48`, `music.wav16`, `music.wav`."""

    folder: Path
    seconds: float
    loudness: float


def kind_of(source: Path) -> str:
    """`wav`, `mp3` or `m4a` by what is in the file, whatever it is called."""
    with source.open("rb") as file:
        head = file.read(16)
    if not head:
        raise WrongFile(_("The file is empty."))
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[4:8] == b"ftyp":
        return "m4a"
    if head[:3] == b"ID3" or (head[0] == 0xFF and head[1] & 0xE6 in {0xE2, 0xE4, 0xE6}):
        return "mp3"
    raise WrongFile(
        _("This is no sound file that can be used: choose one of %(formats)s.", formats=FORMATS)
    )


def make(source: Path, folder: Path) -> Made:
    """Convert an upload into `folder`; WrongFile when that cannot be done."""
    kind = kind_of(source)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        scratch = Path(name)
        if kind == "m4a":
            _run("faad", "-q", "-b", "4", "-o", str(scratch / "decoded.wav"), str(source))
            source, kind = scratch / "decoded.wav", "wav"
        whole = scratch / "whole.f32"
        # One second more than allowed, so that a file that is too long shows as such.
        part = ("trim", "0", str(LONGEST_S + 1))
        _sox("-t", kind, str(source), *_raw(SAMPLES_PER_S), str(whole), *part)
        seconds = whole.stat().st_size / (SAMPLES_PER_S * _FLOAT)
        _check(seconds, loudness_of(whole, SAMPLES_PER_S))
        done = scratch / "done"
        done.mkdir()
        reached = [_output(whole, scratch, done, ending) for ending in OUTPUTS]
        done.rename(folder)
    return Made(folder, seconds, reached[0])


_FLOAT = 4
"""Bytes of one sample while it is worked on."""


def _raw(rate: int) -> tuple[str, ...]:
    """sox's words for a file without header: one channel of 32-bit floats."""
    return ("-t", "f32", "-r", str(rate), "-c", "1")


def _check(seconds: float, loudness: Loudness) -> None:
    if seconds < SHORTEST_S:
        raise WrongFile(_("It must last at least %(least)d seconds.", least=SHORTEST_S))
    if seconds > LONGEST_S:
        raise WrongFile(_("It lasts longer than %(most)d minutes.", most=LONGEST_S // 60))
    if loudness.integrated < SILENCE:
        raise WrongFile(_("There is nothing to hear in this file."))


def _output(whole: Path, scratch: Path, done: Path, ending: str) -> float:
    """Write the file of one rate; its loudness."""
    kind, rate = OUTPUTS[ending]
    plain, level = scratch / f"{ending}.plain", scratch / f"{ending}.level"
    _sox(*_raw(SAMPLES_PER_S), str(whole), *_raw(rate), str(plain))
    reached = _levelled(plain, level, rate)
    target = ("-t", kind, "-e", "signed-integer", "-b", "16", "-c", "1")
    _sox(*_raw(rate), str(level), *target, str(done / f"music.{ending}"))
    return reached


def _levelled(plain: Path, level: Path, rate: int) -> float:
    """Bring a piece to the loudness; peaks that would not fit are held down."""
    before = loudness_of(plain, rate)
    gain, reached = LOUDNESS - before.integrated, -math.inf
    for _attempt in range(4):
        limited = before.peak + gain > HIGHEST_PEAK
        held = ("gain", "-l", f"{gain - HIGHEST_PEAK:.2f}", "gain", f"{HIGHEST_PEAK}")
        effects = held if limited else ("gain", f"{gain:.2f}")
        _sox(*_raw(rate), str(plain), *_raw(rate), str(level), *effects)
        reached = loudness_of(level, rate).integrated
        if abs(reached - LOUDNESS) <= TOLERANCE:
            break
        gain += LOUDNESS - reached
    return reached


def loudness_of(raw: Path, rate: int) -> Loudness:
    """The loudness of a file of 32-bit float samples, one channel."""
    return measured(_blocks(raw), rate)


def _blocks(raw: Path) -> Iterator[bytes]:
    with raw.open("rb") as file:
        while block := file.read(SAMPLES_PER_S * _FLOAT):
            yield block


def _sox(*words: str) -> None:
    _run("sox", "-V1", *words)


def _run(*command: str) -> None:
    """Run a converter; WrongFile when it does not manage, OSError when the disk is full."""
    try:
        done = subprocess.run(
            [*LIMITS, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=LONGEST_RUN_S,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise WrongFile(_("Converting it takes too long.")) from None
    if done.returncode and b"No space left" in done.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if done.returncode:
        raise WrongFile(
            _("It cannot be read: it is damaged, protected, or of a kind unknown here.")
        )
