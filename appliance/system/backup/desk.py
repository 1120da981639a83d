"""What the engine does about backups when somebody asks: shows, starts, rehearses, restores.

Making a backup is a process of its own with few rights (it talks to other machines); what
needs the engine's rights, a second Asterisk or the machine's files, is done here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from appliance.apply.course import Progress
from appliance.apply.engine import Engine
from appliance.apply.errors import NotProved
from appliance.asterisk.console import ConsoleError
from appliance.services.backups import Target
from appliance.state.codec import encode
from appliance.state.faults import Fault
from appliance.state.fields import Pattern, Secret
from appliance.state.machine import Layout
from appliance.state.system_state import SystemState
from appliance.system.backup import restore, work
from appliance.system.backup.errors import BadBackup, Busy, TargetFailed
from appliance.system.backup.place import Identity
from appliance.system.backup.records import Records, Rehearsal, local_files
from appliance.system.backup.recovery_code import read_code
from appliance.system.backup.rehearse import rehearse
from appliance.system.backup.stores import ssh_keys
from appliance.system.backup.targets import Patience, Remote

_NAME = r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]{0,200}\.backup"
BACKUP_NAME = re.compile(_NAME)
BackupName = Annotated[str, Pattern(_NAME, "the name of a backup")]
OptionalTarget = Annotated[str, Pattern(r"[a-z0-9_-]{0,63}", "the id of a target")]

UPLOADS = "backups"
"""The portal's folder for backups that were sent to it."""

UNIT = "centralino-backup@now.service"
TOLD_FIRST_S = 4.0
"""How long a restart waits, so that who asked for it is told."""

SEEN = 60
"""Backups in an overview."""


@dataclass(frozen=True, slots=True)
class Source:
    """Which backup is meant: one on this disk, one that was sent to the portal, or one at
    a target."""

    kind: Literal["here", "upload", "target"]
    name: BackupName
    target: OptionalTarget = ""


