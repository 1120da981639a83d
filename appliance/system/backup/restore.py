"""Restores: checks a backup as far as can be, and orders that it be put in place."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from appliance.apply.course import Progress, untold
from appliance.services import registry
from appliance.state.faults import StateError
from appliance.state.fields import Secret
from appliance.state.machine import Layout
from appliance.state.system_state import SystemState
from appliance.system.backup import place
from appliance.system.backup.collect import SQLITE_BEGINS
from appliance.system.backup.errors import BadBackup
from appliance.system.backup.members import Manifest, parts
from appliance.system.backup.place import Identity, Order
from appliance.system.backup.read import unpack
from appliance.system.backup.records import Records
from appliance.system.backup.recovery_code import keys_of

Prove = Callable[[SystemState], None]
"""Raises when a state does not run on this machine."""


def order_restore(
    layout: Layout,
    file: Path,
    code: Secret,
    identity: Identity,
    *,
    prove: Prove = lambda _state: None,
    progress: Progress = untold,
) -> Manifest:
    """Check a backup and order that the next start puts it in place.

    Nothing of the machine changes here. WrongCode, BadBackup, TooNew, NoRoom or Busy when
    it cannot be restored; then nothing is left of the attempt.
    """
    with Records(layout).only_one():
        try:
            manifest = _prepared(layout, file, code, progress)
            progress("proving")
            if manifest.about.revision:
                prove(state_of(place.content(layout), manifest))
            place.commit(layout, Order(manifest, identity))
        except BaseException:
            place.discard(layout)
            raise
    progress("ordered")
    return manifest


def _prepared(layout: Layout, file: Path, code: Secret, progress: Progress) -> Manifest:
    progress("unpacking")
    known = {part.name: part for part in parts(layout)}
    content = place.prepare(layout)
    manifest = unpack(file, keys_of(code), known, content)
    progress("checking")
    check(content, manifest)
    return manifest


def check(content: Path, manifest: Manifest) -> None:
    """Raise BadBackup unless the configuration can be read and every database is sound."""
    if manifest.about.revision:
        state_of(content, manifest)
    for member in manifest.members:
        path = content / member.name
        with path.open("rb") as file:
            database = file.read(len(SQLITE_BEGINS)) == SQLITE_BEGINS
        if database:
            _check_database(path)


def state_of(content: Path, manifest: Manifest) -> SystemState:
    """The state that was in force, in today's form; BadBackup when it makes no sense."""
    folder = content / "state/revisions" / f"{manifest.about.revision:06d}"
    try:
        return registry.decode(_state_data(folder))
    except (OSError, ValueError, StateError) as error:
        raise BadBackup(f"the configuration in the backup cannot be read ({error})") from error


def _state_data(folder: Path) -> Any:
    plain = folder / "state.json"
    text = plain.read_bytes() if plain.exists() else _unzipped(folder / "state.json.gz")
    return json.loads(text)


def _unzipped(path: Path) -> bytes:
    with gzip.open(path) as file:
        return file.read()


def _check_database(path: Path) -> None:
    # Immutable: SQLite then makes no files of its own beside it.
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as database:
        try:
            found = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise BadBackup(f"{path.name} in the backup is damaged ({error})") from error
    if found != "ok":
        raise BadBackup(f"{path.name} in the backup is damaged ({found})")
