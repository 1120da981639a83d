"""Where copies of backups go, seen alike: a folder of files on another machine.

Each kind of server has a module that speaks its protocol by a library: `sftp` (paramiko),
`smb` (smbprotocol) and `s3` (minio). Who uses a store decides about attempts and proofs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from appliance.services.backups import Target
from appliance.state.machine import Layout

BLOCK = 256 * 1024
"""Bytes that are read and written at a time."""

SILENT_FOR_S = 120
"""How long a server may say nothing in the middle of its work."""

ANOTHER_SERVER = "the server is not the one that was recognised at set-up (its host key differs)"
NO_ANSWER = "the server does not answer"

Told = Callable[[int], None]
"""Hears after each block how many bytes of the file are through."""


class StoreFailed(RuntimeError):
    """What a server refused or did not do, as a sentence. `passing` ones may go by."""

    def __init__(self, said: str, *, passing: bool = True) -> None:
        super().__init__(said)
        self.passing = passing


@dataclass(frozen=True, slots=True)
class There:
    """A file at a target; `size` in bytes."""

    name: str
    size: int


class Store(Protocol):
    """One folder on another machine, while the connection stands. All raise StoreFailed."""

    def files(self) -> Iterator[There]:
        """The files in the folder; none where there is no such folder yet."""

    def size(self, name: str) -> int | None:
        """How much of a file is there; None when nothing is."""

    def put(self, file: Path, name: str, begin: int, told: Told) -> None:
        """Send a file from byte `begin` on; what is there up to it stays."""

    def read(self, name: str) -> Iterator[bytes]:
        """A file's bytes, as they lie there."""

    def rename(self, old: str, new: str) -> None:
        """Give a file its name, in place of another that may have it."""

    def delete(self, name: str) -> None:
        """Delete a file; one that is not there is no failure."""


Opener = Callable[[Target, Layout, int], AbstractContextManager[Store]]
"""Connects to a target within so many seconds; the connection ends with the block."""


def blocks(file: Path, begin: int, told: Told) -> Iterator[bytes]:
    """The bytes of a file of ours from `begin` on; tells what was taken."""
    with file.open("rb") as source:
        source.seek(begin)
        told(begin)
        while block := source.read(BLOCK):
            yield block
            told(source.tell())
