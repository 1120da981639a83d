"""The one process that writes to the disk's slots: does what stands in `request.json`, and ends.

systemd starts it when the file appears (centralino-update.path). It is not the engine,
which therefore needs neither the disk nor the right to restart the machine.
"""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.asterisk.console import Console
from appliance.disk import environment
from appliance.state.codec import decode, encode
from appliance.state.machine import Layout
from appliance.updates import (
    bundle,
    install,
    records,
    release,
    rules,
    slot_disk,
    sources,
    trial,
)
from appliance.updates.bundle import Bundle
from appliance.updates.records import Records
from appliance.updates.refused import UpdateRefused
from appliance.updates.release import Release
from appliance.updates.requests import Request
from appliance.updates.settling import ENVIRONMENT
from appliance.updates.slot_disk import SlotDisk
from appliance.updates.sources import Source

log = logging.getLogger("updates")

LOOK_EVERY_S = 5.0
"""How often it is looked whether calls have ended, or the time has come."""


@dataclass
class Worker:
    """One run. `work` is what `work.json` shows of it."""

    layout: Layout
    disk: SlotDisk
    keys: tuple[Path, ...]
    running: Release
    restart: Callable[[], None]
    calls: Callable[[], int]
    pause: Callable[[float], None] = time.sleep
    work: dict[str, Any] = field(default_factory=dict)

    @property
    def kept(self) -> Records:
        return records.of(self.layout)

    # ── the course of a request ───────────────────────────────────────────────────

    def run(self, request: Request) -> None:
        """Do what is asked, and leave a word of how it went."""
        self.kept.cancelled.unlink(missing_ok=True)
        self.work = {"verb": request.verb, "by": request.by, "begun": records.now()}
        self.work |= {"source": encode(request.source) if request.source else None}
        self.tell("beginning", 0)
        if request.verb != "start":
            # A start that waits for its hour outlives a restart; other work is asked anew.
            self.kept.forget("request")
        doing: dict[str, Callable[[Request], Any]] = {
            "find": self.find,
            "check": self.check,
            "install": self.install,
            "start": self.start,
        }
        result, error = None, None
        try:
            result = doing[request.verb](request)
        except UpdateRefused as refused:
            error = refused.as_data()
        except (OSError, subprocess.SubprocessError) as failure:
            log.exception("%s failed", request.verb)
            said = UpdateRefused("It did not work: %(said)s", said=str(failure)[:200])
            error = said.as_data()
        self.work |= {"done": True, "result": result, "error": error, "ended": records.now()}
        self.kept.tell(self.work)

    def tell(self, step: str, share: float) -> None:
        """Show how far it is, no more often than it can be seen; UpdateRefused when it is
        to be left off."""
        if self.kept.cancelled.exists():
            raise UpdateRefused("It was stopped by hand.")
        percent = int(share * 100)
        if (step, percent) != (self.work.get("step"), self.work.get("percent")):
            self.work |= {"step": step, "percent": percent, "done": False, "error": None}
            self.kept.tell(self.work)

    # ── looking ───────────────────────────────────────────────────────────────────

    def find(self, _request: Request) -> list[dict[str, Any]]:
        """Every bundle that lies somewhere, with what it is or why it is none."""
        return [
            {"source": encode(source), "place": place, **self._judged(source)}
            for source, place in sources.everywhere(self.layout)
        ]

    def _judged(self, source: Source) -> dict[str, Any]:
        try:
            return {"bundle": self._checked(source), "error": None}
        except UpdateRefused as refused:
            return {"bundle": None, "error": refused.as_data()}

    def check(self, request: Request) -> dict[str, Any]:
        """What a bundle is. UpdateRefused when it cannot be installed here."""
        return self._checked(_named(request))

    def _checked(self, source: Source) -> dict[str, Any]:
        if source.kind == "address":
            target = self.kept.folder / "beginning"
            sources.beginning_of(self._address(), target)
            with target.open("rb") as stream:
                return self._judge(bundle.opened(stream, self.keys, whole=False))
        with sources.stream_of(source, self.layout) as stream:
            return self._judge(bundle.opened(stream, self.keys))

    def _judge(self, opened: Bundle) -> dict[str, Any]:
        self._installer().check(opened)
        manifest = opened.manifest
        return {"release": encode(manifest.release), "size": manifest.size + opened.begins}

    def _installer(self) -> install.Installer:
        return install.Installer(self.disk, self.running, trial.snapshot_of(self.layout))

    def _address(self) -> str:
        address = str(self.kept.read("settings").get("address", ""))
        if not address:
            raise UpdateRefused("No address for updates is set.")
        return address

    # ── writing ───────────────────────────────────────────────────────────────────

    def install(self, request: Request) -> dict[str, Any]:
        """Write a bundle into the other slot."""
        self._refuse_while_trying()
        source = _named(request)
        try:
            if source.kind == "address":
                self.tell("fetching", 0)
                size = int(self._checked(source)["size"])
                sources.fetch(
                    self._address(),
                    self.kept.download,
                    size + 1,
                    lambda done: self.tell("fetching", done / size),
                )
                with self.kept.download.open("rb") as stream:
                    return self._install(stream, request.by)
            with sources.stream_of(source, self.layout) as stream:
                result = self._install(stream, request.by)
            sources.discard(source, self.layout)
            return result
        finally:
            self.kept.download.unlink(missing_ok=True)

    def _install(self, stream: Any, by: str) -> dict[str, Any]:
        self.tell("checking", 0)
        slot = self.disk.other
        opened = bundle.opened(stream, self.keys)
        facts = {"version": opened.manifest.release.version, "slot": slot, "by": by}
        facts["from_version"] = self.running.version
        try:
            self._installer().install(opened, self.tell)
        except UpdateRefused as refused:
            self.kept.note("not_installed", **facts, error=refused.as_data())
            raise
        finally:
            self.remember_slots()
        self.kept.note("installed", **facts)
        return {"release": encode(opened.manifest.release), "slot": slot}

    def remember_slots(self) -> None:
        """Write down what is in each slot, for those who cannot see the start partition."""
        remember_slots(self.kept, self.disk, self.running)

    # ── starting ──────────────────────────────────────────────────────────────────

    def start(self, request: Request) -> dict[str, Any]:
        """Start the other slot, once: now, at a time, or when nobody is in a call."""
        self._refuse_while_trying()
        slot = self.disk.other
        self._wait(request)
        with self.disk.start() as folder:
            there = release.read(folder / slot / install.RELEASE)
        if there is None:
            raise UpdateRefused("There is no whole system in the other slot.")
        self._refuse_data_it_cannot_read(there, request)
        self.kept.forget("request")
        facts = {"by": request.by, "within_s": request.within_s, "old_data": request.old_data}
        versions = (there.version, self.running.version)
        trial.begin(self.kept, slot, self.disk.slot, versions, **facts)
        self._try(slot)
        self.kept.note("started", version=there.version, slot=slot, by=request.by)
        self.restart()
        return {"slot": slot}

    def _refuse_data_it_cannot_read(self, there: Release, request: Request) -> None:
        """An older system needs data of its own form: as they are, or the copy of its time."""
        copy = self.kept.read("snapshot")
        fits = copy.get("version") == there.version and trial.snapshot_of(self.layout).exists()
        if request.old_data and not fits:
            raise UpdateRefused(
                "There is no copy of the data from the time of version %(version)s.",
                version=there.version,
            )
        if not request.old_data and not rules.reads_data_of(there, self.running):
            raise UpdateRefused(
                "Version %(version)s cannot read the data that this system has written.",
                version=there.version,
            )

    def _try(self, slot: str) -> None:
        with self.disk.start(writable=True) as folder:
            environment.update(folder / ENVIRONMENT, **{"try": slot})

    def _wait(self, request: Request) -> None:
        """Until the time has come and, if that is wanted, no call is up."""
        due = datetime.fromisoformat(request.not_before).timestamp() if request.not_before else 0
        while time.time() < due or (request.quiet and self.calls()):
            self.tell("waiting", 0)
            self.pause(LOOK_EVERY_S)

    def _refuse_while_trying(self) -> None:
        if self.kept.read("trial"):
            raise UpdateRefused("This system is being tried; wait until it is kept or left.")


