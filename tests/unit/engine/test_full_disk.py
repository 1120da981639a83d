"""No room on the disk: said clearly, nothing harmed, and as before once there is room."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.apply import stage
from appliance.apply.errors import NoRoom, Undone
from tests.support.companies import company
from tests.support.pretend import PretendEngine, pretend_engine

MEGABYTE = 1024 * 1024
SIZE = 8 * MEGABYTE


class Disk:
    """A small file system and something that fills it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def leave(self, free: int) -> None:
        """Leave so many bytes free."""
        self._ballast.unlink(missing_ok=True)
        now = os.statvfs(self.folder)
        size = now.f_bavail * now.f_frsize - free
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)

    def empty(self) -> None:
        self._ballast.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], check=True)
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def engine(disk, monkeypatch) -> PretendEngine:
    monkeypatch.setattr(stage, "SPARE_BYTES", MEGABYTE)
    engine = pretend_engine(disk.folder)
    engine.apply(company(2), engine.store.current(), "Ada")
    return engine


def apply(engine, state):
    return engine.apply(state, engine.store.current(), "Ada")


def test_a_full_disk_is_named_and_the_revision_in_force_is_untouched(disk, engine):
    before = engine.store.current(), engine.store.numbers()
    disk.leave(MEGABYTE // 2)
    with pytest.raises(NoRoom, match=r"the disk is full: free \d MB more"):
        apply(engine, company(3))
    assert (engine.store.current(), engine.store.numbers()) == before
    assert engine.drift() == {}
    disk.empty()
    assert apply(engine, company(3)) == before[0] + 1


def test_a_disk_that_fills_up_at_any_moment_harms_nothing(disk, engine, monkeypatch):
    monkeypatch.setattr(stage, "SPARE_BYTES", 0)
    monkeypatch.setattr(stage.Stage, "_require_room", lambda *_: None)
    refused = 0
    for free in range(0, 640 * 1024, 16 * 1024):
        before = engine.store.current()
        disk.leave(free)
        try:
            apply(engine, company(3 + free % 5))
        except (NoRoom, Undone):
            refused += 1
            assert engine.store.current() == before
        disk.empty()
        engine.tick()
        assert engine.trial() is None
        assert engine.drift() == {}
        assert not list(disk.folder.rglob("*.unfinished"))
    assert refused > 3
    assert apply(engine, company(9)) == engine.store.current()


def test_a_state_that_cannot_be_written_for_another_reason_is_no_full_disk(engine, monkeypatch):
    def broken(*_):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(engine.store, "stage", broken)
    with pytest.raises(OSError, match="broken"):
        apply(engine, company(3))
