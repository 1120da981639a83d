"""Which processes are ours: their numbers together with when they started.

The kernel gives numbers of dead processes to new ones. A record counts only while the
start time of that number (field 22 of /proc/PID/stat, proc(5)) and the boot are the same,
so stopping never ends somebody else's process.
"""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance.apply import atomic

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Record:
    """One process that leads a process group of its own."""

    pid: int
    started: int
    boot: str

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return self.boot == _boot() and start_time(self.pid) == self.started


def record_of(pid: int) -> Record:
    """The record of a running process."""
    return Record(pid, start_time(pid), _boot())


def start_time(pid: int) -> int:
    """Clock ticks between boot and the start of a process; 0 when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    # The second field is the name in parentheses, which may hold blanks and parentheses.
    fields = text.rpartition(")")[2].split()
    return 0 if fields[0] == "Z" else int(fields[19])


def write(folder: Path, name: str, record: Record) -> None:
    """Keep a record under a name."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    atomic.write_file(folder / f"{name}.json", json.dumps(asdict(record)).encode())


def read(folder: Path, name: str) -> Record | None:
    """The record of this name if its process still runs; an old one is thrown away."""
    path = folder / f"{name}.json"
    try:
        record = Record(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    if record.alive():
        return record
    path.unlink(missing_ok=True)
    return None


def all_alive(folder: Path) -> dict[str, Record]:
    """Every record whose process still runs, by name."""
    names = [path.stem for path in folder.glob("*.json")]
    found = {name: read(folder, name) for name in names}
    return {name: record for name, record in found.items() if record}


def end(record: Record, within_s: float) -> bool:
    """End a process and its group: politely, then at once. Whether the polite way sufficed."""
    if record.alive():
        os.kill(record.pid, signal.SIGTERM)
    polite = _gone(record, within_s)
    if not polite:
        os.killpg(record.pid, signal.SIGKILL)
        _gone(record, 5)
    return polite


def _gone(record: Record, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while record.alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _boot() -> str:
    return _BOOT.read_text().strip()
