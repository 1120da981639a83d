"""The revisions: every applied state with its files, author, reason and report.

revisions/000012/revision.json   who, when, why, what became of it
                 report.json     how it was proved and verified, and how long it took
                 state.json      the state (mode 0640: it holds secrets)
                 manifest.json   path, hash, mode and group of every file
                 files.zip       the files as they were rendered
                 root/etc/…      the files as the services read them
current -> revisions/000012      the revision in force

The files stand there twice because somebody may edit those that services read: the
archive tells what was applied and gives it back. A revision that is neither in force
nor the one before keeps no `root`, and its state is packed as `state.json.gz`.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from appliance.apply import atomic
from appliance.render.fileset import FileSet
from appliance.state.codec import canonical_json, decode, encode

Status = Literal["staged", "trial", "good", "undone"]

Drift = Literal["changed", "missing", "added"]
"""What happened to a file in force: edited, deleted, or put there by somebody."""

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
        for leftover in [self.candidate, *self.folder.rglob(f".*{atomic.UNFINISHED}")]:
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
        """The plain data of a revision's state, as it was written then."""
        return json.loads(self._state_bytes(number))

    def _state_bytes(self, number: int) -> bytes:
        try:
            return (self.path(number) / "state.json").read_bytes()
        except FileNotFoundError:
            return gzip.decompress(self._bytes(number, "state.json.gz"))

    def manifest(self, number: int) -> dict[str, ManifestEntry]:
        """Path -> entry for each file of a revision; empty for revision 0."""
        if number == 0:
            return {}
        entries = self._json(number, "manifest.json")
        return {entry["path"]: decode(ManifestEntry, entry) for entry in entries}

    def stage(self, state: bytes, files: FileSet) -> Path:
        """Write state and files to the candidate folder; returns it.

        A file that is as in the revision in force keeps its time of change, and another
        has another: by time and size Asterisk tells what it has read already
        (main/config.c, cfmstat_cmp). What was written is removed again when there is no
        room for all of it.
        """
        _remove(self.candidate)
        manifest = [
            encode(ManifestEntry(f.path, f.sha256, f.mode, f.group, f.reload)) for f in files
        ]
        tree: dict[str, tuple[bytes, int, int | None]] = {
            f"root/{f.path}": (f.content, f.mode, self._group(f.group)) for f in files
        }
        tree["state.json"] = (state, 0o640, self._groups.get(STATE_GROUP))
        tree["manifest.json"] = (canonical_json(manifest), 0o640, None)
        tree["files.zip"] = (_packed(files), 0o600, None)
        try:
            atomic.write_tree(self.candidate, tree)
            self._set_times(files)
        except BaseException:
            _remove(self.candidate)
            raise
        return self.candidate

    def _set_times(self, files: FileSet) -> None:
        current = self.path(self.current()) / "root"
        for file in files:
            old, new = current / file.path, self.candidate / "root" / file.path
            if _sha256(old) == file.sha256:
                os.utime(new, ns=(old.stat().st_atime_ns, old.stat().st_mtime_ns))
            elif old.exists() and old.stat().st_mtime_ns == new.stat().st_mtime_ns:
                os.utime(new, ns=(new.stat().st_atime_ns, new.stat().st_mtime_ns + 1))

    def staged(self, files: FileSet, state: bytes) -> bool:
        """Whether the candidate folder holds just this state and these files, unharmed."""
        root = self.candidate / "root"
        if _sha256(self.candidate / "state.json") != hashlib.sha256(state).hexdigest():
            return False
        whole = all(_sha256(root / file.path) == file.sha256 for file in files)
        return whole and _files_below(root) == set(files.files)

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
        self._write(number, dataclasses.replace(old, status=status, report=report or old.report))

    def _write(self, number: int, revision: Revision) -> None:
        path = self.path(number) / "revision.json"
        atomic.write_file(path, canonical_json(encode(revision)), 0o640)

    def write_report(self, number: int, report: Any) -> None:
        """Keep how a revision was proved and verified: plain data without secrets."""
        atomic.write_file(self.path(number) / "report.json", canonical_json(report), 0o640)

    def report(self, number: int) -> Any:
        """What `write_report` has kept; LookupError when the revision has none."""
        return json.loads(self._bytes(number, "report.json"))

    def prune(self, keep: int) -> None:
        """Pack all but the revision in force and the one before it, and delete the oldest
        beyond `keep`."""
        current = self.current()
        in_use = {current, self.read(current).parent if current else 0}
        numbers = self.numbers()
        for number in numbers[:-keep]:
            if number not in in_use:
                _discard(self.path(number))
        for number in numbers[-keep:]:
            if number not in in_use:
                self._pack(number)

    def _pack(self, number: int) -> None:
        folder = self.path(number)
        if (folder / "state.json").exists():
            packed = gzip.compress(self._state_bytes(number), mtime=0)
            atomic.write_file(folder / "state.json.gz", packed, 0o600)
            (folder / "state.json").unlink()
        if (folder / "root").exists():
            _discard(folder / "root")

    def content(self, number: int, path: str) -> bytes | None:
        """A file as it was rendered for a revision; None when it had no such file."""
        if number == 0:
            return None
        with zipfile.ZipFile(io.BytesIO(self._bytes(number, "files.zip"))) as archive:
            return archive.read(path) if path in archive.namelist() else None

    def on_disk(self, number: int, path: str) -> bytes:
        """A file of a revision as it is now; empty when it is not there."""
        try:
            return (self.path(number) / "root" / path).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return b""

    def drift(self, number: int) -> dict[str, Drift]:
        """What somebody changed by hand below the files of a revision, by path."""
        if number == 0:
            return {}
        root = self.path(number) / "root"
        manifest = self.manifest(number)
        found: dict[str, Drift] = {}
        for path, entry in manifest.items():
            now = _sha256(root / path)
            if now != entry.sha256:
                found[path] = "changed" if now else "missing"
        for path in sorted(_files_below(root) - manifest.keys()):
            found[path] = "added"
        return found

    def restore(self, number: int, paths: Iterable[str]) -> None:
        """Write files of a revision as they were rendered, and remove those it had not."""
        manifest = self.manifest(number)
        for path in paths:
            file = self.path(number) / "root" / path
            content = self.content(number, path)
            if content is None:
                file.unlink(missing_ok=True)
            else:
                entry = manifest[path]
                file.parent.mkdir(parents=True, exist_ok=True)
                atomic.write_file(file, content, entry.mode, self._group(entry.group))

    def write_out(self, number: int) -> None:
        """Write all files of a revision anew from its archive, in place of any that are there."""
        root = self.path(number) / "root"
        if root.exists():
            _discard(root)
        tree: dict[str, tuple[bytes, int, int | None]] = {}
        for path, entry in self.manifest(number).items():
            content = self.content(number, path)
            if content is None or hashlib.sha256(content).hexdigest() != entry.sha256:
                raise LookupError(f"revision {number} has lost its file {path}")
            tree[path] = (content, entry.mode, self._group(entry.group))
        scratch = atomic.scratch_name(root)
        atomic.write_tree(scratch, tree)
        os.rename(scratch, root)
        atomic.sync_folder(root.parent)

    def _group(self, name: str) -> int | None:
        return None if name == "root" else self._groups.get(name)

    def _json(self, number: int, name: str) -> Any:
        return json.loads(self._bytes(number, name))

    def _bytes(self, number: int, name: str) -> bytes:
        try:
            return (self.path(number) / name).read_bytes()
        except FileNotFoundError as error:
            raise LookupError(f"revision {number} is not kept") from error


def _packed(files: FileSet) -> bytes:
    """The files as one archive; the same files give the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in files:
            archive.writestr(zipfile.ZipInfo(file.path), file.content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _files_below(root: Path) -> set[str]:
    """The paths of everything below `root` that is not a folder."""
    return {
        os.path.relpath(os.path.join(folder, name), root)
        for folder, _folders, names in os.walk(root)
        for name in names
    }


def _sha256(file: Path) -> str:
    """The hash of a file's content, "" when it is not there or not a file."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return ""


def _discard(folder: Path) -> None:
    """Remove a folder so that a cut leaves nothing that looks whole."""
    doomed = atomic.scratch_name(folder)
    os.rename(folder, doomed)
    _remove(doomed)


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
