"""The data that a new system's migrations change, as they were before its first start.

Taken before anything of the new system runs, brought back before anything of the former one
does: nobody writes meanwhile, so the copy is whole. Recordings and voicemail lie in
/var/spool, are never migrated, and are not copied.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance import product
from appliance.apply import atomic

LEFT_OUT = ("uploads",)
"""Folders below a process's own that are no data: files that people have sent."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`data` is /var/lib; `place` the copy, `aside` where data go that are replaced; `own`
    is the folder of updates themselves, which is no part of it."""

    data: Path
    place: Path
    aside: Path
    own: Path

    def exists(self) -> bool:
        """Whether there is a whole copy."""
        return self.place.is_dir()

    def size(self) -> int:
        """Bytes that a copy would need now."""
        return sum(_used(folder) for folder in self._folders())

    def take(self) -> None:
        """Copy everything, in the place of an older copy. OSError when that fails."""
        scratch = self.place.with_name(f".{self.place.name}{atomic.UNFINISHED}")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700, parents=True)
        for folder in self._folders():
            _copy(folder, scratch / folder.name)
            for name in LEFT_OUT:
                shutil.rmtree(scratch / folder.name / name, ignore_errors=True)
        _on_the_disk()
        shutil.rmtree(self.place, ignore_errors=True)
        os.rename(scratch, self.place)
        atomic.sync_folder(self.place.parent)

    def bring_back(self) -> None:
        """Put the copy where it was taken; what stands there goes aside.

        May be repeated after a power cut: a folder that is aside already stays there.
        """
        self.aside.mkdir(mode=0o700, parents=True, exist_ok=True)
        for kept in sorted(self.place.iterdir()):
            target, aside = self.data / kept.name, self.aside / kept.name
            scratch = atomic.scratch_name(target)
            _copy(kept, scratch)
            _on_the_disk()
            if target.exists() and not aside.exists():
                _move(target, aside)
            shutil.rmtree(target, ignore_errors=True)
            os.rename(scratch, target)
            atomic.sync_folder(self.data)

    def exchange(self) -> None:
        """Bring the copy back, and keep what it replaces as the new copy. May be repeated."""
        if self.place.is_dir():
            self.bring_back()
            shutil.rmtree(self.place)
        os.rename(self.aside, self.place)
        atomic.sync_folder(self.place.parent)

    def forget_aside(self) -> None:
        """Remove what was put aside when a trial was left."""
        shutil.rmtree(self.aside, ignore_errors=True)

    def _folders(self) -> Iterator[Path]:
        """Every folder of data: the engine's, and each process's."""
        for folder in sorted(self.data.glob(f"{product.SLUG}*")):
            if folder.is_dir() and not folder.is_symlink() and folder != self.own:
                yield folder


def _used(folder: Path) -> int:
    done = subprocess.run(
        ["du", "--summarize", "--block-size=1", str(folder)], capture_output=True, text=True
    )
    return int(done.stdout.split()[0]) if done.stdout else 0


def _copy(source: Path, target: Path) -> None:
    """Owners, modes, times, links and all (cp(1)); OSError with its words when it fails."""
    command = ["cp", "--archive", "--reflink=auto", str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OSError(errno.EIO, done.stderr.strip()[-300:] or "cp failed")


def _move(source: Path, target: Path) -> None:
    """Rename; where an overlay refuses that for a folder of its lower layer, copy."""
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        scratch = atomic.scratch_name(target)
        _copy(source, scratch)
        os.rename(scratch, target)


def _on_the_disk() -> None:
    os.sync()
