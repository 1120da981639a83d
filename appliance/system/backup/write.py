"""Makes a backup: one file, written beside its place and moved there when it is whole."""

from __future__ import annotations

import datetime
import gzip
import hashlib
import hmac
import io
import os
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from appliance import product
from appliance.apply import atomic
from appliance.apply.course import Progress, untold
from appliance.apply.errors import NoRoom, full_disk_named
from appliance.state.codec import canonical_json, encode
from appliance.state.machine import Layout
from appliance.state.system_state import SCHEMA_VERSION
from appliance.system import accounts
from appliance.system.backup import members
from appliance.system.backup.collect import Gathered, Source, gathered
from appliance.system.backup.crypt import sealing
from appliance.system.backup.members import About, Manifest, Member
from appliance.system.backup.recovery_code import Keys

SUFFIX = ".backup"
MOMENT = len(f"20260101T000000Z{SUFFIX}")
"""Signs at the end of a backup's name that order backups by their moment."""

SPARE_BYTES = 64 * 1024 * 1024
"""What must still be free once a backup is written: the system goes on writing."""

PIECE = 1 << 18
MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was written. `size` and `sha256` are those of the file."""

    path: Path
    size: int
    sha256: str
    manifest: Manifest
    seconds: float


def make(
    layout: Layout,
    host_name: str,
    groups: Mapping[str, int],
    keys: Keys,
    progress: Progress = untold,
    clock: Callable[[], float] = time.time,
) -> Made:
    """Write a backup of this machine into its folder of backups.

    NoRoom when the disk has no place for it; then nothing of it is left. Refused when a
    database is damaged.
    """
    begin = time.monotonic()
    now = datetime.datetime.fromtimestamp(clock(), datetime.UTC)
    target = layout.backups / f"{host_name}-{now:%Y%m%dT%H%M%SZ}{SUFFIX}"
    progress("collecting")
    with full_disk_named(), gathered(layout, groups) as found:
        about = About(
            format=members.FORMAT,
            product=product.NAME,
            version=product.VERSION,
            schema_version=SCHEMA_VERSION,
            created=now.isoformat(timespec="seconds"),
            host_name=host_name,
            revision=found.revision,
            left_out=found.left_out,
        )
        layout.backups.mkdir(mode=0o750, parents=True, exist_ok=True)
        _require_room(layout.backups, found)
        progress("writing")
        sha256, manifest = _write(target, about, found, keys, groups)
    seconds = time.monotonic() - begin
    return Made(target, target.stat().st_size, sha256, manifest, seconds)


def _require_room(folder: Path, found: Gathered) -> None:
    """Raise NoRoom with what is missing; as if nothing could be compressed."""
    disk = os.statvfs(folder)
    # Each member has a header and is filled up to 512 bytes; age adds less than 1 in 4,000.
    needed = found.size + 1024 * len(found.sources) + found.size // 2000 + SPARE_BYTES
    missing = needed - disk.f_bavail * disk.f_frsize
    if missing > 0:
        wanted, more = -(-needed // MEGABYTE), -(-missing // MEGABYTE)
        raise NoRoom(
            f"the backup needs {wanted} MB: free {more} MB more on the disk, or keep fewer backups",
            {"needed_mb": wanted, "missing_mb": more},
        )


def _write(
    target: Path, about: About, found: Gathered, keys: Keys, groups: Mapping[str, int]
) -> tuple[str, Manifest]:
    scratch = atomic.scratch_name(target)
    try:
        with scratch.open("xb") as file:
            os.fchmod(file.fileno(), 0o640)
            os.fchown(file.fileno(), -1, groups.get(accounts.SHARED_GROUP, -1))
            with sealing(keys, file) as stream:
                manifest = _write_members(stream, about, found, keys)
            os.fsync(file.fileno())
        sha256 = sha256_of(scratch)
        os.rename(scratch, target)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    atomic.sync_folder(target.parent)
    return sha256, manifest


def _write_members(stream: IO[bytes], about: About, found: Gathered, keys: Keys) -> Manifest:
    with (
        gzip.GzipFile("", "wb", 3, stream, mtime=0) as packed,
        _archive(packed) as archive,
    ):
        _add_bytes(archive, members.ABOUT, canonical_json(encode(about)))
        kept = (_add_file(archive, source) for source in found.sources)
        manifest = Manifest(about, tuple(member for member in kept if member is not None))
        text = canonical_json(encode(manifest))
        _add_bytes(archive, members.MANIFEST, text)
        _add_bytes(archive, members.SIGNATURE, hmac.digest(keys.seal, text, "sha256"))
    return manifest


@contextmanager
def _archive(stream: gzip.GzipFile) -> Iterator[tarfile.TarFile]:
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        yield archive


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    header = tarfile.TarInfo(name)
    header.size, header.mode = len(content), 0o600
    archive.addfile(header, io.BytesIO(content))


class _Measured:
    """A file that is read once: hashes what goes by, and ends where it ended at first, so
    that a log that grows meanwhile does no harm."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(piece)
        self.hash.update(piece)
        return piece


def _add_file(archive: tarfile.TarFile, source: Source) -> Member | None:
    """Add one file; None when its owner has deleted it meanwhile."""
    try:
        file = source.path.open("rb")
    except FileNotFoundError:
        return None
    with file:
        size = os.fstat(file.fileno()).st_size
        header = tarfile.TarInfo(source.name)
        header.size, header.mode, header.mtime = size, source.mode, source.changed
        measured = _Measured(file, size)
        archive.addfile(header, measured)
    return Member(
        source.name, size, measured.hash.hexdigest(), source.mode, source.changed, source.group
    )


def sha256_of(path: Path) -> str:
    """The hash of a file, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
