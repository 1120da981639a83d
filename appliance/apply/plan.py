"""The plan: what applying a state would do, computed without touching anything.

Three-way: what was applied last (manifest of the revision in force), what is on the
disk now (a file changed by hand shows here) and what the new state renders to.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO, Literal

from appliance.apply.masking import Masker
from appliance.apply.revisions import ManifestEntry, RevisionStore
from appliance.render.fileset import FileSet
from appliance.state.changes import Change

LONGEST_DIFFERENCE = 400
"""Lines of one file's difference that are shown; the rest is counted."""

STRANGERS_RELOAD = ("dialplan",)
"""What a file that somebody put there asks for when it goes: extensions.conf includes all of
a pattern, no other file does."""

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class TouchedFile:
    """One file that would be written, replaced or dropped.

    `by_hand` says that the file on the disk is not what was applied last, so that
    applying would undo somebody's manual change. `reload` is what its new or, for a
    dropped file, its old form asks for.
    """

    path: str
    kind: Kind
    by_hand: bool
    reload: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileChange:
    """A touched file as people see it.

    `difference` is a unified diff from the disk to the new content, `edited` one from
    what was applied last to the disk; both with secrets masked.
    """

    path: str
    kind: Kind
    difference: str
    by_hand: bool = False
    edited: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying would do.

    `base` is the revision it was computed against, `candidate` the name under which
    the engine remembers the state, `digest` that of its files. `restart` says that
    Asterisk must start anew, which cuts the `calls_cut` calls that are up just now.
    """

    base: int
    candidate: str
    digest: str
    changes: tuple[Change, ...]
    files: tuple[FileChange, ...]
    reloads: tuple[str, ...]
    restart: bool
    calls_cut: int = 0

    @property
    def empty(self) -> bool:
        """Whether nothing at all would change."""
        return not self.changes and not self.files


def touched_files(new: FileSet, store: RevisionStore, base: int) -> tuple[TouchedFile, ...]:
    """The files that differ between the disk and a new set, by path."""
    applied = store.manifest(base)
    by_hand = store.drift(base)
    paths = sorted({*applied, *by_hand, *new.files})
    found = (_touched(path, new, applied, by_hand.get(path, "")) for path in paths)
    return tuple(each for each in found if each)


def _touched(
    path: str, new: FileSet, applied: Mapping[str, ManifestEntry], by_hand: str
) -> TouchedFile | None:
    file, entry = new.get(path), applied.get(path)
    there = by_hand == "added" or (entry is not None and by_hand != "missing")
    if file is None and not there:
        return None
    if file is not None and entry is not None and not by_hand and entry.sha256 == file.sha256:
        return None
    kind: Kind = "removed" if file is None else "changed" if there else "added"
    asked = file.reload if file else entry.reload if entry else STRANGERS_RELOAD
    return TouchedFile(path, kind, bool(by_hand), asked)


def shown(
    touched: Iterable[TouchedFile], new: FileSet, store: RevisionStore, base: int, masker: Masker
) -> Iterator[FileChange]:
    """The touched files with their differences, for people."""
    for each in touched:
        file = new.get(each.path)
        now = store.on_disk(base, each.path)
        difference = difference_of(each.path, now, file.content if file else b"", masker)
        before = store.content(base, each.path) or b"" if each.by_hand else now
        edited = difference_of(each.path, before, now, masker)
        yield FileChange(each.path, each.kind, difference, each.by_hand, edited)


def files_between(
    old: int, new: int, store: RevisionStore, masker: Masker
) -> tuple[FileChange, ...]:
    """How the files of two revisions differ, as they were rendered."""
    before, after = store.manifest(old), store.manifest(new)
    found = []
    for path in sorted({*before, *after}):
        a, b = before.get(path), after.get(path)
        if not (a and b and a.sha256 == b.sha256):
            kind: Kind = "removed" if b is None else "added" if a is None else "changed"
            text, now = (store.content(number, path) or b"" for number in (old, new))
            found.append(FileChange(path, kind, difference_of(path, text, now, masker)))
    return tuple(found)


def reloads_between(
    old: Mapping[str, ManifestEntry], new: Mapping[str, ManifestEntry]
) -> frozenset[str]:
    """The reloads that the files which differ ask for, in either direction."""
    names: set[str] = set()
    for path in {*old, *new}:
        a, b = old.get(path), new.get(path)
        if a is None or b is None or a.sha256 != b.sha256:
            names.update(*(entry.reload for entry in (a, b) if entry))
    return frozenset(names)


def difference_of(path: str, old: bytes, new: bytes, masker: Masker) -> str:
    """A unified diff with secrets masked, cut after LONGEST_DIFFERENCE lines; "" for none."""
    if old == new:
        return ""
    lines = _unified(path, old, new).decode("utf-8", "replace").splitlines()
    more = len(lines) - LONGEST_DIFFERENCE
    if more > 0:
        lines = [*lines[:LONGEST_DIFFERENCE], f"… {more} more lines"]
    return masker.masked("\n".join(lines))


def _unified(path: str, old: bytes, new: bytes) -> bytes:
    """What diff(1) says. Python's difflib takes minutes for ten thousand changed telephones.

    The texts hold secrets, so they are handed over in memory (memfd_create(2)).
    """
    with ExitStack() as opened:
        sides = [opened.enter_context(_in_memory(text)) for text in (old, new)]
        options = ["--text", "--speed-large-files", "--unified=2", "--label", path, "--label", path]
        command = ["diff", *options, *(f"/dev/fd/{side.fileno()}" for side in sides)]
        handed = [side.fileno() for side in sides]
        finished = subprocess.run(command, capture_output=True, pass_fds=handed)
    if finished.returncode > 1:
        raise RuntimeError(f"diff: {finished.stderr.decode('utf-8', 'replace').strip()}")
    return finished.stdout


def _in_memory(text: bytes) -> BinaryIO:
    file = os.fdopen(os.memfd_create("difference"), "w+b")
    file.write(text)
    file.flush()
    return file
