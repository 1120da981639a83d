"""Copies elsewhere, at real servers: they arrive whole, or it is said clearly why not."""

import datetime
import re
from contextlib import ExitStack
from dataclasses import replace

import pytest

from appliance.state.fields import Secret
from appliance.system.backup import targets, work
from appliance.system.backup.errors import TargetFailed
from appliance.system.backup.records import Records, Rehearsal
from appliance.system.backup.stores import s3, smb, ssh_keys
from appliance.system.backup.targets import Patience, Remote
from appliance.system.backup.work import Site
from tests.support.backups import GROUPS, furnished
from tests.support.stores import s3_server, sftp_server, smb_server

pytestmark = pytest.mark.row("N12")
SOON = Patience(attempts=1, pause_s=0, connect_s=3)


@pytest.fixture(scope="module")
def layout(tmp_path_factory):
    return furnished(tmp_path_factory.mktemp("machine"))


@pytest.fixture(params=["sftp", "smb", "s3"])
def store(request, layout):
    servers = {"smb": smb_server, "s3": s3_server}
    if request.param == "sftp":
        with sftp_server(ssh_keys.public_key(layout)) as store:
            store.target = recognised(store.target)
            yield store
    else:
        with servers[request.param]() as store:
            yield store


def recognised(target):
    seen = ssh_keys.host_keys(target.address, target.port)
    return replace(target, host_keys=tuple(each.key for each in seen))


def file_of(folder, name="pbx-20260101T000000Z.backup", content=b"backup" * 9999):
    file = folder / name
    file.write_bytes(content)
    return file, targets.sha256_of(file)


