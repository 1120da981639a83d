"""What is remembered of updates: a folder of small files, each replaced whole.

request.json    what the engine asks the worker to do; systemd starts the worker for it
work.json       what the worker does or did last, and how far it is
trial.json      a system that is being tried, until it is kept or left
slots.json      the release in each slot, as the start partition says
history.json    what happened, newest first
settings.json   where updates may be fetched from
"""

from __future__ import annotations

import datetime
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.apply import atomic
from appliance.state.machine import Layout

KEPT_EVENTS = 60


def now() -> str:
    """This moment in UTC, in ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Records:
    """The folder of one machine."""

    folder: Path

    @property
    def request(self) -> Path:
        return self.folder / "request.json"

    @property
    def cancelled(self) -> Path:
        """Its presence asks the worker to leave off."""
        return self.folder / "cancelled"

    @property
    def snapshot(self) -> Path:
        """The data as they were before the trial of the last update."""
        return self.folder / "snapshot"

    @property
    def aside(self) -> Path:
        """The data of a trial that was left again."""
        return self.folder / "aside"

    @property
    def download(self) -> Path:
        return self.folder / "download.update"

    def prepare(self) -> None:
        """Make the folder."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self, name: str) -> dict[str, Any]:
        """A file's content; an empty one when it is missing or damaged."""
        try:
            data = json.loads((self.folder / f"{name}.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}

    def write(self, name: str, data: dict[str, Any]) -> None:
        """Replace a file; it is on the disk at return."""
        self.prepare()
        text = json.dumps(data, indent=1, sort_keys=True).encode()
        atomic.write_file(self.folder / f"{name}.json", text)

    def tell(self, work: dict[str, Any]) -> None:
        """Replace `work.json`, quickly: nothing is lost with it but a figure."""
        self.prepare()
        scratch = self.folder / ".work.json.unfinished"
        scratch.write_text(json.dumps(work))
        os.replace(scratch, self.folder / "work.json")

    def forget(self, name: str) -> None:
        """Remove a file, for good at return."""
        (self.folder / f"{name}.json").unlink(missing_ok=True)
        if self.folder.is_dir():
            atomic.sync_folder(self.folder)

    def history(self) -> list[dict[str, Any]]:
        """What happened, newest first."""
        events = self.read("history").get("events", [])
        return events if isinstance(events, list) else []

    def note(self, what: str, **facts: Any) -> None:
        """Add to what happened."""
        event = {"what": what, "when": now(), **facts}
        self.write("history", {"events": [event, *self.history()][:KEPT_EVENTS]})

    @contextmanager
    def working(self) -> Iterator[None]:
        """Hold the worker's lock; BlockingIOError when another worker is at it."""
        self.prepare()
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield

    def at_work(self) -> bool:
        """Whether a worker holds the lock."""
        try:
            with self.working():
                return False
        except BlockingIOError:
            return True


def of(layout: Layout) -> Records:
    """The records of a machine."""
    return Records(layout.state_of("updates"))
