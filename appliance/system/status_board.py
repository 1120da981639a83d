"""What the supervisor tells about its processes: a file that others read."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance.apply import atomic


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process. `phase` is waiting, preparing, starting, ready, failing or stopped;
    `problem` says what keeps it from being ready; `since` is seconds since 1970."""

    phase: str = "waiting"
    problem: str = ""
    restarts: int = 0
    since: float = 0.0


class StatusBoard:
    """The status of all processes, written to a file with every change."""

    def __init__(self, path: Path, names: list[str]) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._entries = {name: ProcessStatus(since=time.time()) for name in names}
        self._write()

    def put(self, name: str, phase: str, problem: str = "", restarts: int = 0) -> None:
        with self._lock:
            old = self._entries[name]
            same = old.phase == phase
            since = old.since if same else time.time()
            self._entries[name] = ProcessStatus(phase, problem, restarts, since)
            if self._entries[name] != old:
                self._write()

    def ready(self, name: str) -> bool:
        with self._lock:
            return name not in self._entries or self._entries[name].phase == "ready"

    def _write(self) -> None:
        data = {name: asdict(entry) for name, entry in self._entries.items()}
        atomic.write_file(self._path, json.dumps(data, ensure_ascii=False).encode(), 0o644)


def read(path: Path) -> dict[str, ProcessStatus]:
    """The board as it was last written; empty when there is none."""
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return {name: ProcessStatus(**entry) for name, entry in data.items()}
