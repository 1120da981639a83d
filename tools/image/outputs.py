"""What is handed out: raw, qcow2, VMDK, OVA, and the list of their checksums."""

from __future__ import annotations

import errno
import hashlib
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import jinja2

from appliance import product
from tools.image import toolbox
from tools.image.settings import RECIPE, Settings

PIECE = 64 * 1024 * 1024
"""Bytes of the disk that are looked at together; the disk's size is a multiple of it."""


def qcow2(settings: Settings, disk: Path) -> Path:
    """The disk for KVM and most clouds."""
    return _converted(settings, disk, "qcow2", "-c", "-o", "compression_type=zstd")


def compressed_raw(settings: Settings, disk: Path) -> Path:
    """The disk as it is, to be written by dd.

    Nearly all of it is empty: such stretches are not read but written as the same small
    frame again and again (RFC 8878, section 3: frames may follow each other).
    """
    made = settings.dist / f"{settings.name}.raw.zst"
    empty = _compressed(settings, disk, None)
    with made.open("wb") as target, disk.open("rb") as source:
        for first, last in _stretches(source, settings.edition.disk_size):
            if last is None:
                target.write(empty)
            else:
                target.write(_compressed(settings, disk, (first, last)))
    return made


def _stretches(source: BinaryIO, size: int) -> Iterator[tuple[int, int | None]]:
    """(first piece, number of pieces) with data, and (piece, None) for each empty piece."""
    begin: int | None = None
    for piece in range(size // PIECE):
        if _holds_data(source, piece):
            begin = piece if begin is None else begin
            continue
        if begin is not None:
            yield begin, piece - begin
            begin = None
        yield piece, None
    if begin is not None:
        yield begin, size // PIECE - begin


def _holds_data(source: BinaryIO, piece: int) -> bool:
    """Whether a piece of a sparse file has any data (lseek(2), SEEK_DATA)."""
    try:
        return os.lseek(source.fileno(), piece * PIECE, os.SEEK_DATA) < (piece + 1) * PIECE
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return False


def _compressed(settings: Settings, disk: Path, pieces: tuple[int, int] | None) -> bytes:
    """Pieces of the disk as a frame of zstd; None is one empty piece."""
    part, made = settings.build / "raw.part", settings.build / "raw.part.zst"
    first, number = pieces or (0, 1)
    with part.open("wb") as target, disk.open("rb") as source:
        target.truncate(number * PIECE)
        source.seek(first * PIECE)
        for _ in range(number if pieces else 0):
            target.write(source.read(PIECE))
    toolbox.run(settings, ["zstd", "-q", "-f", "-T0", "-1", part, "-o", made])
    part.unlink()
    return made.read_bytes()


def vmdk(settings: Settings, disk: Path) -> Path:
    """The disk for VMware, in the one format that an OVA may hold."""
    options = "subformat=streamOptimized,adapter_type=lsilogic,compat6"
    return _converted(settings, disk, "vmdk", "-o", options)


def _converted(settings: Settings, disk: Path, kind: str, *options: str) -> Path:
    made = settings.dist / f"{settings.name}.{kind}"
    command = ["qemu-img", "convert", "-f", "raw", "-O", kind, *options, disk, made]
    toolbox.run(settings, command)
    return made


def ova(settings: Settings, disk: Path) -> Path:
    """Descriptor, checksums and disk in one tar, in the order that the format asks for.

    Source: DMTF DSP0243 (Open Virtualization Format 1.1), sections 5 and 9.
    """
    descriptor = settings.build / f"{settings.name}.ovf"
    descriptor.write_text(_descriptor(settings, disk))
    manifest = descriptor.with_suffix(".mf")
    lines = [f"SHA256({file.name})= {sha256(file)}\n" for file in (descriptor, disk)]
    manifest.write_text("".join(lines))
    made = settings.dist / f"{settings.name}.ova"
    with tarfile.open(made, "w", format=tarfile.USTAR_FORMAT) as archive:
        for file in (descriptor, manifest, disk):
            _add(archive, file, settings.epoch)
    return made


def _descriptor(settings: Settings, disk: Path) -> str:
    template = (RECIPE / "ovf/appliance.ovf.j2").read_text()
    values = {
        "name": product.NAME,
        "slug": product.SLUG,
        "version": product.VERSION,
        "disk": disk.name,
        "disk_size": disk.stat().st_size,
        "capacity": settings.edition.disk_size,
    }
    made = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True)
    return made.from_string(template).render(values)


def _add(archive: tarfile.TarFile, file: Path, epoch: int) -> None:
    entry = tarfile.TarInfo(file.name)
    entry.size, entry.mtime, entry.mode = file.stat().st_size, epoch, 0o644
    with file.open("rb") as content:
        archive.addfile(entry, content)


def checksums(settings: Settings) -> Path:
    """SHA256SUMS over all that lies beside it, and its signature where there is a key."""
    listed = settings.dist / "SHA256SUMS"
    files = sorted(
        each for each in settings.dist.iterdir() if not each.name.startswith(listed.name)
    )
    listed.write_text("".join(f"{sha256(file)}  {file.name}\n" for file in files))
    signature = listed.with_name(f"{listed.name}.sig")
    signature.unlink(missing_ok=True)
    if settings.signing_key:
        key = settings.signing_key.resolve()
        command = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key]
        command += ["-in", listed, "-out", signature]
        toolbox.run(settings, command, shared=[key.parent])
    return listed


def sha256(file: Path) -> str:
    """The checksum of a file, in hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
