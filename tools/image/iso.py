"""The installer's medium: one file for CD and USB stick, for BIOS and UEFI.

The same root file system that is installed also runs the installer (live-boot).
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from appliance import product
from tools.image import outputs, toolbox
from tools.image.pack import KERNEL_LINE, core_image, fill_fat
from tools.image.settings import RECIPE, Settings

LABEL = f"{product.SLUG.upper()}_INSTALL"
LIVE_LINE = (
    "console=ttyS0,115200 console=tty0 quiet loglevel=4 systemd.unit=appliance-installer.target "
    "systemd.show_status=error fstab=no systemd.gpt_auto=no nopersistence noeject"
)
_EFI_KIB = 8192


def build(settings: Settings) -> Path:
    """The medium, from what `pack.squash` and `pack.boot_files` have made."""
    tree = _tree(settings)
    efi = _efi_partition(settings, tree)
    made = settings.dist / f"{settings.name}.iso"
    made.unlink(missing_ok=True)
    mbr = toolbox.folder() / "usr/lib/grub/i386-pc/boot_hybrid.img"
    shutil.copyfile(mbr, settings.build / "boot_hybrid.img")
    command = ["xorriso", "-as", "mkisofs", "-quiet", "-o", made, "-V", LABEL, "-J", "-r"]
    command += ["-iso-level", "3", "--modification-date=" + _iso_date(settings.epoch)]
    command += ["-b", "boot/grub/eltorito.img", "-no-emul-boot", "-boot-load-size", "4"]
    command += ["-boot-info-table", "--grub2-boot-info"]
    command += ["--grub2-mbr", settings.build / "boot_hybrid.img"]
    command += ["-append_partition", "2", "0xef", efi, "-appended_part_as_gpt"]
    command += ["-eltorito-alt-boot", "-e", "--interval:appended_partition_2:all::"]
    command += ["-no-emul-boot", tree]
    toolbox.run(settings, command)
    return made


def _iso_date(epoch: int) -> str:
    return time.strftime("%Y%m%d%H%M%S00", time.gmtime(epoch))


def _tree(settings: Settings) -> Path:
    tree = settings.build / "iso"
    shutil.rmtree(tree, ignore_errors=True)
    for name in ("live", "installer", "boot/grub"):
        (tree / name).mkdir(parents=True)
    (tree / "live/filesystem.squashfs").hardlink_to(settings.build / "root.squashfs")
    for name in ("vmlinuz", "initrd"):
        (tree / "live" / name).hardlink_to(settings.build / name)
    shutil.copytree(settings.build / "start", tree / "installer/start")
    configuration = (RECIPE / "grub/installer.cfg").read_text()
    configuration = configuration.replace("@NAME@", product.NAME).replace("@KERNEL@", LIVE_LINE)
    (tree / "boot/grub/grub.cfg").write_text(configuration)
    _eltorito(settings, tree / "boot/grub/eltorito.img")
    (tree / "installer/manifest.json").write_text(_manifest(tree))
    return tree


def _eltorito(settings: Settings, target: Path) -> None:
    """GRUB's core behind the small program that a BIOS reads from a CD."""
    core = settings.build / "cd-core.img"
    core_image(settings, core, "/boot/grub")
    first = toolbox.folder() / "usr/lib/grub/i386-pc/cdboot.img"
    target.write_bytes(first.read_bytes() + core.read_bytes())


def _manifest(tree: Path) -> str:
    files = sorted(path for path in tree.rglob("*") if path.is_file() and _checked(tree, path))
    data = {
        "version": product.VERSION,
        "kernel_line": KERNEL_LINE,
        "files": {str(path.relative_to(tree)): outputs.sha256(path) for path in files},
    }
    return json.dumps(data, indent=1) + "\n"


def _checked(tree: Path, path: Path) -> bool:
    """What is written to a disk; the medium's own start files have done their work by then."""
    return path.relative_to(tree).parts[0] in ("live", "installer")


def _efi_partition(settings: Settings, tree: Path) -> Path:
    """The signed chain for UEFI, in the small FAT partition that firmware looks for."""
    folder = settings.build / "iso-efi"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(settings.build / "start/esp/EFI", folder / "EFI")
    text = f"search --no-floppy --set=root --label {LABEL}\nset iso_found=1\n"
    text += "configfile /boot/grub/grub.cfg\n"
    (folder / "EFI/debian/grub.cfg").write_text(text)
    image = settings.build / "iso-efi.img"
    image.unlink(missing_ok=True)
    command = ["mkfs.vfat", "--invariant", "-i", "CE27A111", "-n", "INSTALL", "-C"]
    toolbox.run(settings, [*command, image, str(_EFI_KIB)])
    fill_fat(settings, str(image), folder)
    return image
