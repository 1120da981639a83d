"""The shadow: a second Asterisk without network that boots the candidate files.

It has its own folders for everything it writes and a network namespace in which it may
bind every address and reaches nobody. What it has loaded is compared with the model, and
every error that it logs stops the plan.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.asterisk import names
from appliance.asterisk.console import Console, ConsoleError
from appliance.asterisk.runtime import Runtime
from appliance.state.machine import Machine
from appliance.verify import readback
from appliance.verify.probes import Probe

BOOT_WITHIN_S = 180.0
"""A second where nothing else happens. It was a minute once on an emulated processor that three
machines shared. An Asterisk that ends is not waited for."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the shadow found. `faults` are (portal object or "", sentence) pairs.

    `warnings` are what Asterisk logged without being sure that it is wrong; they stop
    nothing and are kept in the report.
    """

    faults: tuple[tuple[str, str], ...]
    seconds: float
    asked: int
    warnings: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.faults


class ShadowFailed(RuntimeError):
    """The shadow did not come up at all, so nothing could be proved."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """Boots candidates. `at_most` probes are asked beside those of changed objects."""

    runtime: Runtime
    machine: Machine
    at_most: int = 2000

    def prove(self, root: Path, probes: Sequence[Probe], changed: Sequence[Probe]) -> Proof:
        """Boot the files below `root` and compare; ShadowFailed when it does not boot."""
        begin = time.monotonic()
        with self._folders() as folder, self._running(root, folder) as console:
            # The machine itself has no shadow: its files go through their daemons' checkers.
            every, new = readback.of_console(probes), readback.of_console(changed)
            asked = list(dict.fromkeys([*new, *readback.sample(every, self.at_most)]))
            mismatches = readback.compare(console, asked)
            errors = list(_logged(folder / "log" / "messages", "ERROR"))
            warnings = tuple(_logged(folder / "log" / "messages", "WARNING"))
        faults = [(each.where, str(each)) for each in mismatches]
        faults += [(blamed(line, probes), line) for line in errors]
        return Proof(tuple(faults), time.monotonic() - begin, len(asked), warnings)

    @contextmanager
    def _folders(self) -> Iterator[Path]:
        # Short on purpose: the control socket's path may have 107 signs at most (unix(7)).
        base = self.machine.layout.run
        folder = Path(tempfile.mkdtemp(prefix="shadow-", dir=base))
        try:
            user, group = self.runtime.account("asterisk")
            for name in ("lib", "lib/keys", "spool", "run", "log"):
                (folder / name).mkdir()
                os.chown(folder / name, user, group)
            os.chmod(folder, 0o755)  # noqa: S103 - Asterisk's own user walks through it
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def aside(
        self, root: Path, beside: Callable[[Path], Sequence[str]]
    ) -> Iterator[tuple[Console, Path]]:
        """The files below `root` booted for other questions: its console and its folder.

        `beside` is handed the folder and returns the command of a program that lives in the
        same network, or nothing. What Asterisk hands over to be mailed is thrown away.
        """
        with (
            self._folders() as folder,
            self._running(root, folder, beside(folder)) as console,
        ):
            yield console, folder

    @contextmanager
    def _running(self, root: Path, folder: Path, beside: Sequence[str] = ()) -> Iterator[Console]:
        configuration = folder / "asterisk.conf"
        candidate = root / "etc/asterisk"
        configuration.write_text(_own_folders(candidate / "asterisk.conf", candidate, folder))
        shared = [self.machine.layout.prefix]
        # Files that name others of their own by whole paths must find those of the candidate.
        instead = {self.machine.layout.asterisk_etc: candidate}
        command = self.runtime.secluded(configuration, shared, instead=instead, beside=beside)
        with (folder / "console").open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield _booted(process, Console(folder / "run/asterisk.ctl"), folder)
        finally:
            process.kill()
            process.wait()


def _booted(process: subprocess.Popen[bytes], console: Console, folder: Path) -> Console:
    deadline = time.monotonic() + BOOT_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            console.wait_until_booted(0)
            return console
        except ConsoleError:
            time.sleep(0.02)
    said = (folder / "console").read_text("utf-8", "replace").strip()
    last = "\n".join([*_logged(folder / "log" / "messages", "ERROR"), said][-5:])
    raise ShadowFailed(f"the new configuration does not boot: {last or 'no message'}")


_FOLDERS = {
    "astvarlibdir": "lib",
    "astdbdir": "lib",
    "astkeydir": "lib",
    "astagidir": "lib",
    "astspooldir": "spool",
    "astrundir": "run",
    "astlogdir": "log",
}


def _own_folders(asterisk_conf: Path, candidate: Path, folder: Path) -> str:
    """The candidate's asterisk.conf with the folders of the shadow."""
    lines = []
    for line in asterisk_conf.read_text().splitlines():
        key = line.partition("=>")[0].strip()
        if key == "astetcdir":
            line = f"{key} => {candidate}"
        elif key in _FOLDERS:
            line = f"{key} => {folder / _FOLDERS[key]}"
        lines.append(line)
    return "\n".join(lines) + "\n"


_LINE = re.compile(r"^\[[^\]]+\] ([A-Z]+)\[\d+\](?:\[[^\]]*\])? (.+)$")


def _logged(log: Path, level: str) -> Iterator[str]:
    """The sentences that Asterisk logged at one level, each once."""
    if not log.is_file():
        return
    found = (_LINE.match(line) for line in log.read_text("utf-8", "replace").splitlines())
    yield from dict.fromkeys(match[2] for match in found if match and match[1] == level)


def blamed(line: str, probes: Iterable[Probe]) -> str:
    """The portal object whose name stands in a line of Asterisk's log, "" when none does."""
    words = set(re.findall(r"[A-Za-z0-9_.@+-]+", line))
    ours = {word for word in words if names.number_and_slot(word) or word.startswith("trunk-")}
    for probe in probes:
        if ours & set(probe.command.split()):
            return probe.where
    return ""
