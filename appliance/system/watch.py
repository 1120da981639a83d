"""Restarts processes that live but no longer answer; systemd itself sees only those that end.

The table of processes says how each is asked and whether it may be restarted for silence.
Asterisk is asked too, with more patience: a reload of ten thousand telephones keeps its
console busy for a while, and calls go on meanwhile.
"""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from appliance.state.machine import Layout
from appliance.system import notify, processes
from appliance.system.machine import read_facts, runtime_of
from appliance.system.processes import Process, Site

log = logging.getLogger("watch")

EVERY_S = 5.0
PATIENCE_S = 30.0
ASTERISK_PATIENCE_S = 120.0
FIRST_ANSWER_S = 300.0
"""How long a process that was just started may take to answer for the first time: on a slow
machine the portal's workers are still reading their program when its door is open already."""

PYTHON = Path("/usr/lib/centralino/bin/python")


PACKAGED = {"asterisk": "asterisk.service", "mail": "nullmailer.service"}
"""Processes that run by the unit of their Debian package, with a few changes of ours."""


def appliance_site(prefix: Path = Path("/")) -> Site:
    """The appliance's own processes."""
    layout = Layout(prefix)
    return Site(layout, read_facts(layout), runtime_of(None), PYTHON, checkout=False)


def unit_of(process: Process) -> str:
    """The systemd unit of a process of the table."""
    return PACKAGED.get(process.name, f"centralino-{process.name}.service")


def patience_s(process: Process) -> float | None:
    """How long a process may stay silent; None when silence is no reason to restart it."""
    if process.name == "asterisk":
        return ASTERISK_PATIENCE_S
    return PATIENCE_S if process.hangs else None


@dataclass(slots=True)
class Watch:
    """Knows since when each unit has been silent. `restart` is told the unit to restart.

    `active` says which of some units have started and not been stopped. It is asked about
    silent ones alone: what answers runs, and systemd works for every question.
    """

    table: Iterable[Process]
    active: Callable[[Sequence[str]], Collection[str]]
    restart: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    _silent_since: dict[str, float] = field(default_factory=dict)
    _has_answered: set[str] = field(default_factory=set)

    def look(self) -> None:
        """Ask every process once."""
        watched = {unit_of(each): each for each in self.table if patience_s(each) is not None}
        silent = {unit: said for unit, each in watched.items() if (said := each.ready.problem())}
        # One that is starting, stopping or failed is systemd's business.
        active = self.active(list(silent)) if silent else ()
        for unit, process in watched.items():
            if unit not in silent:
                self._silent_since.pop(unit, None)
                self._has_answered.add(unit)
            elif unit in active:
                self._count(unit, process, silent[unit])
            else:
                self._silent_since.pop(unit, None)
                self._has_answered.discard(unit)

    def _count(self, unit: str, process: Process, problem: str) -> None:
        """Restart a silent unit whose patience is at its end."""
        limit = patience_s(process) or 0.0
        limit = limit if unit in self._has_answered else max(limit, FIRST_ANSWER_S)
        since = self._silent_since.setdefault(unit, self.clock())
        if self.clock() - since >= limit:
            log.error("%s has not answered for %.0f s and is restarted: %s", unit, limit, problem)
            del self._silent_since[unit]
            self._has_answered.discard(unit)
            self.restart(unit)


def _active(units: Sequence[str]) -> set[str]:
    command = ["systemctl", "is-active", *units]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout.split()
    return {unit for unit, state in zip(units, said, strict=False) if state == "active"}


def _restart(unit: str) -> None:
    # What hangs does not stop politely either.
    subprocess.run(["systemctl", "kill", "--signal=SIGKILL", unit], check=False)
    subprocess.run(["systemctl", "--no-block", "restart", unit], check=False)


def main() -> None:
    """Entry point of `python -m appliance.system.watch`."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    watch = Watch(processes.table(appliance_site()), _active, _restart)
    notify.tell("READY=1")
    while True:
        watch.look()
        notify.tell("WATCHDOG=1")
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