def test_a_copy_arrives_under_its_name_and_comes_back_as_it_was(store, layout, tmp_path):
    remote = Remote(store.target, layout, SOON)
    file, sha256 = file_of(tmp_path)
    remote.send(file, sha256)
    assert [(each.name, each.size) for each in remote.backups()] == [(file.name, 59994)]
    remote.fetch(file.name, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == file.read_bytes()


def test_only_the_newest_copies_of_this_machine_are_kept(store, layout, tmp_path):
    remote = Remote(replace(store.target, keep=2), layout, SOON)
    for day in (1, 2, 3):
        remote.send(*file_of(tmp_path, f"pbx-2026010{day}T000000Z.backup"))
    remote.send(*file_of(tmp_path, "other-20250101T000000Z.backup"))
    assert remote.keep_newest("pbx") == ["pbx-20260101T000000Z.backup"]
    assert [each.name for each in remote.backups()] == [
        "pbx-20260103T000000Z.backup",
        "pbx-20260102T000000Z.backup",
        "other-20250101T000000Z.backup",
    ]


def test_a_copy_that_is_not_the_original_never_gets_its_name(store, layout, tmp_path):
    remote = Remote(store.target, layout, SOON)
    file, _sha256 = file_of(tmp_path)
    with pytest.raises(TargetFailed, match="differs"):
        remote.send(file, "0" * 64)
    assert remote.backups() == []


def test_a_target_that_is_tried_is_left_empty(store, layout, tmp_path):
    remote = Remote(store.target, layout, SOON)
    remote.try_out(file_of(tmp_path)[0])
    assert remote.backups() == []


def test_a_server_that_is_off_is_named_with_the_reason(store, layout, tmp_path):
    store.stop()
    with pytest.raises(TargetFailed, match=rf"^{store.target.name}: .*(refused|not answer)"):
        Remote(store.target, layout, SOON).send(*file_of(tmp_path))


def test_a_server_with_another_host_key_gets_nothing(layout, tmp_path):
    with sftp_server(ssh_keys.public_key(layout)) as real:
        other = recognised(real.target).host_keys
    with sftp_server(ssh_keys.public_key(layout)) as store:
        remote = Remote(replace(store.target, host_keys=other), layout, SOON)
        with pytest.raises(TargetFailed, match="its host key differs"):
            remote.send(*file_of(tmp_path))
        assert list(store.folder.iterdir()) == []


def test_a_wrong_password_is_told_and_shows_nowhere(layout, tmp_path):
    with smb_server("right one") as store:
        remote = Remote(replace(store.target, password=Secret("wrong one")), layout, SOON)
        with pytest.raises(TargetFailed) as refused:
            remote.send(*file_of(tmp_path))
        assert "wrong one" not in str(refused.value)


def test_a_name_from_elsewhere_cannot_lead_to_another_folder(layout, tmp_path):
    with sftp_server(ssh_keys.public_key(layout)) as store:
        remote = Remote(recognised(store.target), layout, SOON)
        with pytest.raises(TargetFailed, match="not the name of a backup"):
            remote.fetch("../../etc/passwd", tmp_path / "back")


@pytest.fixture(params=["sftp", "smb"])
def resuming(request, layout):
    if request.param == "smb":
        with smb_server() as store:
            yield store
    else:
        with sftp_server(ssh_keys.public_key(layout)) as store:
            store.target = recognised(store.target)
            yield store


def test_an_upload_that_broke_off_goes_on_where_it_stopped(resuming, layout, tmp_path):
    file, sha256 = file_of(tmp_path, content=bytes(range(256)) * 4096)
    resuming.folder.mkdir(exist_ok=True)
    half = resuming.folder / f"{file.name}{targets.UNFINISHED}"
    half.write_bytes(file.read_bytes()[: 512 * 1024])
    steps = []
    remote = Remote(resuming.target, layout, SOON)
    remote.send(file, sha256, steps.append)
    assert steps[0] == f"copying 50 {resuming.target.name}"
    remote.fetch(file.name, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == file.read_bytes()


def test_half_a_file_of_something_else_is_not_taken_for_the_beginning(resuming, layout, tmp_path):
    file, sha256 = file_of(tmp_path)
    resuming.folder.mkdir(exist_ok=True)
    (resuming.folder / f"{file.name}{targets.UNFINISHED}").write_bytes(b"else")
    remote = Remote(resuming.target, layout, SOON)
    with pytest.raises(TargetFailed, match="differs"):
        remote.send(file, sha256)
    remote.send(file, sha256)
    assert [each.name for each in remote.backups()] == [file.name]


def test_what_broken_off_uploads_have_left_is_tidied_up(store, layout, tmp_path):
    remote = Remote(store.target, layout, SOON)
    file, sha256 = file_of(tmp_path)
    remote.send(file, sha256)
    with remote._opened() as there:
        there.put(file, f"{file.name}{targets.UNFINISHED}", 0, lambda _done: None)
    remote.keep_newest("pbx")
    with remote._opened() as there:
        assert [each.name for each in there.files()] == [file.name]


def test_sending_and_reading_back_are_told_in_percents(store, layout, tmp_path):
    steps = []
    file, sha256 = file_of(tmp_path, content=b"backup" * 200_000)
    Remote(store.target, layout, SOON).send(file, sha256, steps.append)
    assert steps.index(f"copying 100 {store.target.name}") < steps.index(
        f"reading 100 {store.target.name}"
    )
    assert len(steps) > 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password": Secret("wrong")}, "refuses user or password"),
        ({"folder": "elsewhere/pbx"}, "no such share"),
    ],
)
def test_what_a_share_refuses_is_said_at_once_and_not_tried_again(layout, tmp_path, changes, said):
    patient = Patience(attempts=3, pause_s=600, connect_s=3)
    with smb_server() as store:
        remote = Remote(replace(store.target, **changes), layout, patient)
        with pytest.raises(TargetFailed, match=said):
            remote.send(*file_of(tmp_path))


# The library complains that it could not close the file over there.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_share_that_falls_silent_is_given_up(layout, tmp_path, monkeypatch):
    monkeypatch.setattr(smb, "SILENT_FOR_S", 2)
    file, sha256 = file_of(tmp_path, content=b"backup" * 5_000_000)
    with smb_server() as store, ExitStack() as ended:

        def freeze_half_way(step):
            if re.match(r"copying [1-9]", step) and not frozen:
                frozen.append(ended.enter_context(store.frozen()))

        frozen = []
        with pytest.raises(TargetFailed, match="silent for 2 seconds"):
            Remote(store.target, layout, SOON).send(file, sha256, freeze_half_way)


def test_a_bucket_that_is_not_there_is_named(layout, tmp_path):
    with s3_server() as store:
        remote = Remote(replace(store.target, folder="other/pbx"), layout, SOON)
        with pytest.raises(TargetFailed, match="no such bucket"):
            remote.send(*file_of(tmp_path))


def test_a_server_that_does_not_know_this_machine_says_what_to_do(layout, tmp_path):
    stranger = furnished(tmp_path / "stranger")
    with sftp_server(ssh_keys.public_key(stranger)) as store:
        remote = Remote(recognised(store.target), layout, SOON)
        with pytest.raises(TargetFailed, match="add it to authorized_keys"):
            remote.send(*file_of(tmp_path))


