"""Writes the support file for somebody who stands in front of the machine.

It asks whether logs go in, and copies the file onto a USB stick when one is plugged in;
otherwise it says where the file lies and how to fetch it.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from appliance.apply.client import EngineClient, EngineError, EngineUnreachable
from appliance.state.machine import Layout
from appliance.terminal.texts import Texts, language_of

WITHIN_S = 300.0
YES = frozenset({"y", "yes", "s", "si", "sì"})


def main() -> int:
    """Entry point of `python -m appliance.system.support_console`."""
    text, layout = Texts(language_of(os.environ)), Layout()
    client = EngineClient(layout.engine_socket)
    _say(text("Logs hold telephone numbers. Put them into the file? [y/N]"))
    with_logs = sys.stdin.readline().strip().casefold() in YES
    try:
        job = client.write_support_file(logs=with_logs)
        client.wait(job, WITHIN_S, lambda _step: _say(".", end=""))
    except (EngineError, EngineUnreachable, TimeoutError) as error:
        _say(text("This did not work: %(why)s", why=error))
        return 1
    _say("")
    _say(text("The support file: %(path)s", path=saved(layout, client)))
    return 0


def _say(line: str, end: str = "\n") -> None:
    sys.stdout.write(line + end)
    sys.stdout.flush()


def saved(layout: Layout, client: EngineClient) -> Path:
    """Where the file ends: on a stick that is mounted and writable, else where it is."""
    name = time.strftime("support-%Y%m%d-%H%M.tar.gz")
    for stick in sorted(Path("/media").glob("*")):
        if stick.is_mount():
            try:
                with (stick / name).open("wb") as file:
                    file.writelines(client.support_pieces())
            except OSError:
                continue
            return stick / name
    return layout.state / "support" / "support.tar.gz"


if __name__ == "__main__":
    sys.exit(main())
