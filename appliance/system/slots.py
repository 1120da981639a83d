"""After a start: a new system that works is kept, one that does not is left again.

The boot loader starts an update's slot a single time (`appliance.disk.environment`). Only
when every process of the table answers is the slot written down as the good one; until
then each power-on, whatever the reason, leads back to the former system.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.disk import environment
from appliance.system import processes
from appliance.system.watch import appliance_site

log = logging.getLogger("slots")

WITHIN_S = 300.0
"""How long a new system may take until everything answers."""

START_PARTITION = Path("/efi")
ENVIRONMENT = START_PARTITION / "grub/grubenv"


def running_slot(kernel_line: str) -> str:
    """A or B, as the boot loader told the kernel; "" when the machine has no slots."""
    words = (word.partition("=") for word in kernel_line.split())
    return next((value for name, _, value in words if name == "appliance.slot"), "")


def settle(slot: str, problems: Callable[[], list[str]], within_s: float = WITHIN_S) -> bool:
    """Keep `slot` when everything answers in time; returns whether it is kept."""
    with start_partition() as file:
        if environment.read(file).get("slot") == slot:
            return True
    deadline = time.monotonic() + within_s
    while waiting := problems():
        if time.monotonic() > deadline:
            log.error("system %s is left again: %s", slot, "; ".join(waiting))
            return False
        time.sleep(2)
    with start_partition(writable=True) as file:
        environment.update(file, slot=slot, **{"try": None})
    log.warning("system %s works and is kept", slot)
    return True


def try_once(slot: str) -> None:
    """Let the boot loader start `slot` at the next power-on, and that once."""
    with start_partition(writable=True) as file:
        environment.update(file, **{"try": slot})


@contextmanager
def start_partition(*, writable: bool = False) -> Iterator[Path]:
    """The file of the boot loader's words, while its partition is mounted."""
    options = "rw,sync" if writable else "ro"
    subprocess.run(["mount", "-o", options, str(START_PARTITION)], check=True)
    try:
        yield ENVIRONMENT
    finally:
        subprocess.run(["umount", str(START_PARTITION)], check=True)


def silent_processes() -> list[str]:
    """What is wrong with the processes of the appliance, a sentence each."""
    found = []
    for process in processes.table(appliance_site()):
        problem = process.ready.problem()
        if problem:
            found.append(f"{process.name}: {problem}")
    return found


def main() -> None:
    """Entry point of `python -m appliance.system.slots`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["settle", "try"])
    parser.add_argument("slot", nargs="?", choices=["A", "B"])
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    if options.verb == "try":
        try_once(options.slot or parser.error("which slot?"))
        return
    slot = running_slot(Path("/proc/cmdline").read_text())
    if slot and not settle(slot, silent_processes):
        subprocess.run(["systemctl", "reboot"], check=True)


if __name__ == "__main__":
    main()