class BackupDesk:
    """Backups of one machine, seen from its engine."""

    def __init__(self, engine: Engine, restart: Callable[[], bool]) -> None:
        self._engine = engine
        self._layout = engine.machine.layout
        self._records = Records(self._layout)
        self._restart = restart

    # ── looking ───────────────────────────────────────────────────────────────────

    def overview(self) -> dict[str, Any]:
        """Everything that the page of backups shows."""
        book = self._records.read()
        sizes = {file.name: file.stat().st_size for file in local_files(self._layout)}
        unknown = [name for name in sizes if book.find(name) is None]
        return {
            "code": self._records.has_code(),
            "step": work.step_now(self._layout),
            "backups": encode(book.backups[:SEEN]),
            "unknown": [{"name": name, "size": sizes[name]} for name in unknown],
            "last": encode(book.last) if book.last else None,
            "free": _free(self._layout.state),
            "calls": self._calls(),
        }

    def target_backups(self, id: str) -> list[dict[str, Any]]:
        """The backups at a target, newest first."""
        return [encode(each) for each in self._remote(id, Patience(1, 0)).backups()]

    def try_target(self, target: Target, tell: Progress) -> None:
        """Write a small file at a target, read it back and delete it; TargetFailed if not."""
        tell("trying")
        remote = Remote(target, self._layout, Patience(1, 0, 10))
        with tempfile.NamedTemporaryFile(prefix="try-", suffix=".backup") as file:
            file.write(b"This file may be deleted.\n")
            file.flush()
            remote.try_out(Path(file.name))

    def host_keys(self, address: str, port: int) -> list[dict[str, Any]]:
        """The keys that an SFTP server shows now."""
        return [encode(each) for each in ssh_keys.host_keys(address, port)]

    def public_key(self) -> str:
        """This machine's key for SFTP."""
        return ssh_keys.public_key(self._layout)

    def _calls(self) -> int:
        try:
            return self._engine.console.calls()
        except ConsoleError:
            return 0

    # ── the recovery code ─────────────────────────────────────────────────────────

    def propose_code(self) -> Secret:
        return self._records.propose_code()

    def accept_code(self, last_group: str) -> None:
        self._records.accept_code(last_group)

    # ── doing ─────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Have a backup made now; Busy while one is, NoCode without a recovery code."""
        self._records.keys()
        if work.step_now(self._layout):
            raise Busy("a backup is under way; wait until it has ended")
        if _on_appliance(self._layout):
            subprocess.run(["systemctl", "--no-block", "start", UNIT], check=True)
            return
        command = [sys.executable, "-m", "appliance.system.backup", "now"]
        command += ["--prefix", str(self._layout.prefix)]
        root = self._engine.shadow.runtime.root
        command += ["--asterisk-root", str(root)] if root else []
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        threading.Thread(target=process.wait, name="backup", daemon=True).start()

    def rehearse(self, name: str, tell: Progress) -> Rehearsal:
        """Restore a backup into a throw-away machine, and remember how it went."""
        file = self._local(name)
        groups = self._engine.machine.groups
        runtime = self._engine.shadow.runtime
        found = rehearse(self._layout, file, self._records.keys(), runtime, groups, tell)
        self._records.change(name, rehearsal=found)
        return found

    def delete(self, name: str) -> None:
        """Delete a backup from this disk."""
        self._local(name)
        work.delete(self._layout, self._records, name)

    def restore(
        self, source: Source, code: str, identity: Identity, tell: Progress
    ) -> dict[str, Any]:
        """Check a backup, order that it be restored, and restart the machine to do it."""
        secret = read_code(code)
        with tempfile.TemporaryDirectory(prefix="restore-", dir=self._layout.state) as folder:
            file = self._brought(source, Path(folder) / "fetched.backup", tell)
            manifest = restore.order_restore(
                self._layout, file, secret, identity, prove=self._prove, progress=tell
            )
        if source.kind == "upload":
            self._upload(source).unlink(missing_ok=True)
        return {"created": manifest.about.created, "restarts": self._restart()}

    def _prove(self, state: SystemState) -> None:
        proof = self._engine.prove(state)
        if not proof.passed:
            found = proof.faults
            raise NotProved(Fault(where, "%(said)s", {"said": said}) for where, said in found)

    def _brought(self, source: Source, into: Path, tell: Progress) -> Path:
        if source.kind == "here":
            return self._local(source.name)
        if source.kind == "upload":
            return self._upload(source)
        tell("fetching")
        self._remote(source.target, Patience()).fetch(source.name, into)
        return into

    def _upload(self, source: Source) -> Path:
        file = self._layout.state_of("portal") / UPLOADS / source.name
        # The portal's account writes there: it must not lead root to another file.
        if file.is_symlink() or not file.is_file():
            raise BadBackup("the file that was sent is not there any more; send it again")
        return file

    def _local(self, name: str) -> Path:
        for file in local_files(self._layout):
            if file.name == name:
                return file
        raise BadBackup(f"there is no backup {name} on this machine")

    def _remote(self, id: str, patience: Patience) -> Remote:
        for target in work.wishes(self._layout).targets:
            if target.id == id:
                return Remote(target, self._layout, patience)
        raise TargetFailed("there is no such target in force; apply the draft first")


def restart_machine(layout: Layout) -> Callable[[], bool]:
    """What restarts the machine of a layout; it tells whether it can."""

    def restart() -> bool:
        if not _on_appliance(layout):
            return False
        command = ["systemctl", "--no-block", "reboot"]
        timer = threading.Timer(TOLD_FIRST_S, lambda: subprocess.run(command, check=False))
        timer.daemon = True
        timer.start()
        return True

    return restart


def _on_appliance(layout: Layout) -> bool:
    """Whether systemd runs our processes (sd_booted(3)), not the supervisor of a checkout."""
    return layout.prefix == Path("/") and Path("/run/systemd/system").is_dir()


def _free(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize
