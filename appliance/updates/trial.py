"""The two ends of a trial: before anything of a system starts, and once it answers.

`python -m appliance.updates.trial` runs early at each start while `trial.json` is there.
In the system that is tried it copies the data; in the former one, which is back for
whatever reason, it brings the copy back and says what happened.
"""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Callable
from typing import Any

from appliance.state.machine import Layout
from appliance.updates import records, release, slot_disk
from appliance.updates.records import Records
from appliance.updates.snapshot import Snapshot

log = logging.getLogger("trial")

DEADLINE = "centralino-slot-deadline"
DEADLINE_MORE_S = 600
"""After the time that a trial may take: then the machine restarts also when nothing of the
new system is left that could say so. That time begins only when the start has come to its
end: a slow machine that looks through its file systems takes minutes until then, and would
be restarted before it could say what was missing."""


def snapshot_of(layout: Layout) -> Snapshot:
    """The copy of this machine's data."""
    own = records.of(layout)
    return Snapshot(layout.prefix / "var/lib", own.snapshot, own.aside, own.folder)


def begin(kept: Records, slot: str, former: str, versions: tuple[str, str], **facts: Any) -> None:
    """Note that `slot` is about to be tried; `versions` are the new and the former one."""
    new, old = versions
    trial = {"slot": slot, "former": former, "version": new, "from_version": old, **facts}
    kept.write("trial", {**trial, "copied": False, "why": []})


def at_start(layout: Layout, slot: str, restart: Callable[[], None]) -> None:
    """Do what the start of `slot` asks for; `restart` leads back to the former system."""
    kept, snapshot = records.of(layout), snapshot_of(layout)
    trial = kept.read("trial")
    if not trial:
        return
    if trial["slot"] != slot:
        _back(kept, snapshot, trial)
    elif not trial["copied"]:
        try:
            trial = _with_copy(kept, snapshot, trial)
        except OSError as error:
            log.error("the data could not be copied: %s", error)
            kept.write("trial", {**trial, "why": [f"copy: {error}"]})
            restart()
            return
        kept.write("trial", {**trial, "copied": True})
        log.warning("the data were copied before version %s is tried", trial["version"])


def _with_copy(kept: Records, snapshot: Snapshot, trial: dict[str, Any]) -> dict[str, Any]:
    """Copy the data of the former system; an older system gets those of its time."""
    if trial.get("old_data"):
        if not trial.get("exchanging"):
            snapshot.forget_aside()
            trial = {**trial, "exchanging": True}
            kept.write("trial", trial)
        snapshot.exchange()
    else:
        snapshot.forget_aside()
        snapshot.take()
    kept.write("snapshot", {"version": trial["from_version"], "taken": records.now()})
    return trial


def _back(kept: Records, snapshot: Snapshot, trial: dict[str, Any]) -> None:
    """The former system runs again, with the data as they were."""
    if trial["copied"] and snapshot.exists():
        snapshot.bring_back()
    facts = {name: trial.get(name) for name in ("version", "from_version", "slot", "by", "why")}
    kept.note("returned", **facts, started=bool(trial["copied"] or trial["why"]))
    kept.forget("trial")
    log.error("version %s was left again: %s", trial["version"], trial["why"])


def keep(kept: Records, slot: str) -> None:
    """The tried system is the good one from now on."""
    trial = kept.read("trial")
    if trial and trial["slot"] == slot:
        kept.note("kept", **{n: trial.get(n) for n in ("version", "from_version", "slot", "by")})
        kept.forget("trial")


def leave(kept: Records, slot: str, why: list[str]) -> None:
    """Note why the tried system is left, for the former one to tell."""
    trial = kept.read("trial")
    if trial and trial["slot"] == slot:
        kept.write("trial", {**trial, "why": [each[:300] for each in why[:10]]})


def set_deadline(within_s: int) -> None:
    """Let the machine restart by itself when nobody says that the trial has ended."""
    command = ["systemd-run", f"--unit={DEADLINE}", f"--on-active={within_s + DEADLINE_MORE_S}"]
    subprocess.run([*command, "systemctl", "reboot", "--force"], check=False)


def lift_deadline() -> None:
    """The trial has ended."""
    subprocess.run(["systemctl", "stop", f"{DEADLINE}.timer"], check=False, capture_output=True)


def _restart() -> None:
    """Restart, and let nothing that waits for this unit begin meanwhile."""
    subprocess.run(["systemctl", "--no-block", "reboot"], check=False)
    time.sleep(600)


def main() -> None:
    """Entry point of `python -m appliance.updates.trial`."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    os.umask(0o077)
    disk, layout = slot_disk.of_this_machine(), Layout()
    if disk is None:
        return
    trial = records.of(layout).read("trial")
    if trial and trial["slot"] == disk.slot:
        log.warning("version %s is tried", release.of_this_system().version)
        set_deadline(int(trial.get("within_s", 300)))
    at_start(layout, disk.slot, _restart)


if __name__ == "__main__":
    main()
