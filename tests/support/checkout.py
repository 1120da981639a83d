"""A checkout of its own for a test: the tracked files in a new folder, and `make run` in it.

Everything runs in a network namespace, so that ports never meet those of other tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.system import records
from tests.support.leftovers import clear_away, owned_folder
from tests.support.network import Network, new_network
from tools.checkout.place import Place

SOURCE = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Checkout:
    """One copy of the source. `run`, `stop` and `status` are the make targets."""

    top: Path
    network: Network

    @property
    def place(self) -> Place:
        return Place(self.top)

    def command(self, verb: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Do what `make VERB` does; the caller looks at its status."""
        inside = ["ip", "netns", "exec", self.network.name]
        return subprocess.run(
            [*inside, sys.executable, "-m", "tools.checkout", verb],
            cwd=self.top,
            env={**os.environ, "PYTHONPATH": str(self.top), **settings},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def run(self, **settings: str) -> str:
        """Start the system; what was printed."""
        finished = self.command("run", **settings)
        assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}\n{self.logs()}"
        return finished.stdout

    def stop(self) -> str:
        finished = self.command("stop")
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def record(self, name: str) -> records.Record | None:
        """The running process of this name."""
        return records.read(self.place.records, name)

    def status(self) -> dict[str, dict[str, object]]:
        return json.loads(self.place.status.read_text())

    def logs(self) -> str:
        return "\n".join(
            f"== {path.name}\n{path.read_text('utf-8', 'replace')[-3000:]}"
            for path in sorted(self.place.logs.glob("*.log"))
        )


@contextmanager
def new_checkout() -> Iterator[Checkout]:
    """A checkout that is stopped and gone afterwards."""
    clear_away("out")
    top = owned_folder("out")
    try:
        _copy_source(top)
        with new_network("out") as network:
            # The address under which the portal is announced.
            network.run("ip", "address", "add", "10.98.0.1/32", "dev", "lo")
            checkout = Checkout(top, network)
            try:
                yield checkout
            finally:
                checkout.stop()
    finally:
        shutil.rmtree(top)


def _copy_source(top: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=SOURCE,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.split("\0"):
        if name and (SOURCE / name).is_file():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(SOURCE / name, top / name)
    os.symlink(Path(sys.prefix), top / ".venv")


def until(within_s: float, holds: Callable[[], bool], message: str) -> None:
    """Return as soon as `holds()`; AssertionError after `within_s`."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, message
        time.sleep(0.05)
