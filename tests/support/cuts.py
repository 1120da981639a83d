"""Power cuts: a process that ends at its k-th change of the file system.

The child is ended before the call is made, without any clean-up. What it has written but not
brought to the disk (fsync(2)) is then emptied, as a file system with delayed allocation may
leave it. Changes of names are taken as done in their order, which a journal guarantees.
"""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHANGES = (
    "open",
    "fsync",
    "fchmod",
    "fchown",
    "chmod",
    "utime",
    "mkdir",
    "rmdir",
    "rename",
    "replace",
    "link",
    "symlink",
    "unlink",
)
CUT = 77


class Cut:
    """Counts changes and ends the process before number `at`; `made` tells them all."""

    def __init__(self, folder: Path, at: int) -> None:
        self.folder = folder
        self.at = at
        self.made: list[str] = []
        self._unsynced: set[int] = set()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Put the counting in front of every function that changes the file system."""
        originals = {name: getattr(os, name) for name in CHANGES}
        for name, original in originals.items():
            setattr(os, name, self._counting(name, original))
        try:
            yield
        finally:
            for name, original in originals.items():
                setattr(os, name, original)

    def _counting(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            if name == "open" and not (len(arguments) > 1 and arguments[1] & os.O_CREAT):
                return original(*arguments, **options)
            self.made.append(f"{name} {arguments[0]}")
            if len(self.made) == self.at:
                self._end()
            result = original(*arguments, **options)
            if name == "open":
                self._unsynced.add(os.fstat(result).st_ino)
            elif name == "fsync":
                self._unsynced.discard(os.fstat(arguments[0]).st_ino)
            return result

        return counted

    def _end(self) -> None:
        for folder, _folders, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.islink(path) and os.stat(path).st_ino in self._unsynced:
                    os.truncate(path, 0)
        os._exit(CUT)


def changes_of(folder: Path, work: Callable[[], object]) -> list[str]:
    """Every change that `work` makes, in order, when nothing cuts it short."""
    cut = Cut(folder, at=0)
    with cut.installed():
        work()
    return cut.made


def cut_short(folder: Path, at: int, work: Callable[[], object]) -> bool:
    """Do `work` in a process that is cut before its change number `at`; whether it was."""
    with warnings.catch_warnings():
        # The child only runs Python code and leaves by os._exit(): no lock is waited for.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _die_as_told(folder, at, work)
    _pid, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, CUT), f"the work failed by itself (status {code})"
    return code == CUT


def _die_as_told(folder: Path, at: int, work: Callable[[], object]) -> None:
    try:
        with Cut(folder, at).installed():
            work()
        os._exit(0)
    except BaseException:  # noqa: BLE001 - the parent sees the status
        traceback.print_exc()
        os._exit(1)
