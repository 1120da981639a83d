"""A machine of a kernel and one script, in QEMU's software emulation: for what the kernel of the
tests' own machine lacks, such as VLANs.

Programs, libraries, and modules of the kernel come from the image's root file system; they lie in
the first file system, so that there is neither disk nor systemd. The script's output is what the
serial line says.
"""

from __future__ import annotations

import lzma
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ENDS_WITHIN_S = 600
"""An idle machine needs 20 s; one that has eight other things to do, ten times that."""

_HEAD = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /proc /sys /dev /run/systemd/netif /tmp /var/lib /etc/systemd/network
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
mount -t sysfs -o ro sysfs /sys
for module in MODULES; do insmod /modules/$module.ko; done
"""
_TAIL = """
echo o > /proc/sysrq-trigger
sleep 60
"""


def run(
    root: Path,
    folder: Path,
    script: str,
    *,
    programs: Sequence[str],
    modules: Sequence[str],
    files: Mapping[str, bytes],
) -> str:
    """What a script says on a machine with these parts of `root`; `modules` in the order in which
    they need each other, `files` by their path without the first slash."""
    kernel = next((root / "boot").glob("vmlinuz-*"))
    start = _HEAD.replace("MODULES", " ".join(modules)) + script + _TAIL
    content = {**dict(_parts(root, programs, modules)), **files}
    archive = folder / "small.initrd"
    archive.write_bytes(_newc({**content, "init": start.encode()}))
    command = ["qemu-system-x86_64", "-accel", "tcg", "-m", "512", "-nographic", "-no-reboot"]
    command += ["-nic", "none", "-kernel", str(kernel), "-initrd", str(archive)]
    command += ["-append", "console=ttyS0 quiet panic=-1"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=ENDS_WITHIN_S
    )
    return done.stdout.decode("utf-8", "replace").replace("\r", "")


def _parts(
    root: Path, programs: Sequence[str], modules: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    for name in ("etc/passwd", "etc/group", "etc/nsswitch.conf"):
        yield name, (root / name).read_bytes()
    wanted = {program.lstrip("/") for program in programs}
    for program in programs:
        wanted |= set(_libraries(root, program))
    wanted |= {str(p.relative_to(root)) for p in root.glob("usr/lib/*/libnss_*.so.2")}
    for name in sorted(wanted):
        yield name, (root / name).read_bytes()
    for name in modules:
        (packed,) = root.glob(f"usr/lib/modules/*/kernel/**/{name}.ko.xz")
        yield f"modules/{name}.ko", lzma.decompress(packed.read_bytes())


def _libraries(root: Path, program: str) -> Iterator[str]:
    """The files that a program of the root loads, as its own loader finds them."""
    loader = "/lib64/ld-linux-x86-64.so.2"
    command = ["chroot", str(root), loader, "--list", program]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for line in said.splitlines():
        found = line.partition("=>")[2].split() or line.split()
        if found[0].startswith("/"):
            path = found[0].lstrip("/")
            yield path if path.startswith("usr/") else f"usr/{path}"


_LINKS = ("bin", "sbin", "lib", "lib64")
"""Debian has them below /usr."""


def _newc(files: Mapping[str, bytes]) -> bytes:
    """An archive in the form that Linux unpacks at its start (Documentation/driver-api/
    early-userspace/buffer-format.rst). Everything may be run."""
    folders = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    pieces = [_entry(name, 0o040755, b"") for name in sorted(folders)]
    pieces += [_entry(name, 0o120777, f"usr/{name}".encode()) for name in _LINKS]
    pieces += [_entry(name, 0o100755, content) for name, content in files.items()]
    return b"".join([*pieces, _entry("TRAILER!!!", 0, b"")])


def _entry(name: str, mode: int, content: bytes) -> bytes:
    path = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(head + path) + _padded(content)


def _padded(piece: bytes) -> bytes:
    return piece + b"\0" * (-len(piece) % 4)
