"""Updates as the pretended engine plays them: two systems, and work that takes a moment."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping
from typing import Any

from appliance import product
from appliance.apply.client import EngineError

NEXT = {"version": "9.0.0", "built": "2026-05-01T06:00:00+00:00",
        "schemas": {"state": 9, "portal": 99}}  # fmt: skip
STEPS = {
    "find": ("beginning",),
    "check": ("checking",),
    "install": ("checking", "system", "reading_back", "start_files"),
    "start": ("waiting",),
}


class PretendUpdates:
    """The verbs for updates. `refusal` is what a check finds wrong, None for nothing."""

    pace_s: float
    refusal: dict[str, Any] | None = None

    def _desk(self) -> dict[str, Any]:
        if not hasattr(self, "_updates"):
            schemas = {"state": 1, "portal": 1}
            running = {
                "version": product.VERSION,
                "built": "2026-03-01T06:00:00+00:00",
                "schemas": schemas,
            }
            self._updates: dict[str, Any] = {
                "supported": True,
                "slot": "A",
                "running": running,
                "other": None,
                "by_a_developer": False,
                "trial": None,
                "work": None,
                "waiting": None,
                "history": [],
                "address": "",
                "snapshot": None,
            }
        return self._updates

    def updates(self) -> dict[str, Any]:
        """Where it stands; work goes on as time passes."""
        state = self._desk()
        if (work := state["work"]) and not work["done"]:
            self._go_on(work)
        return dict(state)

    def find_updates(self, by: str) -> None:
        self._begin("find", by)

    def check_update(self, source: Mapping[str, str], by: str) -> None:
        self._begin("check", by, source)

    def install_update(self, source: Mapping[str, str], by: str) -> None:
        self._begin("install", by, source)

    def start_other_system(
        self,
        by: str,
        *,
        not_before: str = "",
        quiet: bool = False,
        within_s: int = 300,
        old_data: bool = False,
    ) -> None:
        self._begin("start", by)

    def cancel_update(self) -> None:
        work = self._desk()["work"]
        if work and not work["done"]:
            work.update(done=True, error={"text": "It was stopped by hand.", "values": {}})

    def set_update_address(self, address: str) -> None:
        if address and not address.startswith("https://"):
            raise EngineError("faults", "address: must be an https:// address")
        self._desk()["address"] = address

    def _begin(self, verb: str, by: str, source: Mapping[str, str] | None = None) -> None:
        state = self._desk()
        if state["work"] and not state["work"]["done"]:
            raise EngineError("refused", "an update is at work already; wait for it or stop it")
        state["work"] = {
            "verb": verb,
            "by": by,
            "source": dict(source) if source else None,
            "step": "beginning",
            "percent": 0,
            "done": False,
            "error": None,
            "result": None,
            "since": time.monotonic(),
        }

    def _go_on(self, work: dict[str, Any]) -> None:
        steps = STEPS[work["verb"]]
        pace = max(self.pace_s * 4, 1e-9)
        passed = (time.monotonic() - work["since"]) / pace
        if passed < len(steps):
            work.update(step=steps[int(passed)], percent=int(passed % 1 * 100))
            return
        work.update(done=True, percent=100)
        if self.refusal and work["verb"] in ("check", "install"):
            work["error"] = self.refusal
        else:
            self._end(work)

    def _end(self, work: dict[str, Any]) -> None:
        state, found = self._desk(), {"release": NEXT, "size": 452_000_000}
        if work["verb"] == "check":
            work["result"] = found
        elif work["verb"] == "find":
            source = {"kind": "volume", "name": "centralino-9.0.0.update", "device": "sdb1"}
            place = "STICK: centralino-9.0.0.update"
            work["result"] = [{"source": source, "place": place, "bundle": found, "error": None}]
        elif work["verb"] == "install":
            state["other"] = NEXT
            self._note("installed", NEXT["version"], work["by"])
        else:
            self._note("started", NEXT["version"], work["by"])
            self._note("kept", NEXT["version"], work["by"])
            taken = state["history"][0]["when"]
            state["snapshot"] = {"version": state["running"]["version"], "taken": taken}
            state["running"], state["other"], state["slot"] = NEXT, state["running"], "B"

    def _note(self, what: str, version: Any, by: str) -> None:
        when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        event = {"what": what, "version": version, "by": by, "when": when}
        self._desk()["history"].insert(0, event)
