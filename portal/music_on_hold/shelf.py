"""The folder of uploaded music: pieces come under names that never mean another sound.

A piece that nothing uses any more stays for a while, so that undo and older revisions
still find it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
import uuid
import wave
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from portal.core.screens import slug
from portal.music_on_hold import sound

KEPT_S = 30 * 24 * 3600
LEFT_FREE = 256 * 1024 * 1024
"""Bytes that stay free on the disk: telephony goes on writing."""

_HASH = 8
"""Signs of the upload's hash at the end of a name."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece as people see it; `seconds` is None when its files are not there."""

    id: str
    seconds: float | None

    @property
    def name(self) -> str:
        """Its name without the part that makes it unique."""
        return self.id[: -_HASH - 1].replace("-", " ")

    @property
    def minutes(self) -> str:
        """Its length as minutes:seconds."""
        whole = round(self.seconds or 0)
        return f"{whole // 60}:{whole % 60:02}"


@dataclass(frozen=True, slots=True)
class Shelf:
    """All uploaded music below one folder: `<class>/<piece>.<ending>`."""

    folder: Path

    def piece(self, music_class: str, id: str) -> Piece:
        """What is known of a piece."""
        try:
            with wave.open(str(self.path(music_class, id, "wav"))) as file:
                return Piece(id, file.getnframes() / file.getframerate())
        except (FileNotFoundError, EOFError, wave.Error):
            return Piece(id, None)

    def path(self, music_class: str, id: str, ending: str) -> Path:
        """One of a piece's files."""
        return self.folder / music_class / f"{id}.{ending}"

    def add(self, music_class: str, upload: Path, called: str) -> tuple[str, sound.Made]:
        """Convert an upload and put it into a class; its id and what was made."""
        self.folder.mkdir(mode=0o770, parents=True, exist_ok=True)
        scratch = self.folder / f".new-{uuid.uuid4().hex}"
        scratch.mkdir()
        try:
            made = sound.make(upload, scratch / "made")
            if shutil.disk_usage(self.folder).free < LEFT_FREE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            with upload.open("rb") as file:
                sign = hashlib.file_digest(file, "sha256").hexdigest()[:_HASH]
            id = f"{slug(called)[:40].strip('-') or 'music'}-{sign}"
            self._place(made.folder, music_class, id)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return id, made

    def _place(self, made: Path, music_class: str, id: str) -> None:
        target = self.folder / music_class
        target.mkdir(exist_ok=True)
        target.chmod(0o2775)  # Asterisk reads as one of the others
        for ending in sound.OUTPUTS:
            file = made / f"music.{ending}"
            file.chmod(0o644)
            with file.open("rb") as written:
                os.fsync(written.fileno())
            os.replace(file, self.path(music_class, id, ending))

    def sweep(self, used: Collection[tuple[str, str]]) -> None:
        """Delete pieces that have been unused for long; note those that are since now."""
        for file in self.folder.glob(f"*/*.{next(iter(sound.OUTPUTS))}"):
            music_class, id = file.parent.name, file.stem
            mark = self.path(music_class, id, "unused")
            if (music_class, id) in used:
                mark.unlink(missing_ok=True)
            elif not mark.exists():
                mark.touch()
            elif mark.stat().st_mtime < time.time() - KEPT_S:
                for ending in (*sound.OUTPUTS, "unused"):
                    self.path(music_class, id, ending).unlink(missing_ok=True)
