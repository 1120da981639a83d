"""Voice before data on each line, by whatever queue the kernel has (tc(8)).

cake knows the classes of DiffServ and needs one number; where it is missing, three bands in
strict order do: expedited forwarding first. A line whose speed is known is kept just
below it, so that the queue is here and not in the provider's modem.
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator

from failover_router.router_profile import Line

log = logging.getLogger("shaping")

SHARE = 0.95
"""Of the line's speed: what its provider's own headers leave."""

PRIOMAP = "1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1"
"""Bands of Linux packet priorities as in pfifo_fast; EF and network control have 6 and 7."""


def queues(line: Line) -> Iterator[tuple[str, list[list[str]]]]:
    """(name, commands) of each way to queue, the best first."""
    device = ["qdisc", "replace", "dev", line.interface]
    if line.up_kbits:
        rate = str(int(line.up_kbits * SHARE))
        yield "cake", [[*device, "root", "cake", "bandwidth", f"{rate}kbit", "diffserv4"]]
        yield "tbf and prio", [
            [*device, "root", "handle", "1:", "tbf", "rate", f"{rate}kbit",
             "burst", "16kb", "latency", "100ms"],
            [*device, "parent", "1:", "handle", "2:", "prio", "bands", "3",
             "priomap", *PRIOMAP.split()],
        ]  # fmt: skip
    yield "cake", [[*device, "root", "cake", "diffserv4"]]
    yield "prio", [[*device, "root", "prio", "bands", "3", "priomap", *PRIOMAP.split()]]


def shape(line: Line) -> str:
    """Set the best queue that this kernel has; returns its name, "" for none."""
    for name, commands in queues(line):
        if all(_tc(command) for command in commands):
            return name
        _tc(["qdisc", "delete", "dev", line.interface, "root"])
    log.warning("%s: this kernel has no queue that puts voice first", line.name)
    return ""


def _tc(arguments: list[str]) -> bool:
    try:
        done = subprocess.run(["tc", *arguments], capture_output=True, timeout=10, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0
