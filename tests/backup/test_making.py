"""Making a backup: of one moment, while the machine works, and nothing half when it fails."""

import os
import sqlite3
import subprocess
from contextlib import closing

import pytest

from appliance.apply.errors import NoRoom, Refused
from appliance.apply.trial import Trial, TrialRecord
from appliance.system.backup import collect, write
from appliance.system.backup.records import Records
from appliance.system.backup.write import make
from tests.support.backups import GROUPS, KEYS, database, furnished
from tests.support.companies import company
from tests.support.pretend import pretend_engine

pytestmark = pytest.mark.row("N12")
MEGABYTE = 1024 * 1024


@pytest.fixture
def disk(tmp_path):
    """A file system of 64 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def leftovers(folder):
    return [path for path in folder.rglob("*") if path.name.endswith(".unfinished")]


def test_a_database_in_use_is_copied_with_what_is_only_in_its_journal(layout):
    path = layout.state_of("portal") / "portal.sqlite3"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("INSERT INTO accounts VALUES ('newest')")
        writer.commit()
        with collect.gathered(layout, GROUPS) as found:
            copy = next(each.path for each in found.sources if each.name.endswith("portal.sqlite3"))
            with closing(sqlite3.connect(copy)) as reader:
                names = {row[0] for row in reader.execute("SELECT name FROM accounts")}
    assert "newest" in names


def test_a_damaged_database_stops_the_backup_aloud(layout):
    path = layout.state_of("provisioning") / "provisioning.sqlite3"
    database(path, rows=5000)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    with pytest.raises(Refused, match=r"provisioning\.sqlite3 is damaged"):
        make(layout, "pbx", GROUPS, KEYS)
    assert leftovers(layout.prefix) == []


def test_a_revision_that_waits_for_its_confirmation_is_not_the_one_to_go_on_with(layout):
    TrialRecord(layout.state).write(Trial(3, 2, "waiting", until=2**40, seconds=60))
    assert make(layout, "pbx", GROUPS, KEYS).manifest.about.revision == 2


def test_revisions_that_change_meanwhile_are_gathered_again(layout, monkeypatch):
    engine = pretend_engine(layout.prefix)
    original, applied = os.link, []

    def link(source, target):
        if not applied:
            applied.append(engine.apply(company(9), engine.store.current(), "Ada"))
        original(source, target)

    monkeypatch.setattr(os, "link", link)
    made = make(layout, "pbx", GROUPS, KEYS)
    assert made.manifest.about.revision == applied[0]


def test_a_disk_without_room_is_told_with_what_is_missing(disk, monkeypatch):
    monkeypatch.setattr(write, "SPARE_BYTES", 0)
    layout = furnished(disk)
    with (layout.asterisk_spool / "voicemail/default/215/INBOX/msg0001.wav").open("wb") as file:
        file.write(os.urandom(40 * MEGABYTE))
    with pytest.raises(NoRoom, match=r"the backup needs 4\d MB: free \d+ MB more") as refused:
        make(layout, "pbx", GROUPS, KEYS)
    assert refused.value.details["missing_mb"] > 0
    assert list(layout.backups.iterdir()) == []
    assert leftovers(disk) == []


def test_a_disk_that_fills_up_while_writing_leaves_nothing_half(disk, monkeypatch):
    monkeypatch.setattr(write, "_require_room", lambda *_: None)
    layout = furnished(disk)
    with (layout.asterisk_spool / "voicemail/default/215/INBOX/msg0001.wav").open("wb") as file:
        file.write(os.urandom(40 * MEGABYTE))
    with pytest.raises((NoRoom, OSError)):
        make(layout, "pbx", GROUPS, KEYS)
    assert list(layout.backups.iterdir()) == []
    assert leftovers(disk) == []


def test_the_file_is_for_root_and_the_portal_only(backup):
    assert backup.stat().st_mode & 0o777 == 0o640


def test_a_code_counts_once_its_last_signs_were_typed(layout, tmp_path):
    records = Records(layout)
    old = records.code()
    new = records.propose_code()
    assert records.code() == old
    records.accept_code(new.reveal()[-4:].lower())
    assert records.code() == new


def test_only_one_backup_is_made_at_a_time(layout):
    records = Records(layout)
    with records.only_one(), pytest.raises(Refused, match="under way"), records.only_one():
        pass
