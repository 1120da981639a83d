"""Opens a backup as what it is until proven otherwise: hostile input.

Every byte is authenticated before it is looked at (age, then the manifest's own signature);
members are regular files with names of known parts; what is unpacked counts only when all
of it is there, as the manifest says.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeVar

from appliance import product
from appliance.apply import atomic
from appliance.apply.errors import NoRoom, full_disk_named
from appliance.state.codec import decode
from appliance.state.faults import StateError
from appliance.state.system_state import SCHEMA_VERSION
from appliance.system.backup import members
from appliance.system.backup.crypt import opening
from appliance.system.backup.errors import BadBackup, TooNew
from appliance.system.backup.members import About, Manifest, Member, Part, placed
from appliance.system.backup.recovery_code import Keys

LARGEST_TEXT = 64 * 1024 * 1024
"""Bytes of a manifest that is read into memory: some 300,000 members."""

MOST_MEMBERS = 1_000_000
SPARE_BYTES = 64 * 1024 * 1024
PIECE = 1 << 18

T = TypeVar("T")

Told = Callable[[int], None]
"""Told how many bytes were unpacked so far."""


def about_of(file: Path, keys: Keys) -> About:
    """What a backup says of itself; reads no more than its beginning."""
    with _members(file, keys, to_the_end=False) as archive:
        return _about(archive, next(_regular(archive), None))


def unpack(
    file: Path, keys: Keys, known: Mapping[str, Part], into: Path, told: Told = lambda _done: None
) -> Manifest:
    """Unpack a backup below `into` (a new folder), on the disk before this returns.

    WrongCode, BadBackup, TooNew or NoRoom when it cannot be had whole; what was unpacked
    by then is for the caller to throw away.
    """
    into.mkdir(mode=0o700)
    with full_disk_named(), _members(file, keys) as archive:
        course = _Unpacking(known, into, told)
        for header in _regular(archive):
            course.take(archive, header)
    manifest = course.manifest(keys)
    for folder, _folders, _names in os.walk(into, topdown=False):
        atomic.sync_folder(Path(folder))
    return manifest


@contextmanager
def _members(file: Path, keys: Keys, *, to_the_end: bool = True) -> Iterator[tarfile.TarFile]:
    """The archive inside a backup, as a stream."""
    with file.open("rb") as source, opening(keys, source) as stream:
        try:
            with (
                gzip.GzipFile("", "rb", fileobj=stream) as packed,
                tarfile.open(fileobj=packed, mode="r|") as archive,
            ):
                yield archive
                if to_the_end and packed.read(1):
                    # tar fills up with zeros to the end of its last record.
                    while packed.read(PIECE):
                        pass
        except (tarfile.TarError, zlib.error) as error:
            raise ValueError(str(error)) from error


def _regular(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members of an archive; BadBackup for one that is no plain file."""
    for count, header in enumerate(archive):
        if not header.isreg() or header.issparse():
            raise BadBackup(f"the backup holds something that is no file: {header.name[:80]!r}")
        if count > MOST_MEMBERS:
            raise BadBackup("the backup holds too many files")
        yield header
        # A stream of a million members must not remember them all.
        archive.members.clear()  # type: ignore[attr-defined]


