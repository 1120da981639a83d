"""Copies of backups on other machines, whatever they speak: attempts, proofs, tidiness.

A copy counts once it was read back and has the hash of the original, and gets its name
only then. An upload that broke off goes on where it stopped, if the store can.
"""

from __future__ import annotations

import hashlib
import importlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from appliance.apply.course import Progress, untold
from appliance.services.backups import Target
from appliance.state.machine import Layout
from appliance.system.backup import stores
from appliance.system.backup.errors import TargetFailed
from appliance.system.backup.stores import Opener, Store, StoreFailed, There, Told
from appliance.system.backup.write import MOMENT, SUFFIX, sha256_of

UNFINISHED = ".unfinished"
ATTEMPTS = 3
PAUSE_S = 20
CONNECT_WITHIN_S = 15
LONGEST_S = 6 * 3600
"""How long one copy may take: 10 GB over a line of 4 Mbit/s."""

_SAFE_NAME = re.compile(r"[A-Za-z0-9_.+-]{1,200}" + re.escape(SUFFIX))
Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a target is tried, and how long it is waited for, in seconds."""

    attempts: int = ATTEMPTS
    pause_s: int = PAUSE_S
    connect_s: int = CONNECT_WITHIN_S


@dataclass(frozen=True, slots=True)
class Remote:
    """One target as this machine reaches it."""

    target: Target
    layout: Layout
    patience: Patience = Patience()

    def send(self, file: Path, sha256: str, progress: Progress = untold) -> None:
        """Copy a backup there and read it back; TargetFailed when it is not there then."""
        scratch = f"{file.name}{UNFINISHED}"
        told = self._teller(progress, file)
        self._ask(lambda store: _put(store, file, scratch, told("copying")))
        try:
            if self._ask(lambda store: _hash(store, scratch, told("reading"))) != sha256:
                raise TargetFailed(f"{self.target.name}: the copy differs from the backup")
            self._ask(lambda store: _rename(store, scratch, file))
        except TargetFailed:
            self._forget(scratch)
            raise

    def try_out(self, file: Path) -> None:
        """Write a small file there, read it back and delete it; TargetFailed if not."""
        self.send(file, sha256_of(file))
        self._ask(lambda store: store.delete(file.name))

    def backups(self) -> list[There]:
        """The backups there, newest first by the moment in their names."""
        listed = self._ask(lambda store: list(store.files()))
        found = [each for each in listed if _SAFE_NAME.fullmatch(each.name)]
        return sorted(found, key=lambda each: each.name[-MOMENT:], reverse=True)

    def fetch(self, name: str, into: Path) -> None:
        """Bring a backup here under another name."""
        if not _SAFE_NAME.fullmatch(name):
            raise TargetFailed(f"{name[:80]!r} is not the name of a backup")
        self._ask(lambda store: _fetch(store, name, into))

    def keep_newest(self, host_name: str) -> list[str]:
        """Delete this machine's copies beyond `keep`, and what broken-off uploads have left;
        returns the names of the copies."""
        gone = [each.name for each in self.backups() if _is_of(host_name, each.name)]
        gone = gone[self.target.keep :]
        left = [
            each.name
            for each in self._ask(lambda store: list(store.files()))
            if each.name.endswith(UNFINISHED) and _is_of(host_name, each.name[: -len(UNFINISHED)])
        ]
        for name in gone + left:
            self._ask(lambda store, name=name: store.delete(name))  # type: ignore[misc]
        return gone

    def _forget(self, name: str) -> None:
        try:
            with self._opened() as store:
                store.delete(name)
        except StoreFailed:
            # The failure before this one is told; the next copy tidies up.
            return

    @contextmanager
    def _opened(self) -> Iterator[Store]:
        # Imported when wanted: the engine, which runs always, need not hold three libraries.
        module = importlib.import_module(f"{stores.__name__}.{self.target.kind}")
        connect: Opener = module.opened
        with connect(self.target, self.layout, self.patience.connect_s) as store:
            yield store

    def _ask(self, work: Callable[[Store], Done]) -> Done:
        """What comes of work at the target; TargetFailed with the last reason why not.

        What the server refuses for good (a wrong password) is not tried again: it would
        lock the account out.
        """
        left = self.patience.attempts
        while True:
            left -= 1
            try:
                with self._opened() as store:
                    return work(store)
            except StoreFailed as error:
                if not error.passing or left <= 0:
                    said = f"{self.target.name}: {error}"
                    raise TargetFailed(said, {"target": self.target.id}) from error
            time.sleep(self.patience.pause_s)

    def _teller(self, progress: Progress, file: Path) -> Callable[[str], Told]:
        """Tells whole percents of a step as `copying 40 Name`, and ends what takes too long."""
        size = file.stat().st_size or 1
        deadline = time.monotonic() + LONGEST_S

        def of(step: str) -> Told:
            last = -1

            def told(done: int) -> None:
                nonlocal last
                if time.monotonic() > deadline:
                    raise TargetFailed(f"{self.target.name}: took longer than 6 hours")
                percent = min(100, done * 100 // size)
                if percent != last:
                    last = percent
                    progress(f"{step} {percent} {self.target.name}")

            return told

        return of


def _put(store: Store, file: Path, name: str, told: Told) -> None:
    there = store.size(name) or 0
    size = file.stat().st_size
    if there != size:
        store.put(file, name, there if there < size else 0, told)


def _hash(store: Store, name: str, told: Told) -> str:
    digest = hashlib.sha256()
    done = 0
    for block in store.read(name):
        digest.update(block)
        done += len(block)
        told(done)
    return digest.hexdigest()


def _rename(store: Store, scratch: str, file: Path) -> None:
    """An answer that got lost on the way is no failure: the file has its name then."""
    if store.size(scratch) is None and store.size(file.name) == file.stat().st_size:
        return
    store.rename(scratch, file.name)


def _fetch(store: Store, name: str, into: Path) -> None:
    with into.open("wb") as file:
        for block in store.read(name):
            file.write(block)


def _is_of(host_name: str, name: str) -> bool:
    return bool(_SAFE_NAME.fullmatch(name)) and name[:-MOMENT] == f"{host_name}-"
