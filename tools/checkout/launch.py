"""How one process is started: account, environment, folders and secrets of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance import credentials
from appliance.apply import atomic
from appliance.system.accounts import Identity, identity
from appliance.system.processes import Process, Site
from tools.checkout.place import python_path

UMASK = 0o027


@dataclass(frozen=True, slots=True)
class Launcher:
    """Starts processes of one site."""

    site: Site

    def make_folders(self, process: Process) -> None:
        """Make the folders that the process finds in its environment, with its secrets."""
        if process.account == "root":
            return
        who = self.identity(process)
        layout = self.site.layout
        _own_folder(layout.state_of(process.name), 0o700, who)
        # Emptied, so that no socket of an earlier run looks alive.
        shutil.rmtree(layout.run_of(process.name), ignore_errors=True)
        _own_folder(layout.run_of(process.name), 0o750, who)
        self._hand_out(process, who)

    def start(self, process: Process, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start one command of a process; its output is a pipe for the caller to read."""
        return subprocess.Popen(
            [*self._privileges(process), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.environment(process),
            cwd=self.working_folder(),
            umask=UMASK,
            start_new_session=True,
        )

    def identity(self, process: Process) -> Identity:
        return identity(process.account, process.groups, checkout=self.site.checkout)

    def working_folder(self) -> Path:
        return self.site.python.parent.parent.parent

    def environment(self, process: Process) -> dict[str, str]:
        """Exactly these variables, whatever the terminal had."""
        layout = self.site.layout
        values = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": python_path(self.working_folder()),
            "CENTRALINO_PREFIX": str(layout.prefix),
        }
        if process.account != "root":
            values |= {
                "HOME": str(layout.state_of(process.name)),
                "STATE_DIRECTORY": str(layout.state_of(process.name)),
                "RUNTIME_DIRECTORY": str(layout.run_of(process.name)),
                credentials.VARIABLE: str(_credentials_folder(self.site, process)),
            }
        return {**values, **process.environment}

    def _hand_out(self, process: Process, who: Identity) -> None:
        folder = _credentials_folder(self.site, process)
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        _own_folder(folder, 0o500, who)
        for name in process.credentials:
            secret = (self.site.layout.state / "secrets" / name).read_bytes()
            atomic.write_file(folder / name, secret, 0o400)
            os.chown(folder / name, who.user, who.group)

    def _privileges(self, process: Process) -> list[str]:
        """The words before a command that give up everything it does not need."""
        if process.account == "root":
            return ["setpriv", "--pdeathsig", "TERM"]
        who = self.identity(process)
        groups = ",".join(str(number) for number in who.groups)
        kept = "+net_bind_service" if process.low_ports else ""
        words = ["setpriv", f"--reuid={who.user}", f"--regid={who.group}", f"--groups={groups}"]
        words += [f"--inh-caps=-all{',' + kept if kept else ''}"]
        words += [f"--ambient-caps=-all{',' + kept if kept else ''}"]
        words += [f"--bounding-set=-all{',' + kept if kept else ''}"]
        return [*words, "--no-new-privs", "--pdeathsig", "TERM", "--"]


def _credentials_folder(site: Site, process: Process) -> Path:
    return site.layout.prefix / "run/centralino-credentials" / process.name


def _own_folder(folder: Path, mode: int, who: Identity) -> None:
    folder.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    os.chown(folder, who.user, who.group)
    folder.chmod(mode)
