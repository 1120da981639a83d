"""A backup from beginning to end: made, tidied up, copied, rehearsed, and written down.

One process does it, at night by a timer or when somebody asks. Where it is stands in a
small file, for whoever looks; how it went stands in the records.
"""

from __future__ import annotations

import datetime
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from appliance.apply import atomic
from appliance.apply.course import Progress
from appliance.apply.errors import Refused
from appliance.apply.revisions import RevisionStore
from appliance.services import backups, registry
from appliance.state.codec import canonical_json
from appliance.state.machine import Layout
from appliance.system.backup.records import (
    Copied,
    Record,
    Records,
    Rehearsal,
    Run,
    local_files,
)
from appliance.system.backup.targets import Patience, Remote
from appliance.system.backup.write import Made, make

log = logging.getLogger("backup")

PATIENT = Patience()
Trigger = Literal["night", "hand"]
Rehearse = Callable[[str], Rehearsal]
"""Has the backup of this name rehearsed by who may start a second Asterisk."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where backups are made of, and with whose help."""

    layout: Layout
    host_name: str
    groups: Mapping[str, int]
    rehearse: Rehearse
    patience: Patience = PATIENT


def wishes(layout: Layout) -> backups.State:
    """What the owner wants of backups: as in the state in force."""
    store = RevisionStore(layout.state, {})
    current = store.current()
    if not current:
        return backups.State()
    state: backups.State = registry.decode(store.state_data(current))["backups"]
    return state


def run(site: Site, trigger: Trigger) -> Record:
    """Make a backup and do everything that belongs to it. What stops it is raised, after it
    was written down; a target that fails stops nothing and is written down too."""
    records = Records(site.layout)
    tell = _teller(site.layout)
    try:
        with records.only_one():
            record = _made(site, records, tell)
        # The rehearsal takes its turn at the engine; another backup may begin meanwhile.
        return _rehearsed(site, records, record, trigger, tell)
    except Refused as error:
        records.ended(Run(_now(), trigger, type(error).__name__.lower(), str(error)))
        raise
    except OSError as error:
        records.ended(Run(_now(), trigger, "oserror", str(error)))
        raise
    finally:
        tell("")


def _made(site: Site, records: Records, tell: Progress) -> Record:
    wanted = wishes(site.layout)
    made = make(site.layout, site.host_name, site.groups, records.keys(), tell)
    record = _record(made)
    records.add(record)
    log.info("made=%s bytes=%d seconds=%.1f", record.name, made.size, made.seconds)
    tidy(site.layout, records, wanted)
    copies = []
    for target in wanted.targets:
        if target.enabled:
            copies.append(_copied(site, target, made, tell))
            records.change(record.name, copies=tuple(copies))
    return replace(record, copies=tuple(copies))


def _rehearsed(
    site: Site, records: Records, record: Record, trigger: Trigger, tell: Progress
) -> Record:
    tell("rehearsing")
    rehearsal = site.rehearse(record.name)
    records.change(record.name, rehearsal=rehearsal)
    problem = problem_of(replace(record, rehearsal=rehearsal))
    records.ended(Run(_now(), trigger, *problem))
    log.info("rehearsed=%s passed=%s", record.name, rehearsal.passed)
    return replace(record, rehearsal=rehearsal)


def problem_of(record: Record) -> tuple[str, str]:
    """(kind, sentence) of what is wrong with a backup; empty texts when nothing is."""
    if record.rehearsal is not None and not record.rehearsal.passed:
        return "notrehearsed", "; ".join(record.rehearsal.faults[:3])
    failed = [each.problem for each in record.copies if each.problem]
    return ("targetfailed", "; ".join(failed)) if failed else ("", "")


def _copied(site: Site, target: backups.Target, made: Made, tell: Progress) -> Copied:
    remote = Remote(target, site.layout, site.patience)
    try:
        remote.send(made.path, made.sha256, tell)
        remote.keep_newest(site.host_name)
    except Refused as error:
        log.error("target=%s problem=%s", target.id, error)
        return Copied(target.id, _now(), str(error))
    return Copied(target.id, _now())


def tidy(layout: Layout, records: Records, wanted: backups.State) -> list[str]:
    """Delete backups of this disk that are not to be kept; returns their names.

    The newest one stays whatever its age, and so does the newest that passed its
    rehearsal: what is newer than it may be of no use.
    """
    files = local_files(layout)
    book = records.read()
    proved = next((f for f in files if _passed(book.find(f.name))), None)
    oldest = time.time() - wanted.keep_days * 86400 if wanted.keep_days else 0.0
    gone = []
    for at, file in enumerate(files):
        too_old = at >= wanted.keep or file.stat().st_mtime < oldest
        if at and too_old and file != proved:
            delete(layout, records, file.name)
            gone.append(file.name)
    return gone


def _passed(record: Record | None) -> bool:
    return record is not None and record.rehearsal is not None and record.rehearsal.passed


def delete(layout: Layout, records: Records, name: str) -> None:
    """Delete a backup from this disk; its copies elsewhere stay."""
    (layout.backups / name).unlink(missing_ok=True)
    records.change(name, here=False)


def _record(made: Made) -> Record:
    return Record(
        name=made.path.name,
        created=made.manifest.about.created,
        size=made.size,
        sha256=made.sha256,
        files=len(made.manifest.members),
        milliseconds=round(made.seconds * 1000),
    )


def due(layout: Layout, now: datetime.datetime) -> bool:
    """Whether tonight's backup is still to be made; asked every quarter of an hour.

    `now` is in the machine's own zone. A machine that was off at its hour makes it later.
    """
    records = Records(layout)
    if not records.has_code():
        return False
    hour = wishes(layout).hour
    planned = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    if planned > now:
        planned -= datetime.timedelta(days=1)
    book = records.read()
    moments = [each.created for each in book.backups[:1]]
    if book.last is not None and book.last.trigger == "night":
        moments.append(book.last.at)
    return not any(datetime.datetime.fromisoformat(each) >= planned for each in moments)


# ── progress ──────────────────────────────────────────────────────────────────────────


def _progress_file(layout: Layout) -> Path:
    return layout.run / "backup-progress.json"


def _teller(layout: Layout) -> Progress:
    """Writes the present step down; an empty one ends it."""

    def tell(step: str) -> None:
        file = _progress_file(layout)
        if not step:
            file.unlink(missing_ok=True)
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_file(file, canonical_json({"step": step, "at": _now()}), 0o644)

    return tell


def step_now(layout: Layout) -> str:
    """What is being done right now, "" when nothing is."""
    try:
        data = json.loads(_progress_file(layout).read_bytes())
    except FileNotFoundError:
        return ""
    step = data.get("step", "")
    return step if isinstance(step, str) else ""


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
