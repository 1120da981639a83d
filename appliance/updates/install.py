"""Writes a bundle into the slot that does not run. The running system is never touched.

Before the first byte the slot's release is taken from the start partition, and put there
again after the last: a slot without one is started by nobody, so a power cut in between
leaves a machine that starts as before, and an update that can be repeated.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from appliance.apply import atomic
from appliance.updates import release, rules
from appliance.updates.bundle import CHUNK, Bundle
from appliance.updates.refused import UpdateRefused
from appliance.updates.release import Release
from appliance.updates.slot_disk import SlotDisk
from appliance.updates.snapshot import Snapshot

RELEASE = "release.json"
START_FILES = {"kernel": "vmlinuz", "initrd": "initrd"}
_FLUSH_BUFFERS = 0x1261
"""BLKFLSBUF of linux/fs.h: forget what the kernel remembers of a device."""

Tell = Callable[[str, float], None]
"""Told a step and how much of it is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Installer:
    """Writes to one disk. `running` is the system that runs."""

    disk: SlotDisk
    running: Release
    snapshot: Snapshot

    def check(self, bundle: Bundle) -> None:
        """UpdateRefused when the bundle must not follow, or does not fit."""
        rules.check_order(bundle.manifest, self.running)
        rules.check_room(bundle.manifest, self.room())

    def room(self) -> rules.Room:
        """How much there is."""
        with self.disk.start() as folder:
            start = _free(folder)
        slot = _size(self.disk.device(self.disk.other))
        return rules.Room(slot, start, _free(self.snapshot.data), self.snapshot.size())

    def install(self, bundle: Bundle, tell: Tell) -> None:
        """Write everything. UpdateRefused or OSError when it does not work; then the slot is
        empty for the boot loader."""
        self.check(bundle)
        slot = self.disk.other
        with self.disk.start(writable=True) as folder:
            forget_release(folder / slot)
        self._write_system(bundle, self.disk.device(slot), tell)
        with self.disk.start(writable=True) as folder:
            _write_start(bundle, folder / slot, tell)
            atomic.write_file(folder / slot / RELEASE, release.as_bytes(bundle.manifest.release))
        tell("start_files", 1)

    def _write_system(self, bundle: Bundle, device: Path, tell: Tell) -> None:
        part = bundle.manifest.part("system")
        # O_EXCL: the kernel refuses a device that is mounted (open(2)), e.g. our own root.
        handle = os.open(device, os.O_RDWR | os.O_EXCL)
        with os.fdopen(handle, "r+b", buffering=0) as slot:
            bundle.copy("system", slot.write, lambda done: tell("system", done / part.size))
            os.fsync(handle)
            if device.is_block_device():
                fcntl.ioctl(handle, _FLUSH_BUFFERS)
            slot.seek(0)
            if _sum_of(slot, part.size, tell) != part.sha256:
                raise UpdateRefused("The disk does not keep what is written to it.")


def _write_start(bundle: Bundle, folder: Path, tell: Tell) -> None:
    """Kernel and first file system, each beside its former self and then in its place."""
    folder.mkdir(exist_ok=True)
    for number, (part, name) in enumerate(START_FILES.items()):
        tell("start_files", number / len(START_FILES))
        scratch = folder / f"{name}.new"
        with scratch.open("w+b") as file:
            bundle.copy(part, file.write, lambda _done: None)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, folder / name)
        atomic.sync_folder(folder)


def _sum_of(stream: BinaryIO, size: int, tell: Tell) -> str:
    digest, done = hashlib.sha256(), 0
    while done < size and (piece := stream.read(min(CHUNK, size - done))):
        digest.update(piece)
        done += len(piece)
        tell("reading_back", done / size)
    return digest.hexdigest()


def forget_release(folder: Path) -> None:
    """Make a slot's start files belong to no system."""
    if (folder / RELEASE).exists():
        (folder / RELEASE).unlink()
        atomic.sync_folder(folder)


def _free(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _size(device: Path) -> int:
    with device.open("rb") as opened:
        return opened.seek(0, os.SEEK_END)
