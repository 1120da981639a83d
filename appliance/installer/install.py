"""Lays the system out on one disk. Every step is on the disk before the next one begins."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from appliance.disk import bios, environment, layout, start
from appliance.installer.disks import Disk
from appliance.installer.medium import CHUNK, Medium, Progress, checksum

SLOT = "A"


class InstallFailed(RuntimeError):
    """A step did not work; the message is the program's own."""


def install(
    medium: Medium, disk: Disk, answers: Mapping[str, Any], keep_data: bool, progress: Progress
) -> Path:
    """Write the system to `disk`; with `keep_data` its last partition stays as it is.

    Returns the device of the owner's partition.
    """
    progress("Partitioning", 0)
    table = kept_table(disk) if keep_data else new_table(disk)
    if not keep_data:
        run("sfdisk", "--quiet", "--wipe", "always", "--wipe-partitions", "always", disk.path,
            typed=layout.sfdisk_script(table))  # fmt: skip
    run("udevadm", "settle", "--timeout=30")
    progress("Partitioning", 1)
    write_system(medium, partition(disk, table["rootA"]), progress)
    progress("Writing the start files", 0)
    write_bios(medium, disk, table)
    write_start(medium, partition(disk, table["esp"]), table)
    progress("Writing the start files", 1)
    data = partition(disk, table["data"])
    write_data(data, answers, keep_data, progress)
    run("sync")
    return data


def new_table(disk: Disk) -> layout.Layout:
    """A fresh table with GUIDs of this disk alone."""
    return layout.layout_for(disk.size, layout.random_identities)


def kept_table(disk: Disk) -> layout.Layout:
    """The table that the older installation left; InstallFailed when it is not ours."""
    shown = run("sfdisk", "--json", disk.path)
    return table_of(json.loads(shown)["partitiontable"])


def table_of(data: Mapping[str, Any]) -> layout.Layout:
    """The table in sfdisk's words, as ours. InstallFailed when a partition is missing."""
    found = {}
    for each in data["partitions"]:
        number = int(re.findall(r"\d+$", each["node"])[0])
        size, first = each["size"] * layout.SECTOR, each["start"] * layout.SECTOR
        name = each.get("name", "")
        found[name] = layout.Partition(number, name, each["type"], first, size, each["uuid"])
    wanted = ("bios", "esp", "rootA", "rootB", "data")
    missing = [name for name in wanted if name not in found]
    if missing or found["rootA"].size < layout.SLOT_MIB * layout.MIB:
        raise InstallFailed("the older installation has another layout: its data cannot be kept")
    return layout.Layout(data["id"], tuple(found[name] for name in wanted))


def partition(disk: Disk, part: layout.Partition) -> Path:
    """The device of a partition: sda1, but nvme0n1p1."""
    infix = "p" if disk.name[-1].isdigit() else ""
    return disk.path.with_name(f"{disk.name}{infix}{part.number}")


def write_system(medium: Medium, device: Path, progress: Progress) -> None:
    """The root file system into its slot, read back from the disk and compared."""
    size, done = medium.system.stat().st_size, 0
    with medium.system.open("rb", buffering=0) as source, device.open("r+b", buffering=0) as slot:
        while read := source.read(CHUNK):
            slot.write(read)
            done += len(read)
            progress("Writing the system", done / size)
        os.fsync(slot.fileno())
    progress("Reading back", 0)
    # Past the cache: what counts is what the disk has kept.
    run("blockdev", "--flushbufs", device)
    if checksum(device, size) != medium.files["live/filesystem.squashfs"]:
        raise InstallFailed(f"{device} does not keep what is written to it")
    progress("Reading back", 1)


def write_bios(medium: Medium, disk: Disk, table: layout.Layout) -> None:
    """GRUB's first sector and its core, for machines that start by a BIOS."""
    place = table["bios"]
    core = bios.core_at((medium.start / "core.img").read_bytes(), place.first_sector, place.size)
    boot = (medium.start / "boot.img").read_bytes()
    with disk.path.open("r+b", buffering=0) as device:
        old = device.read(layout.SECTOR)
        device.seek(place.first)
        device.write(core)
        device.seek(0)
        device.write(bios.first_sector(old, boot, place.first_sector))
        os.fsync(device.fileno())


def write_start(medium: Medium, device: Path, table: layout.Layout) -> None:
    """The start partition: boot loaders, their settings, and the slot's kernel."""
    run("mkfs.vfat", *start.FAT, "-n", start.ESP_LABEL, device)
    with mounted(device, "vfat") as folder:
        shutil.copytree(medium.start / "esp", folder, dirs_exist_ok=True)
        for name in ("vmlinuz", "initrd"):
            shutil.copyfile(medium.kernel(name), folder / SLOT / name)
        file = folder / "grub/grub.cfg"
        text = start.grub_configuration(file.read_text(), table, medium.kernel_line)
        file.write_text(text)
        (folder / "grub/grubenv").write_bytes(environment.encode({"slot": SLOT}))


def write_data(device: Path, answers: Mapping[str, Any], keep: bool, progress: Progress) -> None:
    """The owner's partition: made, or checked and kept; with the answers and the log."""
    step = "Keeping the data partition" if keep else "Making the data partition"
    progress(step, 0)
    if keep:
        run("e2fsck", "-p", device, accepted=(0, 1))
    else:
        run("mke2fs", "-q", "-F", *start.DATA, device)
    with mounted(device, "ext4") as folder:
        own = folder / "installer"
        own.mkdir(mode=0o700, exist_ok=True)
        file = own / "answers.json"
        file.write_text(json.dumps(dict(answers)))
        file.chmod(0o600)
    progress(step, 1)


@contextmanager
def mounted(device: Path, kind: str) -> Iterator[Path]:
    """A file system of the disk, written out when the block is left.

    Its kind is named: one that was made a moment ago has been seen not to be recognised.
    """
    with tempfile.TemporaryDirectory(prefix="install-", dir="/run") as folder:
        run("mount", "-t", kind, device, folder)
        try:
            yield Path(folder)
        finally:
            run("umount", folder)


def keep_log(device: Path, log: Path) -> None:
    """Copy the installer's log to the owner's partition."""
    with mounted(device, "ext4") as folder:
        shutil.copyfile(log, folder / "installer" / "installer.log")


def run(*command: object, typed: str | None = None, accepted: tuple[int, ...] = (0,)) -> str:
    """Run a program; its output. InstallFailed with its own words when it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, input=typed, capture_output=True, text=True)
    if done.returncode not in accepted:
        said = (done.stderr or done.stdout).strip()
        raise InstallFailed(f"{words[0]}: {said[-500:]}")
    return done.stdout
