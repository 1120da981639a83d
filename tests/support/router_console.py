"""The router's console on a machine that is only a network namespace.

    python -m tests.support.router_console FOLDER

Everything is the console's own; FOLDER stands for the router's disk, and `systemctl` and
`networkctl` in FOLDER/bin for its systemd: the test starts the services that it was told of.
"""

from __future__ import annotations

import functools
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

from failover_router import boot, console
from tests.support.network import Network

TOLD = "systemctl.told"


def _main(folder: Path) -> None:
    console.PROFILE = folder / "profile.json"
    boot.settle = functools.partial(boot.settle, root=folder)
    os.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
    console.main()


def _lay_out(folder: Path) -> None:
    """The programs of systemd that the console calls."""
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    ports = folder / boot.PORTS
    if not ports.exists():
        ports.parent.mkdir(parents=True)
        ports.symlink_to(f"/{boot.PORTS}")
    for name in ("systemctl", "networkctl"):
        program = folder / "bin" / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>{folder / TOLD}\n')
        program.chmod(0o755)


def become(network: Network, folder: Path, server: str, code: str, within_s: float = 60.0) -> str:
    """Type an address and a code at the console, as a person does; returns what it said."""
    _lay_out(folder)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "tests.support.router_console", str(folder)]
    process = network.start(command, stdin=theirs, stdout=theirs, stderr=subprocess.STDOUT)
    os.close(theirs)
    said = ""
    try:
        for wanted, typed in (
            ("Press the letter", "c"),
            ("Address of the appliance:", f"{server}\n"),
            ("four signs):", f"{code}\n"),
            ("Press Enter", "\n"),
        ):
            said += _until(ours, wanted, within_s)
            os.write(ours, typed.encode())
    finally:
        process.terminate()
        process.wait(10)
        os.close(ours)
    return said


def _until(terminal: int, wanted: str, within_s: float) -> str:
    """What a terminal shows until these words have come."""
    shown, deadline = "", time.monotonic() + within_s
    while wanted not in shown:
        ready, _, _ = select.select([terminal], [], [], 0.2)
        if ready:
            shown += os.read(terminal, 4096).decode("utf-8", "replace")
        assert time.monotonic() < deadline, f"{wanted!r} did not come: {shown}"
    return shown


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
