"""The first start: asks everybody who may know, makes the machine so, and notes it."""

from __future__ import annotations

import logging
import subprocess

from appliance.firstboot import answers, identity, sources
from appliance.firstboot.places import Places, write_mark

log = logging.getLogger("first-boot")


def collect() -> tuple[answers.Answers, list[str], list[str]]:
    """The answers of all sources, the names of those, and what was not taken."""
    known, named, refused = answers.Answers(), [], []
    for source, given in sources.everything():
        found, complaints = answers.read(given)
        known = known.filled_up(found)
        named.append(source)
        refused += [f"{source}: {each}" for each in complaints]
    return known, named, refused


def settle_machine(places: Places) -> None:
    """Do all that the first start has to do."""
    known, named, refused = collect()
    if not named:
        # A disk may still be on its way; wait for what is plugged in, and look once more.
        subprocess.run(["udevadm", "settle", "--timeout=10"], check=False)
        known, named, refused = collect()
    refused += identity.settle(places, known)
    for each in refused:
        log.warning("not taken: %s", each)
    write_mark(places, named, refused)
    # It may run already, with what was there before; waiting for it would be a cycle.
    subprocess.run(["systemctl", "--no-block", "try-restart", "systemd-resolved"], check=False)
    log.info("settled with the answers of: %s", ", ".join(named) or "nobody")
