"""What is remembered of backups: the recovery code, and what became of each file.

The code lies where only root can read it. It is inside each backup too, which nobody opens
without it, so a restored machine goes on with the code that its owner has written down.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from appliance.apply import atomic
from appliance.state.codec import canonical_json, decode, encode
from appliance.state.fields import Secret
from appliance.state.machine import Layout
from appliance.system.backup.errors import Busy, NoCode, WrongCode
from appliance.system.backup.recovery_code import Keys, keys_of, new_code, read_code
from appliance.system.backup.write import MOMENT
from appliance.verify.calls import Called

REMEMBERED = 400
"""Backups that are remembered after they were deleted: a year of nights."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How a backup did when it was restored into a throw-away machine.

    `proved` are facts in words such as `state`, `database`, `asterisk`; `asked` is the
    number of questions that the second Asterisk has answered as meant, `calls` the test
    calls that were made in it.
    """

    at: str
    passed: bool
    seconds: int
    asked: int = 0
    proved: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    calls: tuple[Called, ...] = ()


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of a copy at a target; `problem` is empty when it is there."""

    target: str
    at: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One backup. `here` says whether the file is still on this machine's disk."""

    name: str
    created: str
    size: int
    sha256: str
    files: int
    milliseconds: int
    here: bool = True
    copies: tuple[Copied, ...] = ()
    rehearsal: Rehearsal | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt. `kind` is that of the error that ended it, "" when there was none."""

    at: str
    trigger: Literal["night", "hand"]
    kind: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that is remembered, newest first; `last` is the newest attempt."""

    backups: tuple[Record, ...] = ()
    last: Run | None = None

    def find(self, name: str) -> Record | None:
        """The record of a backup, by its file's name."""
        return next((each for each in self.backups if each.name == name), None)


class Records:
    """The folder of records of one machine."""

    def __init__(self, layout: Layout) -> None:
        self.folder = layout.backup_records
        self._book = self.folder / "records.json"

    def read(self) -> Book:
        """What is remembered; nothing on a new machine."""
        try:
            return decode(Book, json.loads(self._book.read_bytes()))
        except FileNotFoundError:
            return Book()

    def _write(self, book: Book) -> None:
        self._make_folder()
        book = replace(book, backups=book.backups[:REMEMBERED])
        atomic.write_file(self._book, canonical_json(encode(book)), 0o600)

    def add(self, record: Record) -> None:
        """Remember a new backup."""
        book = self.read()
        self._write(replace(book, backups=(record, *book.backups)))

    def change(self, name: str, **values: object) -> None:
        """Change what is remembered of one backup; nothing when it is forgotten."""
        book = self.read()
        changed = tuple(
            replace(each, **values) if each.name == name else each  # type: ignore[arg-type]
            for each in book.backups
        )
        self._write(replace(book, backups=changed))

    def ended(self, run: Run) -> None:
        """Remember how the newest attempt went."""
        self._write(replace(self.read(), last=run))

    # ── the recovery code ─────────────────────────────────────────────────────────

    def has_code(self) -> bool:
        """Whether backups can be encrypted."""
        return (self.folder / "code").exists()

    def keys(self) -> Keys:
        """The keys that backups of this machine are made with; NoCode when there are none."""
        return keys_of(self.code())

    def code(self) -> Secret:
        """The recovery code; NoCode when none was made."""
        try:
            return read_code((self.folder / "code").read_text())
        except FileNotFoundError:
            raise NoCode from None

    def propose_code(self) -> Secret:
        """A new code that counts once somebody has shown that they have it."""
        self._make_folder()
        code = new_code()
        atomic.write_file(self.folder / "pending-code", code.reveal().encode(), 0o600)
        return code

    def accept_code(self, last_group: str) -> None:
        """Let the proposed code count; WrongCode when its last four signs are others."""
        pending = self.folder / "pending-code"
        try:
            code = read_code(pending.read_text())
        except FileNotFoundError:
            raise WrongCode("the recovery code was not shown, or was accepted before") from None
        if last_group.strip().upper() != code.reveal()[-4:]:
            raise WrongCode("these are not the last four signs of the recovery code")
        atomic.write_file(self.folder / "code", code.reveal().encode(), 0o600)
        pending.unlink()

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def only_one(self) -> Iterator[None]:
        """Be the only one at work on backups; Busy when somebody else is."""
        self._make_folder()
        with (self.folder / "work.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy("a backup or restore is under way; wait until it has ended") from None
            yield


def local_files(layout: Layout) -> list[Path]:
    """The backups on this machine's disk, newest first (their names end in the moment)."""
    found = layout.backups.glob("*.backup") if layout.backups.is_dir() else ()
    return sorted(found, key=lambda path: path.name[-MOMENT:], reverse=True)
