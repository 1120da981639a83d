"""After a start: a new system that works is kept, one that does not is left again.

The boot loader starts an update's slot a single time (`appliance.disk.environment`). Only
when every process of the table answers is the slot written down as the good one; until
then each power-on, whatever the reason, leads back to the former system.
"""

from __future__ import annotations

import argparse
import logging
import subprocess

from appliance.apply.client import EngineClient, EngineError, EngineUnreachable
from appliance.disk import environment
from appliance.services import registry
from appliance.state.faults import StateError
from appliance.state.machine import Layout
from appliance.system import processes
from appliance.system.watch import appliance_site
from appliance.updates import records, release, slot_disk, trial
from appliance.updates.install import RELEASE
from appliance.updates.settling import ENVIRONMENT, WITHIN_S, settle
from appliance.updates.slot_disk import SlotDisk
from appliance.updates.worker import remember_slots

log = logging.getLogger("slots")

_FOR_THE_OWNER = frozenset({"handmade", "unconfirmed", "conflict"})
"""Refusals of the engine that say nothing against a version: somebody must decide first."""


def try_once(disk: SlotDisk, slot: str) -> None:
    """Let the boot loader start `slot` at the next power-on, and that once."""
    with disk.start(writable=True) as folder:
        environment.update(folder / ENVIRONMENT, **{"try": slot})


def configuration_problems(layout: Layout) -> list[str]:
    """Put the state in force into the files that this version makes of it.

    The former version's files go on working until they are made anew; a new version that
    cannot make them is not one to keep. The shadow proves them, as at every apply.
    """
    client = EngineClient(layout.engine_socket, 600)
    try:
        current = client.status()["current"]
        state = registry.decode(client.state(current))
        if client.plan(state, current)["empty"]:
            return []
        version = release.of_this_system().version
        job = client.apply(state, current, "system", f"version {version}")
        client.wait(job, 600)
    except EngineError as error:
        if error.kind in _FOR_THE_OWNER:
            log.warning("the files of the former version stay in force: %s", error)
            return []
        return [f"engine: {error}"]
    except (EngineUnreachable, StateError, TimeoutError) as error:
        return [f"engine: {error}"]
    return []


def silent_processes() -> list[str]:
    """What is wrong with the processes of the appliance, a sentence each."""
    found = []
    for process in processes.table(appliance_site()):
        problem = process.ready.problem()
        if problem:
            found.append(f"{process.name}: {problem}")
    return found


def conclude(disk: SlotDisk, layout: Layout) -> bool:
    """Bring a trial to its end, if there is one; returns whether this system stays."""
    kept = records.of(layout)
    within = float(kept.read("trial").get("within_s", WITHIN_S))
    trying = bool(kept.read("trial"))

    def problems() -> list[str]:
        return silent_processes() or (configuration_problems(layout) if trying else [])

    why = settle(disk, problems, within)
    if why:
        trial.leave(kept, disk.slot, why)
        return False
    trial.keep(kept, disk.slot)
    trial.lift_deadline()
    return True


def note_release(disk: SlotDisk) -> None:
    """Let the start partition say which system lies in the running slot.

    The builder and the installer leave that to the system itself, which knows it.
    """
    running = release.as_bytes(release.of_this_system())
    with disk.start() as folder:
        file = folder / disk.slot / RELEASE
        if file.exists() and file.read_bytes() == running:
            return
    with disk.start(writable=True) as folder:
        (folder / disk.slot / RELEASE).write_bytes(running)


def main() -> None:
    """Entry point of `python -m appliance.system.slots`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["settle", "try"])
    parser.add_argument("slot", nargs="?", choices=["A", "B"])
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    disk, layout = slot_disk.of_this_machine(), Layout()
    if disk is None:
        return
    if options.verb == "try":
        try_once(disk, options.slot or parser.error("which slot?"))
        return
    if not conclude(disk, layout):
        subprocess.run(["systemctl", "reboot"], check=True)
        return
    note_release(disk)
    remember_slots(records.of(layout), disk, release.of_this_system())


if __name__ == "__main__":
    main()
