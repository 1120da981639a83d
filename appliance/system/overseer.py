"""How the processes are, and starting one again: the same questions to systemd and to the
supervisor of a checkout."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from appliance.apply.errors import Refused
from appliance.system import records, status_board
from appliance.system.processes import Process, Site, table
from appliance.system.watch import unit_of


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """One process now. `phase` is ready, starting, waiting, failing or stopped; `since`
    seconds since 1970 from when; `processor_ms` the time that it has computed so far."""

    name: str
    purpose: str
    phase: str
    problem: str = ""
    since: int = 0
    restarts: int = 0
    memory_bytes: int = 0
    processor_ms: int = 0
    pid: int = 0


class Overseer(Protocol):
    """Whoever keeps the processes alive on this machine."""

    def look(self) -> tuple[ProcessFacts, ...]: ...
    def restart(self, name: str) -> None: ...


def overseer_of(site: Site) -> Overseer:
    """The one that has started this process."""
    if site.checkout:
        return Supervised(site)
    return Systemd(site)


def known(site: Site, name: str) -> Process:
    """The process of the table; LookupError when there is none of this name."""
    for process in table(site):
        if process.name == name:
            return process
    raise LookupError("there is no such process")


# ── the appliance ─────────────────────────────────────────────────────────────────────

_PROPERTIES = (
    "Id,ActiveState,SubState,MainPID,NRestarts,ActiveEnterTimestamp,MemoryCurrent,CPUUsageNSec"
)
_PHASES = {
    "active": "ready",
    "reloading": "ready",
    "activating": "starting",
    "deactivating": "stopped",
    "inactive": "stopped",
    "failed": "failing",
}


@dataclass(frozen=True, slots=True)
class Systemd:
    """systemd(1), asked by systemctl."""

    site: Site

    def look(self) -> tuple[ProcessFacts, ...]:
        processes = table(self.site)
        units = [unit_of(process) for process in processes]
        command = ["systemctl", "show", "--timestamp=unix", f"--property={_PROPERTIES}", *units]
        shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
        found = {block["Id"]: block for block in _blocks(shown.stdout) if "Id" in block}
        return tuple(_of_unit(p, found.get(unit_of(p), {})) for p in processes)

    def restart(self, name: str) -> None:
        unit = unit_of(known(self.site, name))
        command = ["systemctl", "--no-block", "restart", unit]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
        if done.returncode:
            raise Refused(f"systemd does not start it again: {done.stderr.strip()[:200]}")


def _blocks(text: str) -> Iterator[dict[str, str]]:
    """What `systemctl show` says of several units: blocks of KEY=VALUE apart by blank lines."""
    for block in text.split("\n\n"):
        pairs = (line.partition("=") for line in block.splitlines())
        yield {key: value for key, separator, value in pairs if separator}


def _of_unit(process: Process, said: Mapping[str, str]) -> ProcessFacts:
    phase = _PHASES.get(said.get("ActiveState", ""), "stopped")
    problem = "" if phase != "failing" else f"systemd: {said.get('SubState', '')}"
    if phase == "ready":
        problem = process.ready.problem()
    return ProcessFacts(
        process.name,
        process.purpose,
        "starting" if problem and phase == "ready" else phase,
        problem,
        _number(said.get("ActiveEnterTimestamp", "").lstrip("@")),
        _number(said.get("NRestarts", "")),
        _number(said.get("MemoryCurrent", "")),
        _number(said.get("CPUUsageNSec", "")) // 10**6,
        _number(said.get("MainPID", "")),
    )


def _number(text: str) -> int:
    """A number of systemd's; it writes [not set], or all bits set, for what it does not know."""
    value = int(text) if text.isascii() and text.isdigit() else 0
    return 0 if value >= 2**63 else value


# ── a checkout ────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Supervised:
    """The supervisor of a checkout. It tells how things are in a file and starts by itself
    what has ended, so a restart is an end."""

    site: Site

    @property
    def _folder(self) -> Path:
        return self.site.layout.prefix

    def look(self) -> tuple[ProcessFacts, ...]:
        board = status_board.read(self._folder / "status.json")
        purposes = {process.name: process.purpose for process in table(self.site)}
        sums = _sums_of_sessions()
        return tuple(
            self._facts(name, purposes.get(name, ""), entry, sums) for name, entry in board.items()
        )

    def _facts(
        self,
        name: str,
        purpose: str,
        entry: status_board.ProcessStatus,
        sums: Mapping[int, tuple[int, int]],
    ) -> ProcessFacts:
        record = records.read(self._folder / "processes", name)
        memory, processor = sums.get(record.pid, (0, 0)) if record else (0, 0)
        pid = record.pid if record else 0
        since = int(entry.since)
        return ProcessFacts(
            *(name, purpose, entry.phase, entry.problem, since, entry.restarts),
            *(memory, processor, pid),
        )

    def restart(self, name: str) -> None:
        known(self.site, name)
        record = records.read(self._folder / "processes", name)
        if record is None:
            raise Refused("it does not run; the supervisor starts it by itself in a moment")
        os.kill(record.pid, signal.SIGTERM)


def _sums_of_sessions() -> dict[int, tuple[int, int]]:
    """Session -> (bytes of memory, milliseconds of processor) of all its processes (proc(5)).

    The supervisor gives each process a session of its own, whose number is that of its
    first process.
    """
    sums: dict[int, tuple[int, int]] = {}
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text("utf-8", "replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        session = int(fields[3])
        memory, processor = sums.get(session, (0, 0))
        used = (int(fields[11]) + int(fields[12])) * 1000 // ticks
        sums[session] = memory + int(fields[21]) * page, processor + used
    return sums


# ── starting again and again ──────────────────────────────────────────────────────────

RESTARTS_TOLD = 3
WITHIN_S = 600


class RestartCounter:
    """Notices what is started again and again, from counts that only grow."""

    def __init__(self) -> None:
        self._seen: dict[str, list[tuple[float, int]]] = {}

    def often(self, facts: tuple[ProcessFacts, ...], now: float | None = None) -> dict[str, int]:
        """Name -> how often it was started again within WITHIN_S, where that is too often."""
        moment = time.monotonic() if now is None else now
        found = {}
        for each in facts:
            marks = [m for m in self._seen.get(each.name, []) if moment - m[0] <= WITHIN_S]
            if marks and each.restarts < marks[-1][1]:
                marks = []  # the supervisor itself began anew
            marks.append((moment, each.restarts))
            self._seen[each.name] = marks
            times = each.restarts - marks[0][1]
            if times >= RESTARTS_TOLD:
                found[each.name] = times
        return found
