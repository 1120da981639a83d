"""Gathers what a backup holds, as it was at one moment, while everything goes on running.

The engine replaces its files and never writes into them, so hard links keep them as they
are. Databases are copied by SQLite itself (its backup interface), which waits for nobody
and holds nobody up.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.apply import atomic
from appliance.apply.errors import Refused
from appliance.apply.trial import TrialRecord
from appliance.credentials import DATABASE_URL
from appliance.state.machine import PORTAL_DATABASE, Layout
from appliance.system.backup.members import Part, allowed, parts

ATTEMPTS = 10
"""How often a moment without a change of revisions is looked for."""

SQLITE_BEGINS = b"SQLite format 3\x00"
"""sqlite.org/fileformat.html section 1.3.1."""

_ENGINE = "state"
_PORTAL = f"portal/{PORTAL_DATABASE}"
COPIED_WITHIN_S = 1800


class Moving(RuntimeError):
    """The revisions changed while they were gathered."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file to keep: its name in the backup and where its bytes are now."""

    name: str
    path: Path
    size: int
    mode: int
    changed: int
    group: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything to keep. `revision` is the one to go on with; 0 when there is none."""

    sources: tuple[Source, ...]
    revision: int
    left_out: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(source.size for source in self.sources)


@contextmanager
def gathered(layout: Layout, groups: Mapping[str, int]) -> Iterator[Gathered]:
    """What a backup holds; its copies and links are gone when the block ends."""
    scratch = atomic.scratch_name(layout.state / "snapshot")
    scratch.mkdir(mode=0o700)
    try:
        yield _gather(layout, groups, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _gather(layout: Layout, groups: Mapping[str, int], scratch: Path) -> Gathered:
    names = {number: name for name, number in groups.items()}
    sources: list[Source] = []
    left_out: list[str] = []
    revision = 0
    for part in parts(layout):
        if part.name == _ENGINE:
            revision = _linked(part, layout, scratch / part.name)
            folder = scratch / part.name
        else:
            folder = part.folder
        for path in Part(part.name, folder, part.owner, part.only, part.skip).files():
            name = f"{part.name}/{path}"
            if not allowed(name):
                left_out.append(name[:200].encode("ascii", "replace").decode())
                continue
            source = _source(name, folder / path, scratch, names)
            if source is not None and not (name == _PORTAL and os.environ.get(DATABASE_URL)):
                sources.append(source)
    sources += _database_elsewhere(scratch)
    return Gathered(tuple(sources), revision, tuple(left_out[:100]))


def _database_elsewhere(scratch: Path) -> list[Source]:
    """A portal's database that a PostgreSQL server keeps, as the file that it would be here.
    Refused when it cannot be had: without accounts a backup is not whole."""
    if not os.environ.get(DATABASE_URL):
        return []
    target = scratch / "elsewhere.sqlite3"
    command = [sys.executable, "-m", "portal.core.elsewhere", str(target)]
    try:
        copied = subprocess.run(command, capture_output=True, text=True, timeout=COPIED_WITHIN_S)
    except subprocess.TimeoutExpired:
        raise Refused("the portal's PostgreSQL database took too long to be copied") from None
    if copied.returncode:
        said = (copied.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Refused(f"the portal's PostgreSQL database cannot be copied: {said}")
    status = target.stat()
    return [Source(_PORTAL, target, status.st_size, 0o600, int(status.st_mtime), "")]


def _source(name: str, path: Path, scratch: Path, groups: Mapping[int, str]) -> Source | None:
    """The file as it can be read in peace; None when its owner has deleted it meanwhile."""
    try:
        status = path.stat()
        if _is_database(path):
            path = copy_of_database(path, scratch / f"{len(list(scratch.iterdir()))}.sqlite3")
    except FileNotFoundError:
        return None
    return Source(
        name,
        path,
        path.stat().st_size,
        status.st_mode & 0o777,
        int(status.st_mtime),
        groups.get(status.st_gid, ""),
    )


def _linked(part: Part, layout: Layout, folder: Path) -> int:
    """Hard links of the engine's files at one moment; the number of the revision to keep."""
    for _attempt in range(ATTEMPTS):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            return _link_all(part, layout, folder)
        except (Moving, FileNotFoundError):
            continue
    raise Refused("revisions are being applied one after the other; try again in a minute")


def _link_all(part: Part, layout: Layout, folder: Path) -> int:
    before = _moment(layout)
    for path in part.files():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(part.folder / path, target)
    if _moment(layout) != before:
        raise Moving
    current, former, _revisions = before
    return former or current


def _moment(layout: Layout) -> tuple[int, int, tuple[str, ...]]:
    """What tells one moment of the engine from another: the revision in force, the one that
    an open trial would go back to, and what is kept."""
    try:
        current = int(Path(os.readlink(layout.current)).name)
    except FileNotFoundError:
        return 0, 0, ()
    trial = TrialRecord(layout.state).read()
    revisions = layout.state / "revisions"
    kept = [f"{path.name}/{name}" for path in revisions.iterdir() for name in _names(path)]
    return current, trial.former if trial else 0, tuple(sorted(kept))


def _names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.is_dir() else []


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(SQLITE_BEGINS)) == SQLITE_BEGINS


def copy_of_database(database: Path, target: Path) -> Path:
    """A sound copy of a database that may be in use. Refused when it is damaged: a backup of
    it would push the last good one out."""
    with (
        closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        try:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise Refused(f"the database {database.name} is damaged ({error})") from error
    if found != "ok":
        raise Refused(f"the database {database.name} is damaged ({found})")
    return target
