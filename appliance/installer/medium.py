"""The medium: what is written to the disk, and the checksums by which it is known good."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("/run/live/medium")
MANIFEST = "installer/manifest.json"
CHUNK = 4 * 1024 * 1024

Progress = Callable[[str, float], None]
"""Told a step and how much of it is done, from 0 to 1."""


class DamagedMedium(RuntimeError):
    """A file of the medium is not what was built."""


@dataclass(frozen=True, slots=True)
class Medium:
    """The mounted medium. `files` maps a path on it to its checksum (SHA-256)."""

    folder: Path
    version: str
    kernel_line: str
    files: dict[str, str]

    @property
    def system(self) -> Path:
        return self.folder / "live/filesystem.squashfs"

    @property
    def start(self) -> Path:
        """boot.img, core.img and the tree `esp`."""
        return self.folder / "installer/start"

    def kernel(self, name: str) -> Path:
        """`vmlinuz` or `initrd`."""
        return self.folder / "live" / name


def opened(folder: Path = FOLDER) -> Medium:
    """The medium by its manifest. DamagedMedium when that cannot be read."""
    try:
        data = json.loads((folder / MANIFEST).read_bytes())
        return Medium(folder, data["version"], data["kernel_line"], dict(data["files"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedMedium(MANIFEST) from error


def check(medium: Medium, progress: Progress, step: str) -> None:
    """Read every file once; DamagedMedium names the first that is not what was built."""
    sizes = {name: _size(medium.folder / name) for name in medium.files}
    whole, done = sum(sizes.values()) or 1, 0
    for name, wanted in medium.files.items():
        if checksum(medium.folder / name, sizes[name]) != wanted:
            raise DamagedMedium(name)
        done += sizes[name]
        progress(step, done / whole)


def checksum(file: Path, length: int) -> str:
    """SHA-256 of the first `length` bytes of a file or device; "" when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with file.open("rb", buffering=0) as opened_file:
            while length > 0 and (read := opened_file.read(min(CHUNK, length))):
                digest.update(read)
                length -= len(read)
    except OSError:
        return ""
    return digest.hexdigest()


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise DamagedMedium(file.name) from error