@dataclass(slots=True)
class _Unpacking:
    """What was unpacked so far, in the order in which it must come."""

    known: Mapping[str, Part]
    into: Path
    told: Told
    about: About | None = None
    found: dict[str, Member] = field(default_factory=dict)
    text: bytes | None = None
    signature: bytes | None = None
    done: int = 0

    def take(self, archive: tarfile.TarFile, header: tarfile.TarInfo) -> None:
        """Take the next member."""
        if self.about is None:
            self.about = _about(archive, header)
        elif self.signature is not None:
            raise BadBackup("the backup goes on after its end")
        elif self.text is not None:
            self._expect(header, members.SIGNATURE)
            self.signature = _text(archive, header)
        elif header.name == members.MANIFEST:
            self.text = _text(archive, header)
        else:
            self._file(archive, header)

    def _expect(self, header: tarfile.TarInfo, name: str) -> None:
        if header.name != name:
            raise BadBackup(f"the backup holds {header.name[:80]!r} where {name} should be")

    def _file(self, archive: tarfile.TarFile, header: tarfile.TarInfo) -> None:
        if placed(header.name, self.known) is None or header.name in self.found:
            raise BadBackup(f"the backup holds a file without a place: {header.name[:80]!r}")
        _require_room(self.into, header.size)
        target = self.into / header.name
        source = archive.extractfile(header)
        assert source is not None
        with source:
            sha256 = _write(target, source, self.into)
        self.done += header.size
        self.told(self.done)
        self.found[header.name] = Member(header.name, header.size, sha256, 0, 0)

    def manifest(self, keys: Keys) -> Manifest:
        """The manifest, when it is ours and what was unpacked is what it says."""
        if self.text is None or self.signature is None:
            raise BadBackup("the backup has no end: it was cut off")
        if not hmac.compare_digest(hmac.digest(keys.seal, self.text, "sha256"), self.signature):
            raise BadBackup("the backup's list of files was not written by who has the code")
        manifest = _decoded(Manifest, self.text)
        named = {member.name: member for member in manifest.members}
        if manifest.about != self.about or named.keys() != self.found.keys():
            raise BadBackup("the backup does not hold what its own list says")
        for name, member in named.items():
            there = self.found[name]
            if (there.size, there.sha256) != (member.size, member.sha256):
                raise BadBackup(f"{name} in the backup is not as it was written")
        return manifest


def _about(archive: tarfile.TarFile, header: tarfile.TarInfo | None) -> About:
    if header is None or header.name != members.ABOUT:
        raise BadBackup("this is no backup of a telephone system")
    text = _text(archive, header)
    refuse_newer(text)
    return _decoded(About, text)


def refuse_newer(text: bytes) -> None:
    """Raise TooNew for what a newer program has written, whatever else it says."""
    try:
        said = json.loads(text)
        version = str(said["version"])
        newer = (
            int(said["format"]) > members.FORMAT
            or int(said["schema_version"]) > SCHEMA_VERSION
            or _numbers(version) > _numbers(product.VERSION)
        )
    except (ValueError, TypeError, KeyError) as error:
        raise BadBackup("the backup does not say what made it") from error
    if newer:
        values = {"made": version[:40], "here": product.VERSION}
        raise TooNew(
            f"the backup was made by version {version[:40]}, this machine has "
            f"{product.VERSION}: update it first",
            values,
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def _decoded(kind: type[T], text: bytes) -> T:
    try:
        return decode(kind, json.loads(text))
    except (StateError, ValueError, RecursionError) as error:
        raise BadBackup(f"the backup's own description makes no sense ({error})") from error


def _text(archive: tarfile.TarFile, header: tarfile.TarInfo) -> bytes:
    source = archive.extractfile(header)
    if source is None or header.size > LARGEST_TEXT:
        raise BadBackup("the backup's own description is too long")
    with source:
        return source.read()


def _write(target: Path, source: IO[bytes], top: Path) -> str:
    """Write a stream to a new file; returns its hash."""
    for parent in reversed(target.relative_to(top).parents[:-1]):
        (top / parent).mkdir(mode=0o700, exist_ok=True)
    measured = hashlib.sha256()
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        while piece := source.read(PIECE):
            measured.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return measured.hexdigest()


def _require_room(folder: Path, size: int) -> None:
    disk = os.statvfs(folder)
    missing = size + SPARE_BYTES - disk.f_bavail * disk.f_frsize
    if missing > 0:
        more = -(-missing // (1024 * 1024))
        raise NoRoom(f"the disk has no room to restore: free {more} MB more", {"missing_mb": more})
