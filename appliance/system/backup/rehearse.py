"""The rehearsal: a backup is restored into a throw-away machine and started there.

It goes the way of a real restore, code and all, into a folder of its own. Then a second
Asterisk without network boots what the restored machine would run, and is asked for
everything that the model says.
"""

from __future__ import annotations

import datetime
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from appliance.apply.course import Progress, untold
from appliance.apply.engine import Engine
from appliance.apply.errors import Refused
from appliance.asterisk.runtime import Runtime
from appliance.state.codec import canonical_json
from appliance.state.faults import StateError
from appliance.state.machine import Layout
from appliance.state.system_state import SystemState, encode_system
from appliance.system.backup import place, restore
from appliance.system.backup.members import IDENTITY, Manifest, parts
from appliance.system.backup.place import Order
from appliance.system.backup.read import unpack
from appliance.system.backup.records import Rehearsal
from appliance.system.backup.recovery_code import Keys
from appliance.system.backup.write import sha256_of
from appliance.system.machine import load_machine
from appliance.verify import calls
from appliance.verify.calls import Called
from appliance.verify.shadow import Shadow, ShadowFailed


def rehearse(
    layout: Layout,
    file: Path,
    keys: Keys,
    runtime: Runtime,
    groups: Mapping[str, int],
    progress: Progress = untold,
) -> Rehearsal:
    """Restore a backup for show and report; never raises for what is wrong with it."""
    begin = time.monotonic()
    proved: list[str] = []
    faults: tuple[str, ...] = ()
    asked = 0
    made: tuple[Called, ...] = ()
    try:
        with _folder(layout) as folder:
            progress("unpacking")
            machine, manifest = _restored(folder, file, keys, groups)
            proved += ["whole", "database"] if _accounts(machine) else ["whole"]
            progress("proving")
            engine, state = _engine(machine, runtime, manifest)
            proof = engine.prove(state)
            asked, faults = proof.asked, tuple(said for _where, said in proof.faults[:20])
            proved += ["state", "asterisk"] if proof.passed else ["state"]
            if proof.passed:
                progress("calling")
                made = calls.make(engine.shadow, engine.store.candidate / "root", state)
                faults = tuple(_wrong(each) for each in made if not each.passed)
                proved += ["calls"] if made and not faults else []
    except (Refused, StateError, ShadowFailed, LookupError, OSError, ValueError) as error:
        faults = (str(error) or type(error).__name__,)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    seconds = round(time.monotonic() - begin)
    return Rehearsal(now, not faults, seconds, asked, tuple(proved), faults, made)


@contextmanager
def _folder(layout: Layout) -> Iterator[Path]:
    """The throw-away machine's folder; gone afterwards, and what a killed one has left."""
    folder = layout.rehearsal
    shutil.rmtree(folder, ignore_errors=True)
    # Asterisk's own account walks through it; what is secret below has its own modes.
    folder.mkdir(mode=0o711, parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _restored(
    folder: Path, file: Path, keys: Keys, groups: Mapping[str, int]
) -> tuple[Layout, Manifest]:
    """The throw-away machine with the backup in place, and the backup's manifest."""
    throw_away = Layout(folder)
    known = {part.name: part for part in parts(throw_away)}
    content = place.prepare(throw_away)
    manifest = unpack(file, keys, known, content)
    restore.check(content, manifest)
    order = Order(manifest, "keep")
    place.put(throw_away, content, order, groups)
    _compare(throw_away, manifest)
    return throw_away, manifest


def _compare(layout: Layout, manifest: Manifest) -> None:
    """Raise LookupError unless every file stands in its place as it was kept."""
    for part in parts(layout):
        for member in manifest.members:
            first, _, path = member.name.partition("/")
            if first == part.name != IDENTITY:
                file = part.folder / path
                if sha256_of(file) != member.sha256:
                    raise LookupError(f"{member.name} was not restored as it was")


def _accounts(layout: Layout) -> int:
    """How many accounts the portal's restored database knows; 0 without a database."""
    database = layout.state_of("portal") / "portal.sqlite3"
    if not database.exists():
        return 0
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT count(*) FROM accounts").fetchone()[0])


def _wrong(call: Called) -> str:
    where = f"arrived at {call.arrived}" if call.arrived else "did not arrive"
    return f"test call ({call.kind}) to {call.number} {where}"


def _engine(layout: Layout, runtime: Runtime, manifest: Manifest) -> tuple[Engine, SystemState]:
    """The engine of the throw-away machine, and the state that it has restored."""
    machine = load_machine(layout.prefix, runtime)
    engine = Engine(machine, Shadow(runtime, machine))
    engine.recover()
    state = engine.running_state()
    content = place.content(layout)
    if canonical_json(encode_system(state)) != canonical_json(
        encode_system(restore.state_of(content, manifest))
    ):
        raise LookupError("the restored configuration is not the one that was kept")
    return engine, state