def _named(request: Request) -> Source:
    if request.source is None:
        raise UpdateRefused("The file is not there any more.")
    return request.source


def remember_slots(kept: Records, disk: SlotDisk, running: Release) -> None:
    """Write down the release in each slot, as the start partition has it."""
    with disk.start() as folder:
        other = release.read(folder / disk.other / install.RELEASE)
    found = {disk.slot: encode(running), disk.other: encode(other) if other else None}
    if kept.read("slots") != found:
        kept.write("slots", found)


def _restart() -> None:
    subprocess.run(["systemctl", "--no-block", "reboot"], check=True)


def main() -> None:
    """Entry point of `python -m appliance.updates.worker`."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    os.umask(0o077)
    layout = Layout()
    kept, disk = records.of(layout), slot_disk.of_this_machine()
    data = kept.read("request")
    try:
        request = decode(Request, data, "request")
    except ValueError:
        log.exception("a request that cannot be read")
        kept.forget("request")
        return
    if disk is None:
        kept.forget("request")
        return
    console = Console(layout.asterisk_run / "asterisk.ctl")
    keys, running = release.trusted_keys(), release.of_this_system()
    worker = Worker(layout, disk, keys, running, _restart, console.calls)
    with kept.working():
        try:
            worker.run(request)
        finally:
            kept.forget("request")


if __name__ == "__main__":
    main()
