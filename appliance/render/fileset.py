"""Files as values: what stands where, who may read it and who must be told."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class File:
    """One generated file.

    `path` is relative to the root of the file system, e.g. `etc/asterisk/pjsip.conf`.
    `reload` names entries of the reload catalogue (`appliance.asterisk.reloads`).
    """

    path: str
    content: bytes
    reload: tuple[str, ...] = ()
    group: str = "root"
    mode: int = 0o640

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class FileSet:
    """All generated files of one revision, by path in sorted order."""

    files: Mapping[str, File]

    @classmethod
    def of(cls, files: Iterable[File]) -> FileSet:
        """Collect files; two with the same path are a mistake in the program."""
        collected: dict[str, File] = {}
        for file in sorted(files, key=lambda file: file.path):
            if file.path in collected:
                raise ValueError(f"two services render {file.path}")
            collected[file.path] = file
        return cls(collected)

    def __iter__(self) -> Iterator[File]:
        return iter(self.files.values())

    def __len__(self) -> int:
        return len(self.files)

    def get(self, path: str) -> File | None:
        return self.files.get(path)

    @cached_property
    def digest(self) -> str:
        """One hash over paths, contents, groups and modes: equal sets, equal digests."""
        total = hashlib.sha256()
        for file in self:
            total.update(f"{file.path}\0{file.sha256}\0{file.group}\0{file.mode:o}\n".encode())
        return total.hexdigest()
