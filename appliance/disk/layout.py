"""The partition table: boot code, start files, two system slots, and the owner's data.

The slots hold the read-only root as a squashfs; everything that a machine makes or is
told lies in the last partition, which grows with the disk and survives every update and
every new installation.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

SECTOR = 512
MIB = 1024 * 1024
GIB = 1024 * MIB

BIOS_TYPE = "21686148-6449-6E6F-744E-656564454649"
ESP_TYPE = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
LINUX_TYPE = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
DATA_TYPE = "7A4A6A7E-0C5D-4B5C-9C1B-9D4C5A7E3B21"
"""A type of our own, so that only our partition is ever grown to the end of the disk."""

SLOTS = ("A", "B")
FIRST_MIB = 1
BIOS_MIB = 1
ESP_MIB = 384
"""Two kernels with their start files, and a third pair while an update is written."""
SLOT_MIB = 1024
SMALLEST_DATA_MIB = 4096
LAST_MIB = 1
"""Left for the second copy of the table at the end of the disk."""

SMALLEST_DISK = (FIRST_MIB + BIOS_MIB + ESP_MIB + 2 * SLOT_MIB + SMALLEST_DATA_MIB + LAST_MIB) * MIB
"""Bytes that a disk must have; SMALLEST_DATA_MIB keeps about 100 hours of voicemail."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition; `first` and `size` are bytes, `identity` its GUID (PARTUUID)."""

    number: int
    name: str
    type: str
    first: int
    size: int
    identity: str

    @property
    def first_sector(self) -> int:
        return self.first // SECTOR


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole table. `identity` is the GUID of the disk."""

    identity: str
    partitions: tuple[Partition, ...]

    def __getitem__(self, name: str) -> Partition:
        """The partition called `name`: bios, esp, rootA, rootB or data."""
        return next(each for each in self.partitions if each.name == name)


def layout_for(disk_size: int, new_identity: Callable[[], str]) -> Layout:
    """The table of a disk with `disk_size` bytes. ValueError when it is too small."""
    if disk_size < SMALLEST_DISK:
        raise ValueError(f"the disk has {disk_size} bytes, {SMALLEST_DISK} are needed")
    whole_mib = disk_size // MIB
    used = FIRST_MIB + BIOS_MIB + ESP_MIB + 2 * SLOT_MIB + LAST_MIB
    sizes = [
        ("bios", BIOS_TYPE, BIOS_MIB),
        ("esp", ESP_TYPE, ESP_MIB),
        ("rootA", LINUX_TYPE, SLOT_MIB),
        ("rootB", LINUX_TYPE, SLOT_MIB),
        ("data", DATA_TYPE, whole_mib - used),
    ]
    partitions = []
    first = FIRST_MIB * MIB
    for number, (name, type_, size_mib) in enumerate(sizes, start=1):
        size = size_mib * MIB
        partitions.append(Partition(number, name, type_, first, size, new_identity()))
        first += size
    return Layout(new_identity(), tuple(partitions))


def sfdisk_script(layout: Layout) -> str:
    """The table in the words of sfdisk(8)."""
    lines = ["label: gpt", f"label-id: {layout.identity}", f"sector-size: {SECTOR}"]
    lines += [
        f"start={p.first_sector}, size={p.size // SECTOR}, type={p.type}, "
        f'uuid={p.identity}, name="{p.name}"'
        for p in layout.partitions
    ]
    return "\n".join(lines) + "\n"


def identities_from(seed: str) -> Callable[[], str]:
    """GUIDs that follow from a seed: the same image has the same table each time it is built."""
    counter = iter(range(1 << 30))
    return lambda: str(uuid.uuid5(uuid.NAMESPACE_OID, f"{seed}/{next(counter)}")).upper()


def random_identities() -> str:
    """A GUID for one disk of one machine: for `layout_for` in the installer."""
    return str(uuid.uuid4()).upper()
