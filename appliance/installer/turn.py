"""One installation at a time, and how far it is for whoever looks at another console.

The file of the lock holds what its owner said last, so that every console shows the same
bar: which of them began is chance when nobody is asked anything.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

LOCK = Path("/run/centralino-installer.lock")
LOOK_EVERY_S = 1.0


class AnotherConsoleInstalls(RuntimeError):
    """Somebody, or nobody's answers, began at another console first."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the console that installs said last. `share` goes from 0 to 1; `end` is "" while it
    works, else "finished" or "failed", then with the reason."""

    step: str = ""
    share: float = 0.0
    end: str = ""
    why: str = ""


class Turn:
    """The right to install, and the way to say how far that is."""

    def __init__(self, file: FileIO) -> None:
        self._file = file

    def say(self, said: Said) -> None:
        """Replace what the other consoles read."""
        words = [said.step, said.share, said.end, said.why]
        text = json.dumps(words).encode()
        # One write, then the rest of a longer one before it: a reader that comes in between
        # cannot decode that, and looks again.
        os.pwrite(self._file.fileno(), text, 0)
        os.ftruncate(self._file.fileno(), len(text))


@contextmanager
def taken(lock: Path = LOCK) -> Iterator[Turn]:
    """Have the turn while the block lasts; AnotherConsoleInstalls when it is taken."""
    with lock.open("rb+" if lock.exists() else "wb+", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AnotherConsoleInstalls from error
        turn = Turn(file)
        turn.say(Said())
        try:
            yield turn
        except Exception as error:
            turn.say(Said(end="failed", why=str(error)))
            raise
        turn.say(Said(end="finished"))


def followed(
    show: Callable[[str, float], None], lock: Path = LOCK, every_s: float = LOOK_EVERY_S
) -> Said:
    """Show what the owner of the turn says until it is given back; returns the last of it."""
    shown = Said()
    while True:
        with lock.open("rb", buffering=0) as file:
            free = _is_free(file)
            said = _read(file) or shown
        if free:
            return said
        if said != shown and said.step:
            show(said.step, said.share)
        shown = said
        time.sleep(every_s)


def _is_free(file: FileIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(file: FileIO) -> Said | None:
    try:
        step, share, end, why = json.loads(file.read())
    except ValueError:
        return None
    return Said(str(step), float(share), str(end), str(why))
