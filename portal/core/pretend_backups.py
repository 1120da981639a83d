"""Backups as the pretended engine plays them."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping
from typing import Any

from appliance.apply.client import EngineError

CODE = "7KQM-2XWD-9FHT-R4BV-MC3N-8PLS-5GJ6"
CALLS = (
    {"kind": "registration", "number": "215-1", "passed": True, "arrived": "registered"},
    {"kind": "internal", "number": "215", "passed": True, "arrived": "215-1"},
    {"kind": "inbound", "number": "+390522123215", "passed": True, "arrived": "215-1"},
    {"kind": "voicemail", "number": "215", "passed": True, "arrived": "215@default"},
)
STEPS = ("collecting", "writing", "copying 40 NAS", "reading 80 NAS", "rehearsing")
FINGERPRINT = "ED25519 SHA256:Tzu0/qxZ0B8nruJR7KK+sPIMFKMeAylVFChUbOepRIw"
HOST_KEY = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA{'A' * 44}"


class PretendBackups:
    """The verbs for backups. A code is there once it was accepted; a backup takes a moment."""

    pace_s: float
    _start: Callable[..., str]

    def _shelf(self) -> dict[str, Any]:
        if not hasattr(self, "_backups"):
            self._backups: dict[str, Any] = {
                "code": False,
                "pending": False,
                "since": None,
                "backups": [],
                "last": None,
            }
        return self._backups

    def backups(self) -> dict[str, Any]:
        """What there is; a backup under way goes on as time passes."""
        shelf = self._shelf()
        step = self._step(shelf)
        return {
            "code": shelf["code"],
            "step": step,
            "backups": shelf["backups"],
            "unknown": [],
            "last": shelf["last"],
            "free": 8_400_000_000,
            "calls": 2,
        }

    def _step(self, shelf: dict[str, Any]) -> str:
        if shelf["since"] is None:
            return ""
        passed = (time.monotonic() - shelf["since"]) / max(self.pace_s * 3, 1e-9)
        if passed < len(STEPS):
            return STEPS[int(passed)]
        shelf["since"] = None
        self.add_pretended_backup(passed=True)
        return ""

    def add_pretended_backup(self, *, passed: bool, age_h: int = 0) -> str:
        """Put a finished backup on the shelf; returns its name."""
        moment = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=age_h)
        name = f"centralino-{moment:%Y%m%dT%H%M%SZ}.backup"
        at = moment.isoformat(timespec="seconds")
        rehearsal = {
            "at": at,
            "passed": passed,
            "seconds": 7,
            "asked": 214 if passed else 0,
            "proved": ["whole", "database", "state", "asterisk", "calls"] if passed else ["whole"],
            "faults": [] if passed else ["extension 215 is not there"],
            "calls": [{**each} for each in CALLS] if passed else [],
        }
        kind = "" if passed else "notrehearsed"
        self._shelf()["last"] = {"at": at, "trigger": "night", "kind": kind, "message": ""}
        self._shelf()["backups"].insert(
            0,
            {
                "name": name,
                "created": at,
                "size": 18_400_000,
                "sha256": "0" * 64,
                "files": 1204,
                "milliseconds": 2400,
                "here": True,
                "copies": [],
                "rehearsal": rehearsal,
            },
        )
        return name

    def backup_now(self) -> None:
        shelf = self._shelf()
        if not shelf["code"]:
            raise EngineError("nocode", "make a recovery code first")
        if self._step(shelf):
            raise EngineError("busy", "a backup is under way; wait until it has ended")
        shelf["since"] = time.monotonic()

    def rehearse_backup(self, name: str) -> str:
        def work(step: Callable[[str], None]) -> dict[str, Any]:
            for each in ("unpacking", "proving", "calling"):
                step(each)
            return {**self._find(name)["rehearsal"]}

        return self._start("rehearse", work)

    def restore_backup(self, source: Mapping[str, str], code: str, identity: str) -> str:
        plain = "".join(sign for sign in code.upper() if sign.isalnum())
        if plain != CODE.replace("-", ""):
            raise EngineError("wrongcode", "the recovery code is mistyped")

        def work(step: Callable[[str], None]) -> dict[str, Any]:
            for each in ("unpacking", "checking", "proving", "ordered"):
                step(each)
            return {"created": "2026-03-01T02:00:00+00:00", "restarts": True}

        return self._start("restore_backup", work)

    def delete_backup(self, name: str) -> None:
        self._find(name)["here"] = False

    def propose_backup_code(self) -> str:
        self._shelf()["pending"] = True
        return CODE

    def accept_backup_code(self, last_group: str) -> None:
        shelf = self._shelf()
        if not shelf["pending"] or last_group.strip().upper() != CODE[-4:]:
            raise EngineError("wrongcode", "these are not the last four signs")
        shelf.update(code=True, pending=False)

    def backup_key(self) -> str:
        return f"{HOST_KEY} backups"

    def backup_host_keys(self, address: str, port: int) -> list[dict[str, Any]]:
        if address.startswith("nobody"):
            raise EngineError("targetfailed", f"no SSH server answers at {address}, port {port}")
        return [{"key": HOST_KEY, "fingerprint": FINGERPRINT}]

    def backups_at(self, target: str) -> str:
        found = [{"name": each["name"], "size": each["size"]} for each in self._shelf()["backups"]]
        return self._start("backups_at", lambda _step: found)

    def try_backup_target(self, target: Any) -> str:
        def work(step: Callable[[str], None]) -> None:
            step("trying")
            if target.address.startswith("nobody"):
                raise EngineError("targetfailed", f"{target.name}: connection refused")

        return self._start("try_target", work)

    def _find(self, name: str) -> dict[str, Any]:
        for each in self._shelf()["backups"]:
            if each["name"] == name and each["here"]:
                found: dict[str, Any] = each
                return found
        raise EngineError("badbackup", f"there is no backup {name} on this machine")
