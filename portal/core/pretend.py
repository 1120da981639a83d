"""An engine that only plays its part, for looking at the portal without root or Asterisk.

It checks, compares and renders with the real code, keeps its revisions in one JSON file,
and takes its time as the real one does, so that progress and countdown can be seen.
"""

from __future__ import annotations

import datetime
import difflib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from appliance.apply.client import EngineClient, EngineError
from appliance.services import registry
from appliance.state.changes import Change, changes
from appliance.state.codec import canonical_json, encode
from appliance.state.faults import Fault, StateError
from appliance.state.machine import Machine
from appliance.state.system_state import SystemState, encode_system
from appliance.state.tokens import new_secret
from portal.core.pretend_backups import PretendBackups
from portal.core.pretend_branches import PretendBranches
from portal.core.pretend_machine import PretendMachine
from portal.core.pretend_updates import PretendUpdates

STEPS = ("rendering", "proving", "switching", "reloading", "verifying")


class PretendEngine(PretendBackups, PretendBranches, PretendMachine, PretendUpdates):
    """The verbs of the engine's client. `pace_s` is how long each step seems to take."""

    def __init__(self, path: Path, pace_s: float = 0.4) -> None:
        self._path, self.pace_s = path, pace_s
        self._lock = threading.RLock()
        self._jobs: dict[str, dict[str, Any]] = {}
        self._machine = Machine(secrets={name: new_secret() for name in ("ami-live", "ari-apps")})
        self.prepare_machine(path.with_name("pretend-machine.json"))
        self.prepare_branches(path.parent)
        if not path.exists():
            self._write({"current": 0, "revisions": [], "states": {}, "trial": None})

    # ── reading ───────────────────────────────────────────────────────────────────

    def status(self) -> dict[str, Any]:
        with self._lock:
            data = self._read()
            trial = data["trial"]
            left = max(0.0, trial["until"] - time.time()) if trial else None
            return {
                "current": data["current"],
                "trial": trial,
                "seconds_left": left,
                "asterisk_running": True,
                "alarms": self.alarm_counts(),
            }

    def history(self) -> list[dict[str, Any]]:
        return list(reversed(self._read()["revisions"]))

    def state(self, number: int) -> dict[str, Any]:
        try:
            return self._read()["states"][str(number)]
        except KeyError:
            raise EngineError("lookuperror", f"revision {number} is not kept") from None

    def applied_peers(self) -> list[dict[str, Any]]:
        """The other machines that the state in force names."""
        current = self._read()["current"]
        return self.state(current)["services"]["bans"].get("peers", []) if current else []

    def trunk_states(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Trunks in force, all of them well."""
        current = self._read()["current"]
        known = self.state(current)["services"]["trunks"]["trunks"] if current else []
        there = {each["id"]: each for each in known if each.get("enabled", True)}
        return [_pretended(id, there.get(id)) for id in ids]

    def ask_trunk(self, id: str) -> dict[str, Any]:
        return self.trunk_states([id])[0]

    def drift(self) -> dict[str, str]:
        return {}

    def check(self, state: SystemState) -> list[Fault]:
        return list(registry.check(state))

    def plan(self, state: SystemState, base: int) -> dict[str, Any]:
        data = self._read()
        self._expect(data, base)
        before = self._before(data)
        files = self._file_changes(before, state)
        found = changes(before, state)
        return {
            "base": base,
            "digest": "",
            "empty": not found and not files,
            "changes": [encode(change) for change in found],
            "files": files,
            "reloads": [],
            "restart": False,
            "waits_s": self._careful(found),
        }

    def _careful(self, found: Iterable[Change]) -> int:
        """As `Engine.waits_s`: the pretend machine lets the engine manage its network."""
        edge = any(each.where.split("/")[0] in ("network", "firewall") for each in found)
        return 120 if edge and self.manages_network else 0

    # ── changing ──────────────────────────────────────────────────────────────────

    def prove(self, state: SystemState) -> str:
        def work(step: Callable[[str], None]) -> dict[str, Any]:
            step("rendering")
            self._faultless(state)
            step("proving")
            return {"passed": True, "faults": []}

        return self._start("prove", work)

    def apply(
        self,
        state: SystemState,
        base: int,
        author: str,
        reason: str = "",
        *,
        confirm_within_s: int = 0,
        overwrite: bool = False,
    ) -> str:
        def work(step: Callable[[str], None]) -> int:
            self._expect(self._read(), base)
            for name in STEPS:
                step(name)
                self._faultless(state)
            return self._adopt(state, author, reason, confirm_within_s)

        self._refuse_while_waiting()
        return self._start("apply", work)

    def return_to(self, number: int, author: str, confirm_within_s: int = 0) -> str:
        state = registry.decode(self.state(number))
        return self.apply(
            state,
            self._read()["current"],
            author,
            f"return to revision {number}",
            confirm_within_s=confirm_within_s,
        )

    def confirm(self, number: int) -> None:
        with self._lock:
            data = self._read()
            if not data["trial"] or data["trial"]["number"] != number:
                message = f"revision {number} does not wait for a confirmation"
                raise EngineError("refused", message)
            self._mark(data, number, "good")
            data["trial"] = None
            self._write(data)

    def undo(self, why: str = "taken back by hand") -> int:
        with self._lock:
            data = self._read(late=False)
            if not data["trial"]:
                raise EngineError("refused", "no revision waits for a confirmation")
            self._take_back(data, why)
            return data["current"]

    def job(self, id: str) -> dict[str, Any]:
        try:
            return dict(self._jobs[id])
        except KeyError:
            raise EngineError("lookuperror", "no such job") from None

    wait = EngineClient.wait

    # ── parts ─────────────────────────────────────────────────────────────────────

    def _start(self, verb: str, work: Callable[[Callable[[str], None]], Any]) -> str:
        job = {
            "id": secrets.token_hex(8),
            "verb": verb,
            "steps": [],
            "done": False,
            "result": None,
            "error": None,
        }
        self._jobs[job["id"]] = job

        def step(name: str) -> None:
            job["steps"].append(name)
            time.sleep(self.pace_s)

        def run() -> None:
            try:
                job["result"] = work(step)
            except StateError as error:
                faults = [
                    {"where": f.where, "text": f.text, "values": dict(f.values)}
                    for f in error.faults
                ]
                job["error"] = {"kind": "faults", "message": str(error), "faults": faults}
            except EngineError as error:
                job["error"] = {"kind": error.kind, "message": error.message, "faults": []}
            finally:
                job["done"] = True

        threading.Thread(target=run, name=f"pretend-{verb}", daemon=True).start()
        return job["id"]

    def _adopt(self, state: SystemState, author: str, reason: str, within_s: int) -> int:
        with self._lock:
            data = self._read()
            number = len(data["revisions"]) + 1
            made = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            data["revisions"].append(
                {
                    "number": number,
                    "parent": data["current"],
                    "author": author,
                    "reason": reason,
                    "created": made,
                    "digest": "",
                    "status": "trial" if within_s else "good",
                    "report": "",
                }
            )
            data["states"][str(number)] = encode_system(state)
            if within_s:
                until = int(time.time()) + within_s
                data["trial"] = {
                    "number": number,
                    "former": data["current"],
                    "phase": "waiting",
                    "until": until,
                    "seconds": within_s,
                }
            data["current"] = number
            self._write(data)
            return number

    def _faultless(self, state: SystemState) -> None:
        if faults := registry.check(state):
            raise StateError(faults)

    def _refuse_while_waiting(self) -> None:
        if trial := self._read()["trial"]:
            message = f"confirm or undo revision {trial['number']} first"
            raise EngineError("unconfirmed", message)

    def _expect(self, data: dict[str, Any], base: int) -> None:
        if base != data["current"]:
            message = f"revision {data['current']} was applied meanwhile; this was made from {base}"
            raise EngineError("conflict", message)

    def _before(self, data: dict[str, Any]) -> SystemState:
        number = data["current"]
        return registry.decode(self.state(number)) if number else registry.empty_state()

    def _file_changes(self, before: SystemState, after: SystemState) -> list[dict[str, Any]]:
        old = {f.path: f.content.decode() for f in registry.files(before, self._machine)}
        new = {f.path: f.content.decode() for f in registry.files(after, self._machine)}
        if not self._read()["current"]:
            old = {}
        found = []
        for path in sorted({*old, *new}):
            a, b = old.get(path), new.get(path)
            if a != b:
                lines = difflib.unified_diff(
                    (a or "").splitlines(), (b or "").splitlines(), path, path, lineterm="", n=2
                )
                kind = "added" if a is None else "removed" if b is None else "changed"
                shown = _masked("\n".join(list(lines)[:400]), after)
                found.append({"path": path, "kind": kind, "difference": shown, "by_hand": False})
        return found

    def _take_back(self, data: dict[str, Any], why: str) -> None:
        trial = data["trial"]
        self._mark(data, trial["number"], "undone", why)
        data["current"], data["trial"] = trial["former"], None
        self._write(data)

    def _mark(self, data: dict[str, Any], number: int, status: str, report: str = "") -> None:
        for revision in data["revisions"]:
            if revision["number"] == number:
                revision.update(status=status, report=report)

    def _read(self, *, late: bool = True) -> dict[str, Any]:
        with self._lock:
            data = json.loads(self._path.read_bytes())
            if late and data["trial"] and data["trial"]["until"] <= time.time():
                self._take_back(data, "not confirmed in time")
            return data

    def _write(self, data: dict[str, Any]) -> None:
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            scratch = self._path.with_suffix(".new")
            scratch.write_bytes(canonical_json(data))
            scratch.replace(self._path)


def _pretended(id: str, trunk: dict[str, Any] | None) -> dict[str, Any]:
    registers = trunk is not None and trunk["kind"] == "registration"
    return {
        "id": id,
        "there": trunk is not None,
        "state": "up" if trunk else "unknown",
        "round_trip_ms": 11.4 if trunk else None,
        "registration": "registered" if registers else "",
        "expires_s": 212 if registers else None,
    }


def _masked(text: str, state: SystemState) -> str:
    from appliance.state.codec import secrets_in

    for name, part in state.services.items():
        for _where, secret in secrets_in(part, name):
            text = text.replace(secret.reveal(), "••••••")
    return text
