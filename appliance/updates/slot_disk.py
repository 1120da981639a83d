"""The disk that the running system came from: its other slot, and its start partition.

Found from the kernel's own line and nothing else, because a second disk in the machine may
be an older appliance's, with the same labels.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from appliance.disk.layout import SLOTS

START_PARTITION = Path("/efi")
BLOCK = Path("/sys/class/block")
_ROOT = re.compile(r"(?:^|\s)root=(\S+)")
_SLOT = re.compile(r"(?:^|\s)appliance\.slot=([AB])(?:\s|$)")


@dataclass(frozen=True, slots=True)
class SlotDisk:
    """`partitions` maps the names of the table to devices; `mount_point` is where the start
    partition is mounted while it is needed."""

    slot: str
    partitions: dict[str, Path]
    mount_point: Path = field(default=START_PARTITION)

    @property
    def other(self) -> str:
        """The slot that does not run."""
        return other_than(self.slot)

    def device(self, slot: str) -> Path:
        """The device of a slot's root file system."""
        return self.partitions[f"root{slot}"]

    @contextmanager
    def start(self, *, writable: bool = False) -> Iterator[Path]:
        """The start partition's folder, while it is mounted; written out at the end.

        One process at a time: the kernel does not mount a device for reading in one place
        and for writing in another.
        """
        options = "rw,umask=0077" if writable else "ro,umask=0077"
        device = self.partitions["esp"]
        mount = ["mount", "-t", "vfat", "-o", options, str(device), str(self.mount_point)]
        with device.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            subprocess.run(mount, check=True)
            try:
                yield self.mount_point
            finally:
                subprocess.run(["umount", str(self.mount_point)], check=True)


def other_than(slot: str) -> str:
    """The other of the two slots."""
    return next(each for each in SLOTS if each != slot)


def running_slot(kernel_line: str) -> str:
    """A or B, as the boot loader told the kernel; "" when the machine has no slots."""
    found = _SLOT.search(kernel_line)
    return found[1] if found else ""


def found(kernel_line: str, block: Path = BLOCK) -> SlotDisk | None:
    """The disk of the running system; None when the machine has no slots."""
    slot, root = running_slot(kernel_line), _ROOT.search(kernel_line)
    if not slot or root is None:
        return None
    located = subprocess.run(["findfs", root[1]], capture_output=True, text=True, check=True)
    device = Path(os.path.realpath(located.stdout.strip()))
    return SlotDisk(slot, dict(_partitions((block / device.name).resolve().parent)))


def _partitions(disk: Path) -> Iterator[tuple[str, Path]]:
    """Name in the table and device of every partition of a disk in sysfs."""
    for event in sorted(disk.glob("*/uevent")):
        words = dict(line.split("=", 1) for line in event.read_text().splitlines() if "=" in line)
        if "PARTNAME" in words and "DEVNAME" in words:
            yield words["PARTNAME"], Path("/dev") / words["DEVNAME"]


def of_this_machine() -> SlotDisk | None:
    """The disk that this machine runs from; None without slots."""
    return found(Path("/proc/cmdline").read_text())
