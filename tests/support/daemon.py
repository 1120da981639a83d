"""The engine as a process of its own, as on the appliance.

with new_system() as system, running_daemon(system) as daemon:
    daemon.client.status()
    daemon.process.kill()
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from appliance.apply.client import EngineClient, EngineUnreachable
from tests.support.pbx import Pbx

ANSWERS_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Daemon:
    """A running engine and a client of it."""

    process: subprocess.Popen[bytes]
    client: EngineClient


def start_daemon(system: Pbx, *options: str) -> subprocess.Popen[bytes]:
    """Start the daemon on a system's prefix; it ends with the test's process at the latest."""
    command = [sys.executable, "-m", "appliance.apply.daemon", "--prefix", str(system.folder)]
    command += ["--asterisk-root", str(system.runtime.root), *options]
    with (system.folder / "engine.out").open("ab") as output:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command], stdout=output, stderr=subprocess.STDOUT
        )


@contextmanager
def running_daemon(system: Pbx, *options: str) -> Iterator[Daemon]:
    """The daemon on a system's prefix until the block ends; `options` for its command line."""
    process = start_daemon(system, *options)
    try:
        client = EngineClient(system.machine.layout.engine_socket)
        _wait_until_it_answers(client, process, system)
        yield Daemon(process, client)
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_it_answers(
    client: EngineClient, process: subprocess.Popen[bytes], system: Pbx
) -> None:
    deadline = time.monotonic() + ANSWERS_WITHIN_S
    while True:
        try:
            client.status()
            return
        except EngineUnreachable:
            if process.poll() is not None or time.monotonic() > deadline:
                said = (system.folder / "engine.out").read_text("utf-8", "replace")
                raise RuntimeError(f"the engine does not answer:\n{said}") from None
            time.sleep(0.02)
