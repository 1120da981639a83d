"""A new system is tried with a copy of the data kept, and left with the data as they were."""

import shutil

import pytest

from appliance.disk import environment
from appliance.system import slots
from appliance.updates import trial
from appliance.updates.release import Release, Schemas
from appliance.updates.requests import Request
from appliance.updates.sources import Source
from tests.support.slots import RUNNING

NEW = Release("1.1.0", "2026-02-01T00:00:00+00:00", Schemas(1, 2))


@pytest.fixture
def data(machine):
    """A file of the portal's, which a migration would change."""
    folder = machine.layout.state_of("portal")
    (folder / "uploads").mkdir(parents=True)
    (folder / "uploads/large.update").write_bytes(b"x")
    (folder / "portal.sqlite3").write_text("first form")
    return folder / "portal.sqlite3"


def start(machine, **options):
    machine.worker().run(Request("start", by="ada", **options))
    return machine.kept.read("work")


def said(work):
    return work["error"]["text"] % work["error"]["values"]


@pytest.fixture
def installed(machine, data):
    machine.lay(schemas=NEW.schemas)
    machine.worker().run(Request("install", source=Source("folder", "new.update")))
    assert start(machine)["error"] is None
    assert machine.words == {"slot": "A", "try": "B"}
    # The boot loader clears the word before it starts the slot.
    environment.update(machine.folder / "esp/grub/grubenv", **{"try": None})
    return machine


def migrated(machine, data):
    """The new system starts and changes the form of the data."""
    machine.starts("B", NEW)
    assert machine.at_start() == 0
    data.write_text("second form")


def test_a_system_that_works_is_kept_and_the_copy_stays(installed, data):
    migrated(installed, data)
    assert slots.settle(installed.disk, lambda: []) == []
    trial.keep(installed.kept, "B")
    assert installed.words == {"slot": "B"}
    assert installed.kept.history()[0]["what"] == "kept"
    assert installed.kept.read("trial") == {}
    assert data.read_text() == "second form"
    assert installed.kept.read("snapshot")["version"] == "1.0.0"


def test_after_a_system_that_does_not_come_up_the_data_are_as_before(installed, data):
    migrated(installed, data)
    why = slots.settle(installed.disk, lambda: ["portal: gone"], within_s=0)
    trial.leave(installed.kept, "B", why)
    installed.starts("A", RUNNING)
    installed.at_start()
    assert data.read_text() == "first form"
    event = installed.kept.history()[0]
    assert (event["what"], event["why"]) == ("returned", ["portal: gone"])
    aside = installed.kept.aside / "centralino-portal/portal.sqlite3"
    assert aside.read_text() == "second form"


def test_a_system_that_did_not_even_start_is_told_apart(installed, data):
    installed.at_start()
    event = installed.kept.history()[0]
    assert (event["what"], event["started"]) == ("returned", False)
    assert data.read_text() == "first form"


def test_a_power_cut_while_data_are_brought_back_loses_nothing(installed, data, monkeypatch):
    migrated(installed, data)
    installed.starts("A", RUNNING)

    class PowerCut(Exception):
        pass

    real = shutil.rmtree

    def cut(path, **options):
        if str(path) == str(data.parent):
            raise PowerCut
        real(path, **options)

    monkeypatch.setattr(shutil, "rmtree", cut)
    with pytest.raises(PowerCut):
        installed.at_start()
    monkeypatch.undo()
    installed.at_start()
    assert data.read_text() == "first form"
    assert (installed.kept.aside / "centralino-portal/portal.sqlite3").exists()
    assert installed.kept.read("trial") == {}


def test_without_room_for_the_copy_nothing_is_tried(installed, data, monkeypatch):
    def full(_self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("appliance.updates.snapshot.Snapshot.take", full)
    installed.starts("B", NEW)
    assert installed.at_start() == 1
    installed.starts("A", RUNNING)
    installed.at_start()
    assert "No space left" in installed.kept.history()[0]["why"][0]
    assert data.read_text() == "first form"


def test_uploads_are_no_data_to_copy(installed, data):
    migrated(installed, data)
    assert not (installed.kept.snapshot / "centralino-portal/uploads").exists()
    assert not (installed.kept.snapshot / "centralino-updates").exists()


def test_a_second_start_of_the_tried_system_keeps_the_first_copy(installed, data):
    migrated(installed, data)
    installed.at_start()
    assert (installed.kept.snapshot / "centralino-portal/portal.sqlite3").read_text() == (
        "first form"
    )


def kept_new(installed, data):
    migrated(installed, data)
    slots.settle(installed.disk, lambda: [])
    trial.keep(installed.kept, "B")
    release_file = installed.folder / "esp/A/release.json"
    from appliance.updates import release

    release_file.write_bytes(release.as_bytes(RUNNING))


def test_going_back_by_hand_needs_the_data_of_that_time(installed, data):
    kept_new(installed, data)
    assert "cannot read the data" in said(start(installed))
    assert installed.restarts == ["B"]
    assert start(installed, old_data=True)["error"] is None
    installed.starts("A", RUNNING)
    installed.at_start()
    assert data.read_text() == "first form"
    trial.keep(installed.kept, "A")
    assert installed.kept.read("snapshot")["version"] == "1.1.0"
    copy = installed.kept.snapshot / "centralino-portal/portal.sqlite3"
    assert copy.read_text() == "second form"


def test_a_return_by_hand_that_fails_has_todays_data_again(installed, data):
    kept_new(installed, data)
    start(installed, old_data=True)
    installed.starts("A", RUNNING)
    installed.at_start()
    installed.starts("B", NEW)
    installed.at_start()
    assert data.read_text() == "second form"


def test_without_a_copy_of_its_time_an_older_system_is_not_started(installed, data):
    kept_new(installed, data)
    shutil.rmtree(installed.kept.snapshot)
    assert "no copy" in said(start(installed, old_data=True))


def test_a_start_waits_until_nobody_is_in_a_call(machine, data):
    machine.lay()
    machine.worker().run(Request("install", source=Source("folder", "new.update")))
    machine.calls = 3
    start(machine, quiet=True)
    assert len(machine.waits) == 3
    assert machine.restarts == ["B"]


def test_a_start_that_waits_can_be_stopped(machine, data):
    machine.lay()
    machine.worker().run(Request("install", source=Source("folder", "new.update")))
    worker = machine.worker()
    worker.pause = lambda _seconds: machine.kept.cancelled.touch()
    worker.run(Request("start", not_before="2999-01-01T00:00:00+00:00"))
    assert "stopped" in said(machine.kept.read("work"))
    assert machine.words == {"slot": "A"}


def test_while_a_system_is_tried_nothing_is_written_and_nothing_started(installed, data):
    migrated(installed, data)
    assert "being tried" in said(start(installed))
    installed.worker().run(Request("install", source=Source("folder", "new.update")))
    assert "being tried" in said(installed.kept.read("work"))
