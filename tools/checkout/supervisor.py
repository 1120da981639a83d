"""The supervisor: the one process that outlives the terminal and keeps the others alive.

Started by `python -m tools.checkout run` inside a mount namespace of its own; see
`docs/processes.md`.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import threading
from pathlib import Path

from appliance.asterisk.runtime import Runtime
from appliance.state.machine import Layout
from appliance.system import accounts, records
from appliance.system.machine import read_facts
from appliance.system.processes import Process, Site, in_start_order, table
from appliance.system.readiness import FileThere
from appliance.system.status_board import StatusBoard
from tools.checkout.keeper import Keeper, Surroundings
from tools.checkout.launch import Launcher
from tools.checkout.place import Place

NAME = "supervisor"
"""The name of its own record."""


def supervise(place: Place, asterisk_root: Path | None, *, demo: bool = False) -> None:
    """Keep every process of the table alive until SIGTERM; then end them, last first.

    With `demo` the sample company's telephones live beside them.
    """
    site = _site(place, asterisk_root)
    wanted = (*table(site), *([_demo(site)] if demo else ()))
    processes = in_start_order(present(wanted))
    end_leftovers(place)
    records.write(place.records, NAME, records.record_of(os.getpid()))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_args: stop.set())
    board = StatusBoard(place.status, [process.name for process in processes])
    launcher = Launcher(site)
    around = Surroundings(launcher, board, place.records, place.logs)
    keepers = [Keeper(process, around) for process in processes]
    for keeper in keepers:
        keeper.start()
    stop.wait()
    for keeper in reversed(keepers):
        keeper.stop()
    place.status.unlink(missing_ok=True)
    (place.records / f"{NAME}.json").unlink(missing_ok=True)


def _demo(site: Site) -> Process:
    return Process(
        name="demo",
        purpose="the telephones of the sample company",
        account=accounts.DEMO,
        groups=(accounts.SHARED_GROUP,),
        module="tools.demo",
        command=site.module("tools.demo"),
        ready=FileThere(site.layout.run_of("demo") / "ready"),
        after=("asterisk",),
    )


def present(processes: tuple[Process, ...]) -> list[Process]:
    """Those whose program this checkout has."""
    return [process for process in processes if not process.module or _exists(process.module)]


def _exists(module: str) -> bool:
    """Whether there is such a module; a package must be one that can be run."""
    try:
        found = importlib.util.find_spec(module)
        if found is not None and found.submodule_search_locations:
            found = importlib.util.find_spec(f"{module}.__main__")
    except ModuleNotFoundError:
        return False
    return found is not None


def _site(place: Place, asterisk_root: Path | None) -> Site:
    layout = Layout(place.run)
    return Site(layout, read_facts(layout), Runtime(asterisk_root), place.python, checkout=True)


def end_leftovers(place: Place) -> None:
    """End what a supervisor that was killed has left running."""
    for name, record in records.all_alive(place.records).items():
        if name != NAME:
            records.end(record, within_s=10)
