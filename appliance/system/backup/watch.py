"""What is wrong with backups, for the list of alarms."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from appliance.state.machine import Layout
from appliance.state.system_state import SystemState
from appliance.system.alarms import Raised
from appliance.system.backup.records import Book, Records, Run

LATE_AFTER_H = 36
"""A night and half a day: the machine may have been off at its hour."""


def look(layout: Layout, state: SystemState, now: datetime.datetime) -> Iterator[Raised]:
    """Every alarm about backups. A machine that serves nobody yet needs none."""
    if not state["organisation"].name:
        return
    records = Records(layout)
    if not records.has_code():
        yield Raised("backup-not-set-up")
        return
    book = records.read()
    yield from _late(book, now)
    if book.last is not None and book.last.kind:
        names = {each.id: each.name for each in state["backups"].targets}
        yield from _failed(book, book.last, names)


def _late(book: Book, now: datetime.datetime) -> Iterator[Raised]:
    if not book.backups:
        return
    age = now - datetime.datetime.fromisoformat(book.backups[0].created)
    hours = int(age.total_seconds() // 3600)
    if hours >= LATE_AFTER_H:
        yield Raised("backup-late", values={"hours": str(hours)})


def _failed(book: Book, last: Run, names: dict[str, str]) -> Iterator[Raised]:
    if last.kind == "notrehearsed":
        yield Raised("rehearsal-failed", values={"reason": last.message[:200]})
        return
    if last.kind != "targetfailed":
        yield Raised("backup-failed", "/var/backups", {"reason": last.message[:200]})
        return
    for copy in book.backups[0].copies if book.backups else ():
        if copy.problem:
            name = names.get(copy.target, copy.target)
            yield Raised("backup-failed", name, {"reason": copy.problem[:200]})
