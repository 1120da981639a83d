"""The revisions: every applied state with its files, author, reason and report.

revisions/000012/revision.json   who, when, why, what became of it
                 state.json      the state (mode 0640: it holds secrets)
                 manifest.json   path, hash, mode and group of every file
                 root/etc/…      the files
current -> revisions/000012      the revision in force
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from appliance.apply import atomic
from appliance.render.fileset import FileSet
from appliance.state.codec import canonical_json, decode, encode
from appliance.state.system_state import SystemState, encode_system

Status = Literal["staged", "trial", "good", "undone"]

STATE_GROUP = "centralino"
"""Group of the processes that may read applied states: provisioning, live view, apps."""


@dataclass(frozen=True, slots=True)
class Revision:
    """What is known of one revision. `created` is UTC in ISO 8601, `digest` that of its
    files; `parent` is the revision it replaced (0 for the first)."""

    number: int
    parent: int
    author: str
    reason: str
    created: str
    digest: str
    status: Status = "staged"
    report: str = ""


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One file as it was written."""

    path: str
    sha256: str
    mode: int
    group: str
    reload: tuple[str, ...] = ()


class RevisionStore:
    """The folder of revisions. Only the engine writes here."""

    def __init__(self, folder: Path, groups: Mapping[str, int]) -> None:
        self.folder = folder
        self._groups = groups

    @property
    def _revisions(self) -> Path:
        return self.folder / "revisions"

    @property
    def candidate(self) -> Path:
        """Where the next revision is written and proved before it gets a number."""
        return self.folder / "candidate"

    def prepare(self) -> None:
        """Make the folders and clear away what a cut-off run left behind."""
        self._revisions.mkdir(mode=0o755, parents=True, exist_ok=True)
        for leftover in [*self.folder.glob(".current.*"), *self._revisions.glob(".*")]:
            _remove(leftover)

    def path(self, number: int) -> Path:
        return self._revisions / f"{number:06d}"

    def numbers(self) -> list[int]:
        """The numbers of all kept revisions, oldest first."""
        return sorted(int(each.name) for each in self._revisions.iterdir() if each.name.isdigit())

    def current(self) -> int:
        """The number of the revision in force, 0 when there is none yet."""
        try:
            return int(Path(os.readlink(self.folder / "current")).name)
        except FileNotFoundError:
            return 0

    def read(self, number: int) -> Revision:
        """The facts of a revision; LookupError when it is not kept."""
        return decode(Revision, self._json(number, "revision.json"))

    def history(self) -> Iterator[Revision]:
        """Every kept revision, newest first."""
        return (self.read(number) for number in reversed(self.numbers()))

    def state_data(self, number: int) -> Any:
        """The plain data of a revision's state."""
        return self._json(number, "state.json")

    def manifest(self, number: int) -> dict[str, ManifestEntry]:
        """Path -> entry for each file of a revision; empty for revision 0."""
        if number == 0:
            return {}
        entries = self._json(number, "manifest.json")
        return {entry["path"]: decode(ManifestEntry, entry) for entry in entries}

    def stage(self, state: SystemState, files: FileSet) -> Path:
        """Write state and files to the candidate folder; returns it."""
        _remove(self.candidate)
        manifest = [
            encode(ManifestEntry(f.path, f.sha256, f.mode, f.group, f.reload)) for f in files
        ]
        state_group = self._groups.get(STATE_GROUP)
        tree: dict[str, tuple[bytes, int, int | None]] = {
            f"root/{f.path}": (f.content, f.mode, self._group(f.group)) for f in files
        }
        tree["state.json"] = (canonical_json(encode_system(state)), 0o640, state_group)
        tree["manifest.json"] = (canonical_json(manifest), 0o640, None)
        atomic.write_tree(self.candidate, tree)
        return self.candidate

    def adopt(self, revision: Revision) -> None:
        """Give the candidate its number: from here on it is part of the history."""
        facts = canonical_json(encode(revision))
        atomic.write_file(self.candidate / "revision.json", facts, 0o640)
        os.rename(self.candidate, self.path(revision.number))
        atomic.sync_folder(self._revisions)

    def put_in_force(self, number: int) -> None:
        """The switch: one rename of the link `current`."""
        atomic.replace_link(self.folder / "current", f"revisions/{number:06d}")

    def mark(self, number: int, status: Status, report: str = "") -> None:
        """Record what became of a revision."""
        old = self.read(number)
        new = dataclasses.replace(old, status=status, report=report or old.report)
        facts = canonical_json(encode(new))
        atomic.write_file(self.path(number) / "revision.json", facts, 0o640)

    def prune(self, keep: int) -> None:
        """Delete the oldest revisions beyond `keep`, never the one in force."""
        for number in self.numbers()[:-keep]:
            if number != self.current():
                doomed = self.path(number).with_name(f".{number:06d}")
                os.rename(self.path(number), doomed)
                _remove(doomed)

    def drift(self, number: int) -> dict[str, str]:
        """Files of a revision that were changed on the disk: path -> changed | missing."""
        found = {}
        for path, entry in self.manifest(number).items():
            file = self.path(number) / "root" / path
            if not file.is_file():
                found[path] = "missing"
            elif _sha256(file) != entry.sha256:
                found[path] = "changed"
        return found

    def _group(self, name: str) -> int | None:
        return None if name == "root" else self._groups.get(name)

    def _json(self, number: int, name: str) -> Any:
        try:
            return json.loads((self.path(number) / name).read_bytes())
        except FileNotFoundError as error:
            raise LookupError(f"revision {number} is not kept") from error


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
