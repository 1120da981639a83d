"""The end of a trial: a new system is written down as the good one, or left again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from appliance.disk import environment
from appliance.updates.slot_disk import SlotDisk

log = logging.getLogger("slots")

ENVIRONMENT = "grub/grubenv"
"""The boot loader's words, on the start partition."""

WITHIN_S = 300.0
"""How long a new system may take until everything answers, unless the trial says otherwise."""

Problems = Callable[[], list[str]]


def settle(disk: SlotDisk, problems: Problems, within_s: float = WITHIN_S) -> list[str]:
    """Keep the running slot when everything answers in time; else returns what does not."""
    with disk.start() as folder:
        if environment.read(folder / ENVIRONMENT).get("slot") == disk.slot:
            return []
    deadline = time.monotonic() + within_s
    while waiting := problems():
        if time.monotonic() > deadline:
            log.error("system %s is left again: %s", disk.slot, "; ".join(waiting))
            return waiting
        time.sleep(2)
    with disk.start(writable=True) as folder:
        environment.update(folder / ENVIRONMENT, slot=disk.slot, **{"try": None})
    log.warning("system %s works and is kept", disk.slot)
    return []
