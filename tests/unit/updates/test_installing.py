"""A bundle is written beside the running system, or not at all."""

import json

import pytest

from appliance.disk.layout import MIB
from appliance.updates import records
from appliance.updates.release import Release, Schemas
from appliance.updates.requests import Request
from appliance.updates.sources import Source
from tests.support.slots import RUNNING
from tools.image import signing

NEW = Source("folder", "new.update")


def done(machine, verb="install", **options):
    """What `work.json` says after a request."""
    machine.worker().run(Request(verb, by="ada", **options))
    return machine.kept.read("work")


def said(work):
    return work["error"]["text"] % work["error"]["values"]


def test_a_good_update_lies_in_the_other_slot_and_waits(machine):
    machine.lay()
    work = done(machine, source=NEW)
    assert work["error"] is None
    assert work["result"]["release"]["version"] == "1.1.0"
    assert machine.device("B").read_bytes().startswith(b"system" * 100_000)
    assert (machine.folder / "esp/B/vmlinuz").read_bytes() == b"kernel" * 999
    assert machine.release_of_other.version == "1.1.0"
    assert machine.words == {"slot": "A"}
    assert [event["what"] for event in machine.kept.history()] == ["installed"]


def test_what_runs_is_never_written_to(machine):
    machine.lay()
    before = machine.device("A").read_bytes()
    done(machine, source=NEW)
    assert machine.device("A").read_bytes() == before
    assert list((machine.folder / "esp/A").iterdir()) == []


def test_a_wrong_signature_changes_nothing_at_all(machine):
    stranger = machine.folder / "stranger.pem"
    signing.make_key(stranger)
    machine.lay(key=stranger)
    before = machine.device("B").read_bytes()
    assert "signature" in said(done(machine, source=NEW))
    assert machine.device("B").read_bytes() == before
    assert machine.release_of_other is None


def test_a_part_that_is_damaged_leaves_a_slot_that_nobody_starts(machine):
    file = machine.lay()
    done(machine, source=NEW)
    content = bytearray(file.read_bytes())
    content[-20_000] ^= 1
    file.write_bytes(content)
    assert "damaged" in said(done(machine, source=NEW))
    assert machine.release_of_other is None
    assert "no whole system" in said(done(machine, "start"))
    assert machine.restarts == []


def test_an_update_that_was_cut_off_can_be_repeated(machine):
    class PowerCut(BaseException):
        pass

    def cut(step, share):
        if step == "system" and share > 0.5:
            raise PowerCut

    machine.lay(system=b"x" * 3 * MIB)
    worker = machine.worker()
    worker.tell = cut
    with pytest.raises(PowerCut):
        worker.run(Request("install", source=NEW))
    assert machine.release_of_other is None
    assert done(machine, source=NEW)["error"] is None
    assert machine.release_of_other.version == "1.1.0"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"version": "0.9.9"}, "older"),
        ({"version": "2.0.0", "from_at_least": "1.5"}, "Install version 1.5 first"),
        ({"schemas": Schemas(0, 1)}, "cannot read the data"),
        ({"schemas": Schemas(1, 0)}, "cannot read the data"),
        ({"system": b"x" * 5 * MIB}, "larger than the place"),
    ],
)
def test_an_update_that_must_not_follow_is_refused_with_the_reason(machine, changes, sentence):
    machine.lay(**changes)
    assert sentence in said(done(machine, "check", source=NEW))
    assert sentence in said(done(machine, source=NEW))
    assert machine.device("B").read_bytes().count(0) == 4 * MIB


def test_the_running_version_may_be_installed_again(machine):
    machine.lay(version=RUNNING.version)
    assert done(machine, source=NEW)["error"] is None


def test_progress_is_shown_and_work_can_be_stopped(machine):
    machine.lay()
    steps = []
    worker = machine.worker()
    tell = worker.tell

    def noting(step, share):
        steps.append((step, share))
        if step == "reading_back":
            machine.kept.cancelled.touch()
        tell(step, share)

    worker.tell = noting
    worker.run(Request("install", source=NEW))
    assert {"checking", "system", "reading_back"} <= {step for step, _share in steps}
    assert "stopped" in said(machine.kept.read("work"))
    assert machine.release_of_other is None


def test_an_upload_that_was_installed_is_removed_and_others_are_not(machine):
    laid = machine.lay()
    uploads = machine.layout.state_of("portal") / "uploads"
    uploads.mkdir(parents=True)
    (uploads / "sent.update").write_bytes(laid.read_bytes())
    assert done(machine, source=Source("upload", "sent.update"))["error"] is None
    assert not (uploads / "sent.update").exists()
    done(machine, source=NEW)
    assert laid.exists()


def test_a_link_in_the_place_of_an_upload_is_not_followed(machine):
    laid = machine.lay()
    uploads = machine.layout.state_of("portal") / "uploads"
    uploads.mkdir(parents=True)
    (uploads / "sent.update").symlink_to(laid)
    assert "not there" in said(done(machine, source=Source("upload", "sent.update")))


def test_updates_that_lie_in_the_folder_are_listed_with_what_they_are(machine, monkeypatch):
    monkeypatch.setattr("appliance.updates.sources._volumes", lambda: iter(()))
    machine.lay("good.update")
    machine.lay("old.update", version="0.1")
    (machine.layout.prefix / "data/updates/bad name.update").write_bytes(b"")
    found = done(machine, "find")["result"]
    assert [each["source"]["name"] for each in found] == ["good.update", "old.update"]
    assert found[0]["bundle"]["release"]["version"] == "1.1.0"
    assert "older" in found[1]["error"]["text"]


def test_damaged_records_are_as_good_as_none(tmp_path):
    kept = records.Records(tmp_path)
    (tmp_path / "history.json").write_text("{broken")
    assert kept.history() == []
    kept.note("installed", version="1")
    assert json.loads((tmp_path / "history.json").read_text())["events"][0]["version"] == "1"


def test_versions_compare_as_numbers():
    from appliance.updates.release import ordered

    assert ordered("1.10") > ordered("1.9.9")
    assert ordered("1.2") == ordered("1.2.0")
    assert Release("1.2", "-", Schemas()).version == "1.2"
