"""A power cut at any moment leaves the old revision or the new one, whole."""

import shutil

import pytest

from appliance.apply import atomic
from tests.support.companies import company
from tests.support.cuts import changes_of, cut_short
from tests.support.pretend import pretend_engine

OLD, NEW = company(2), company(3)


@pytest.fixture
def machine(tmp_path):
    """A machine on which OLD is in force, and a way to get fresh copies of it."""
    original = tmp_path / "original"
    engine = pretend_engine(original)
    engine.apply(OLD, engine.store.current(), "test")
    engine.tick()

    def fresh():
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(original, copy, symlinks=True)
        return copy

    return fresh


def apply_new(folder):
    engine = pretend_engine(folder)
    engine.apply(NEW, engine.store.current(), "test")
    engine.tick()


def worth_cutting(made):
    """All moments, but where one of many files is written or deleted only every tenth."""
    return [
        at for at, change in enumerate(made, start=1) if at % 10 == 0 or not one_of_many(change)
    ]


def one_of_many(change):
    what, _, path = change.partition(" ")
    # Open files are named by number, and deleting a whole folder names no folder.
    return "/candidate/root/" in path or path.isdigit() or (what == "unlink" and "/" not in path)


def check_whole(folder):
    """The engine starts again; what is in force is whole, and so is everything else."""
    engine = pretend_engine(folder)
    current = engine.store.current()
    assert engine.running_state() in (OLD, NEW)
    assert engine.trial() is None
    assert engine.drift() == {}
    assert engine.store.read(current).status == "good"
    assert {revision.status for revision in engine.store.history()} <= {"good", "undone"}
    assert list(folder.rglob(f"*{atomic.UNFINISHED}")) == []
    assert not engine.store.candidate.exists()
    for number in engine.store.numbers():
        engine.difference(number, current)
    return engine


def test_a_cut_at_any_moment_of_an_apply_is_recovered_from(machine):
    folder = machine()
    made = changes_of(folder, lambda: apply_new(folder))
    assert len(made) > 100
    outcomes = set()
    for at in worth_cutting(made):
        folder = machine()
        assert cut_short(folder, at, lambda folder=folder: apply_new(folder)), made[at - 1]
        engine = check_whole(folder)
        outcomes.add(engine.running_state() == NEW)
    assert outcomes == {True, False}


def test_after_a_cut_the_next_apply_works(machine):
    folder = machine()
    made = changes_of(folder, lambda: apply_new(folder))
    for at in worth_cutting(made)[::7]:
        folder = machine()
        cut_short(folder, at, lambda folder=folder: apply_new(folder))
        engine = pretend_engine(folder)
        engine.apply(company(4), engine.store.current(), "test")
        engine.tick()
        assert check_state(folder) == company(4), made[at - 1]


def check_state(folder):
    return pretend_engine(folder).running_state()


def test_a_cut_during_the_very_first_start_is_recovered_from(tmp_path):
    folder = tmp_path / "new"
    made = changes_of(folder, lambda: pretend_engine(folder))
    for at in worth_cutting(made)[::3]:
        shutil.rmtree(folder)
        cut_short(folder, at, lambda: pretend_engine(folder))
        engine = pretend_engine(folder)
        assert engine.store.read(engine.store.current()).status == "good"
        assert engine.drift() == {}


def test_a_cut_while_changes_by_hand_are_restored_can_be_repeated(machine):
    def edited():
        folder = machine()
        engine = pretend_engine(folder)
        files = engine.store.path(engine.store.current()) / "root/etc/asterisk"
        for name in ("logger.conf", "pjsip_phone_auths.conf"):
            (files / name).write_text("by hand")
        return folder

    folder = edited()
    made = changes_of(folder, lambda: pretend_engine(folder).restore())
    for at in range(1, len(made) + 1):
        folder = edited()
        cut_short(folder, at, lambda folder=folder: pretend_engine(folder).restore())
        engine = pretend_engine(folder)
        engine.restore()
        assert engine.drift() == {}, made[at - 1]
