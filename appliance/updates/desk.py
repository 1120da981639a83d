"""How the engine has updates done: it reads what is remembered, and lays requests down.

It cannot write to the disk's slots itself, and need not: see `worker`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.apply import atomic
from appliance.apply.errors import Refused
from appliance.state.codec import encode
from appliance.state.machine import Layout
from appliance.updates import records, release, slot_disk
from appliance.updates.records import Records
from appliance.updates.requests import Request

KERNEL_LINE = Path("/proc/cmdline")


@dataclass(frozen=True, slots=True)
class Desk:
    """Updates of one machine, as the engine sees them."""

    layout: Layout
    kernel_line: Path = KERNEL_LINE
    release_file: Path = release.FILE
    keys: Path = release.KEYS

    @property
    def kept(self) -> Records:
        return records.of(self.layout)

    def state(self) -> dict[str, Any]:
        """Everything that there is to know, for showing."""
        slot = slot_disk.running_slot(self.kernel_line.read_text())
        running = release.of_this_system(self.release_file)
        kept = self.kept
        slots = kept.read("slots")
        other = slots.get(slot_disk.other_than(slot)) if slot else None
        # In this order: the worker shows its work before it takes the request away.
        waiting, work = kept.read("request"), kept.read("work")
        if work and not work.get("done") and not kept.at_work():
            # The power was cut, or the worker was ended.
            interrupted = {"text": "It was interrupted; it can be repeated.", "values": {}}
            work = {**work, "done": True, "error": interrupted, "result": None}
        return {
            "supported": bool(slot),
            "slot": slot,
            "running": encode(running),
            "other": other,
            "by_a_developer": release.by_a_developer(self.keys),
            "trial": kept.read("trial") or None,
            "work": work or None,
            "waiting": waiting or None,
            "history": kept.history(),
            "address": kept.read("settings").get("address", ""),
            "snapshot": kept.read("snapshot") or None,
        }

    def ask(self, request: Request) -> None:
        """Have something done; Refused while other work is under way or without slots."""
        if not slot_disk.running_slot(self.kernel_line.read_text()):
            raise Refused("this machine has no slots: it is updated as its Debian is")
        kept = self.kept
        if kept.request.exists() or kept.at_work():
            raise Refused("an update is at work already; wait for it or stop it")
        kept.prepare()
        # Looked at only after it is whole: the worker starts when the file appears.
        kept.cancelled.unlink(missing_ok=True)
        atomic.write_file(kept.request, json.dumps(encode(request)).encode())

    def cancel(self) -> None:
        """Ask what is under way to leave off; a start that waits is forgotten."""
        kept = self.kept
        if kept.at_work():
            kept.cancelled.touch()
        else:
            kept.forget("request")

    def set_address(self, address: str) -> None:
        """Where updates are fetched from; empty for nowhere."""
        self.kept.write("settings", {"address": address})
