"""The root file system as a squashfs, and a whole disk around it, without a mount.

Each file system is written into its place in one sparse file: the squashfs is copied
there, FAT and ext4 are made there by tools that take an offset.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

from appliance.disk import bios, environment, layout, start
from tools.image import toolbox
from tools.image.settings import RECIPE, Settings

KERNEL_LINE = (
    "console=ttyS0,115200 console=tty0 quiet loglevel=4 panic=10 systemd.gpt_auto=no "
    "systemd.show_status=error"
)
_GRUB = "usr/lib/grub/i386-pc"
_BIOS_MODULES = (
    *("biosdisk", "part_gpt", "fat", "normal", "configfile", "linux", "loadenv", "test"),
    *("echo", "serial", "terminal", "search", "search_fs_file", "iso9660", "reboot", "halt"),
)
ESP_ID = "CE27A110"


def squash(settings: Settings) -> Path:
    """`root.squashfs`, and kernel and first file system beside it; returns the first."""
    boot = settings.root / "boot"
    for name in ("vmlinuz", "initrd.img"):
        newest = sorted(boot.glob(f"{name}-*"), key=lambda path: _version(path.name))[-1]
        target = settings.build / name.removesuffix(".img")
        shutil.copyfile(newest, target)
    made = settings.build / "root.squashfs"
    made.unlink(missing_ok=True)
    command = ["mksquashfs", settings.root, made, "-noappend", "-no-progress", "-quiet"]
    command += ["-comp", "zstd", "-Xcompression-level", str(settings.compression)]
    # Kernel and first file system lie on the start partition, once for each slot.
    command += ["-xattrs", "-wildcards", "-e", "boot/*"]
    toolbox.run(settings, command)
    if made.stat().st_size > layout.SLOT_MIB * layout.MIB:
        raise toolbox.BuildError(f"{made} is larger than a slot")
    return made


def _version(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


def boot_files(settings: Settings) -> Path:
    """The folder `start`: everything that a disk needs to start, for builder and installer.

    boot.img, core.img     for a BIOS, before and between the partitions
    esp/                   the tree of the start partition, without kernels
    """
    made = settings.build / "start"
    shutil.rmtree(made, ignore_errors=True)
    tools = toolbox.folder()
    for name in ("EFI/BOOT", "EFI/debian", "grub", *layout.SLOTS):
        (made / "esp" / name).mkdir(parents=True)
    _copy_efi(tools, made / "esp")
    shutil.copyfile(RECIPE / "grub/efi.cfg", made / "esp/EFI/debian/grub.cfg")
    shutil.copyfile(RECIPE / "grub/grub.cfg", made / "esp/grub/grub.cfg")
    shutil.copyfile(tools / _GRUB / "boot.img", made / "boot.img")
    core_image(settings, made / "core.img", "(,gpt2)/grub")
    return made


def _copy_efi(tools: Path, esp: Path) -> None:
    """The signed chain: firmware -> shim -> GRUB -> kernel."""
    signed = {
        "usr/lib/shim/shimx64.efi.signed": "EFI/BOOT/BOOTX64.EFI",
        "usr/lib/shim/mmx64.efi.signed": "EFI/BOOT/mmx64.efi",
        "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed": "EFI/BOOT/grubx64.efi",
    }
    for source, target in signed.items():
        shutil.copyfile(tools / source, esp / target)


def core_image(settings: Settings, target: Path, prefix: str) -> None:
    command = ["grub-mkimage", "-O", "i386-pc", "-o", target, "-p", prefix, *_BIOS_MODULES]
    toolbox.run(settings, command)


def raw(settings: Settings) -> Path:
    """The disk image, sparse, with the system in slot A."""
    squashed, files = settings.build / "root.squashfs", settings.build / "start"
    seed = hashlib.sha256(squashed.read_bytes()).hexdigest()
    table = layout.layout_for(settings.edition.disk_size, layout.identities_from(seed))
    made = settings.build / "disk.raw"
    made.unlink(missing_ok=True)
    with made.open("wb") as file:
        file.truncate(settings.edition.disk_size)
    toolbox.run(settings, ["sfdisk", "--quiet", made], typed=layout.sfdisk_script(table))
    _write_bios(made, table, files)
    _write_esp(settings, made, table, files)
    _copy_sparse(squashed, made, table["rootA"].first)
    _write_data(settings, made, table["data"])
    return made


def _write_bios(disk: Path, table: layout.Layout, files: Path) -> None:
    place = table["bios"]
    core = (files / "core.img").read_bytes()
    with disk.open("r+b") as file:
        old = file.read(layout.SECTOR)
        file.seek(0)
        boot = (files / "boot.img").read_bytes()
        file.write(bios.first_sector(old, boot, place.first_sector))
        file.seek(place.first)
        file.write(bios.core_at(core, place.first_sector, place.size))


def _write_esp(settings: Settings, disk: Path, table: layout.Layout, files: Path) -> None:
    tree = settings.build / "esp"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(files / "esp", tree)
    for name in ("vmlinuz", "initrd"):
        shutil.copyfile(settings.build / name, tree / "A" / name)
    template = (tree / "grub/grub.cfg").read_text()
    text = start.grub_configuration(template, table, KERNEL_LINE, settings.edition.title)
    (tree / "grub/grub.cfg").write_text(text)
    (tree / "grub/grubenv").write_bytes(environment.encode({"slot": "A"}))
    place = table["esp"]
    sectors = str(place.size // 1024)
    command = ["mkfs.vfat", "--invariant", "-i", ESP_ID, "-n", start.ESP_LABEL, *start.FAT]
    command += ["--offset", str(place.first_sector), disk, sectors]
    toolbox.run(settings, command)
    fill_fat(settings, f"{disk}@@{place.first}", tree)


def fill_fat(settings: Settings, image: str, tree: Path) -> None:
    """Copy a tree into a FAT file system, in an order and with times of our choosing."""
    for path in sorted(tree.rglob("*")):
        os.utime(path, (settings.epoch, settings.epoch))
        inside = f"::/{path.relative_to(tree)}"
        if path.is_dir():
            toolbox.run(settings, ["mmd", "-i", image, inside])
        else:
            toolbox.run(settings, ["mcopy", "-m", "-i", image, path, inside])


def _copy_sparse(source: Path, disk: Path, at: int) -> None:
    with source.open("rb") as read, disk.open("r+b") as write:
        write.seek(at)
        shutil.copyfileobj(read, write, 4 * layout.MIB)


def _write_data(settings: Settings, disk: Path, place: layout.Partition) -> None:
    """The owner's partition, empty: what lies in it is made by the machine itself."""
    options = (
        f"offset={place.first},assume_storage_prezeroed=1,hash_seed={place.identity},nodiscard"
    )
    command = ["mke2fs", "-q", "-F", *start.DATA, "-U", place.identity]
    command += ["-E", options, disk, f"{place.size // 1024}k"]
    toolbox.run(settings, command)