def test_a_big_file_goes_to_object_storage_in_parts(layout, tmp_path, monkeypatch):
    monkeypatch.setattr(s3, "PART", 5 * 1024 * 1024)
    file, sha256 = file_of(tmp_path, content=bytes(range(256)) * 48_000)
    with s3_server() as store:
        remote = Remote(store.target, layout, SOON)
        remote.send(file, sha256)
        assert [(each.name, each.size) for each in remote.backups()] == [
            (file.name, file.stat().st_size)
        ]


# ── the whole course ──────────────────────────────────────────────────────────────────


GOOD = Rehearsal("2026-01-01T00:00:00+00:00", True, 3, 100, ("whole",))


@pytest.fixture
def machine(tmp_path):
    return furnished(tmp_path / "machine")


def site(layout, rehearsal=GOOD):
    return Site(layout, "pbx", GROUPS, lambda _name: rehearsal, SOON)


def test_a_backup_is_made_copied_rehearsed_and_written_down(machine, monkeypatch):
    with sftp_server(ssh_keys.public_key(machine)) as store:
        wanted = replace(work.wishes(machine), targets=(recognised(store.target),))
        monkeypatch.setattr(work, "wishes", lambda _layout: wanted)
        record = work.run(site(machine), "night")
        assert [path.name for path in store.folder.iterdir()] == [record.name]
    assert record.rehearsal == GOOD
    assert [(each.target, each.problem) for each in record.copies] == [("offsite", "")]
    assert Records(machine).read().last.trigger == "night"
    assert work.step_now(machine) == ""


def test_a_target_that_fails_stops_nothing_and_is_told(machine, monkeypatch):
    with smb_server() as store:
        store.stop()
        wanted = replace(work.wishes(machine), targets=(store.target,))
        monkeypatch.setattr(work, "wishes", lambda _layout: wanted)
        record = work.run(site(machine), "hand")
    assert (machine.backups / record.name).exists()
    last = Records(machine).read().last
    assert last.kind == "targetfailed"
    assert last.message.startswith("NAS: ")


def test_a_rehearsal_that_fails_is_the_outcome_of_the_night(machine):
    bad = replace(GOOD, passed=False, faults=("extension 215 is not there",))
    work.run(site(machine, bad), "night")
    last = Records(machine).read().last
    assert (last.kind, last.message) == ("notrehearsed", "extension 215 is not there")


def test_without_a_code_no_backup_is_made_and_that_is_told(machine):
    (machine.backup_records / "code").unlink()
    with pytest.raises(Exception, match="make a recovery code first"):
        work.run(site(machine), "hand")
    assert Records(machine).read().last.kind == "nocode"
    assert not machine.backups.exists()


def test_old_backups_go_but_never_the_newest_that_was_proved(machine):
    records = Records(machine)
    bad = replace(GOOD, passed=False, faults=("no",))
    names = []
    for day, rehearsal in enumerate((GOOD, bad, bad, bad), start=1):
        moment = datetime.datetime(2026, 1, day, tzinfo=datetime.UTC).timestamp()
        made = work.make(machine, "pbx", GROUPS, records.keys(), clock=lambda m=moment: m)
        records.add(replace(work._record(made), rehearsal=rehearsal))
        names.append(made.path.name)
    gone = work.tidy(machine, records, replace(work.wishes(machine), keep=2))
    assert gone == [names[1]]
    assert sorted(path.name for path in machine.backups.iterdir()) == [names[0], *names[2:]]
    assert not records.read().find(names[1]).here


@pytest.mark.parametrize(
    ("hour", "made", "due"),
    [
        ("2026-01-02T02:01", "2026-01-01T02:00:05", True),
        ("2026-01-02T01:59", "2026-01-01T02:00:05", False),
        ("2026-01-02T09:00", "2026-01-02T02:00:05", False),
        ("2026-01-05T09:00", "2026-01-02T02:00:05", True),
    ],
)
def test_the_nightly_backup_is_due_once_a_day_and_made_later_if_the_machine_was_off(
    machine, hour, made, due
):
    moment = datetime.datetime.fromisoformat(f"{made}+00:00").timestamp()
    records = Records(machine)
    backup = work.make(machine, "pbx", GROUPS, records.keys(), clock=lambda: moment)
    records.add(work._record(backup))
    assert work.due(machine, datetime.datetime.fromisoformat(f"{hour}+00:00")) is due
