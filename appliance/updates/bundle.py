"""The bundle: one file with a whole system, of which nothing is believed before its signature.

    16 bytes    the words that name the format
     4 bytes    length of the manifest, most significant byte first
    64 bytes    signature: Ed25519 (RFC 8032) over the words and the manifest
     …          the manifest, JSON
     …          the parts, one after the other, as the manifest lists them

So there is no archive to unpack and no name to follow: what an unsigned file can reach
are the comparison of sixteen bytes, one number, and openssl's verification.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

from appliance import product
from appliance.state.codec import decode, encode
from appliance.state.fields import Between, Pattern
from appliance.updates.refused import UpdateRefused
from appliance.updates.release import Release, Version

MAGIC = b"slot-update/1.0\n"
_HEAD = struct.Struct(">16sI64s")
LONGEST_MANIFEST = 64 * 1024
"""Bytes; a real one has less than one kilobyte."""

HEAD_AND_MANIFEST = _HEAD.size + LONGEST_MANIFEST
"""Bytes from the beginning that hold everything but the parts."""

SUFFIX = ".update"
CHUNK = 4 * 1024 * 1024
ARCHITECTURE = "x86_64"

PartName = Literal["system", "kernel", "initrd"]
PARTS: tuple[PartName, ...] = ("system", "kernel", "initrd")
"""The root file system for the slot, and what the boot loader starts; in this order."""

Told = Callable[[int], None]
"""Told how many bytes of a part are done."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part; `size` is in bytes, `sha256` hexadecimal."""

    name: PartName
    size: Annotated[int, Between(1, 2**40)]
    sha256: Annotated[str, Pattern(r"[0-9a-f]{64}", "a SHA-256 sum")]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is signed. `from_at_least` is the oldest version that may be updated by it."""

    product: str
    architecture: str
    release: Release
    from_at_least: Version
    parts: tuple[Part, ...]

    def part(self, name: str) -> Part:
        """The part called `name`."""
        return next(each for each in self.parts if each.name == name)

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.size for part in self.parts)


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened bundle whose signature is good; `begins` is where the parts begin."""

    manifest: Manifest
    stream: BinaryIO
    begins: int

    def copy(self, name: str, write: Callable[[bytes], object], told: Told) -> None:
        """Hand a part to `write`, piece by piece. UpdateRefused when it is not what was signed."""
        part, digest, done = self.manifest.part(name), hashlib.sha256(), 0
        self.stream.seek(self.begins + self._offset(name))
        while done < part.size:
            piece = self.stream.read(min(CHUNK, part.size - done))
            if not piece:
                raise UpdateRefused("The file is cut off. Copy or upload it again.")
            digest.update(piece)
            write(piece)
            done += len(piece)
            told(done)
        if digest.hexdigest() != part.sha256:
            raise UpdateRefused("The file is damaged. Copy or upload it again.")

    def _offset(self, name: str) -> int:
        before = [str(part.name) for part in self.manifest.parts].index(name)
        return sum(part.size for part in self.manifest.parts[:before])


def opened(stream: BinaryIO, keys: Iterable[Path], *, whole: bool = True) -> Bundle:
    """The bundle in a stream. UpdateRefused when it is none, or signed by nobody we believe.

    With `whole` the stream must also be as long as the manifest says.
    """
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size or not head.startswith(MAGIC):
        raise UpdateRefused("This file is no update.")
    _magic, length, signature = _HEAD.unpack(head)
    if not 0 < length <= LONGEST_MANIFEST:
        raise UpdateRefused("This file is no update.")
    text = stream.read(length)
    if len(text) < length:
        raise UpdateRefused("The file is cut off. Copy or upload it again.")
    if not any(_signed(text, signature, key) for key in keys):
        raise UpdateRefused(
            "The signature is not one that this system believes: the update comes from "
            "somebody else, or was changed on the way."
        )
    bundle = Bundle(_manifest(text), stream, _HEAD.size + length)
    if whole and stream.seek(0, os.SEEK_END) != bundle.begins + bundle.manifest.size:
        raise UpdateRefused("The file is cut off. Copy or upload it again.")
    return bundle


def _signed(manifest: bytes, signature: bytes, key: Path) -> bool:
    """Whether `key` has signed the manifest, by openssl (pkeyutl(1), Ed25519 takes the whole)."""
    with tempfile.TemporaryDirectory(prefix="update-") as folder:
        signed, sign = Path(folder, "signed"), Path(folder, "signature")
        signed.write_bytes(MAGIC + manifest)
        sign.write_bytes(signature)
        command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", str(key)]
        command += ["-in", str(signed), "-sigfile", str(sign)]
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0


def _manifest(text: bytes) -> Manifest:
    """The manifest, once it is known who wrote it. UpdateRefused when we cannot read it."""
    try:
        manifest = decode(Manifest, json.loads(text), "manifest")
    except ValueError as error:
        raise UpdateRefused(
            "This system cannot read the update's description: install an update in between."
        ) from error
    if manifest.product != product.SLUG or manifest.architecture != ARCHITECTURE:
        raise UpdateRefused("The update is for another product or another kind of machine.")
    if tuple(part.name for part in manifest.parts) != PARTS:
        raise UpdateRefused(
            "This system cannot read the update's description: install an update in between."
        )
    return manifest


def manifest_text(release: Release, from_at_least: str, files: Sequence[Path]) -> bytes:
    """The manifest of a new bundle; `files` are the parts in their order."""
    parts = tuple(_part(name, file) for name, file in zip(PARTS, files, strict=True))
    made = Manifest(product.SLUG, ARCHITECTURE, release, from_at_least, parts)
    data: Any = encode(made)
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def _part(name: PartName, file: Path) -> Part:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return Part(name, file.stat().st_size, digest)


def to_be_signed(manifest: bytes) -> bytes:
    """The bytes that the signature is over."""
    return MAGIC + manifest


def write(target: BinaryIO, manifest: bytes, signature: bytes, files: Sequence[Path]) -> None:
    """Write a bundle: head, manifest, parts."""
    target.write(_HEAD.pack(MAGIC, len(manifest), signature) + manifest)
    for file in files:
        with file.open("rb") as content:
            while piece := content.read(CHUNK):
                target.write(piece)
