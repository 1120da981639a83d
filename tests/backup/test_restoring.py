"""Restoring: all or nothing, whatever happens on the way."""

import json
import os
import shutil

import pytest

from appliance.apply.revisions import RevisionStore
from appliance.state.machine import Layout
from appliance.system.backup import place
from appliance.system.backup.errors import BadBackup
from appliance.system.backup.restore import order_restore
from appliance.system.backup.write import make
from appliance.system.machine import read_facts
from tests.support.backups import CODE, GROUPS, KEYS, blank, forged, kept, whole
from tests.support.companies import company
from tests.support.cuts import changes_of, cut_short
from tests.support.pretend import pretend_engine

pytestmark = pytest.mark.row("N12")


@pytest.fixture
def new(tmp_path):
    return blank(tmp_path / "new")


def restore(layout, backup, identity="keep"):
    order_restore(layout, backup, CODE, identity)
    place.finish(layout, GROUPS)


def test_a_blank_machine_becomes_the_one_that_was_backed_up(layout, backup, new, count):
    before = kept(layout)
    restore(new, backup)
    assert kept(new) == before
    assert count(new) == 3
    assert whole(new)
    assert not new.restore.exists()


def test_the_engine_goes_on_with_the_restored_state(backup, new):
    restore(new, backup)
    engine = pretend_engine(new.prefix)
    assert engine.running_state() == company(4)
    assert engine.apply(company(5), engine.store.current(), "Ada") == 4


def test_what_the_machine_had_beyond_the_backup_is_gone(backup, new):
    extra = new.asterisk_spool / "voicemail/default/999/INBOX/msg0000.wav"
    extra.parent.mkdir(parents=True)
    extra.write_bytes(b"RIFF")
    restore(new, backup)
    assert not extra.exists()


def test_a_machine_keeps_its_own_name_and_ports_unless_told_otherwise(backup, new):
    restore(new, backup)
    assert (new.prefix / "etc/hostname").read_text() == "new-pbx\n"
    assert read_facts(new).host_name == "new-pbx"
    assert read_facts(new).web_port == 8443


def test_a_machine_takes_name_and_address_of_the_other_by_choice(backup, new):
    restore(new, backup, "take")
    facts = read_facts(new)
    assert (new.prefix / "etc/hostname").read_text() == "old-pbx\n"
    assert (facts.host_name, facts.addresses) == ("old-pbx", ("192.0.2.7",))
    assert facts.web_port == 8443


def test_its_first_start_is_still_its_own(backup, new):
    restore(new, backup)
    assert (new.state / "first-boot.json").exists()


def test_secrets_stay_readable_for_root_alone(backup, new):
    shutil.rmtree(new.state / "secrets")
    restore(new, backup)
    assert (new.state / "secrets").stat().st_mode & 0o777 == 0o700
    assert (new.state / "secrets/portal-data").stat().st_mode & 0o777 == 0o600


def test_files_belong_to_whoever_owns_the_folder_on_this_machine(backup, new):
    os.chown(new.state_of("portal"), 4711, 4712)
    restore(new, backup)
    status = (new.state_of("portal") / "portal.sqlite3").stat()
    assert (status.st_uid, status.st_gid) == (4711, 4712)


def test_a_journal_of_the_former_database_does_not_reach_the_restored_one(backup, new, count):
    journal = new.state_of("portal") / "portal.sqlite3-wal"
    journal.write_bytes(b"stale")
    restore(new, backup)
    assert not journal.exists() or journal.stat().st_size == 0
    assert count(new) == 3


def test_a_refused_backup_leaves_the_machine_as_it_was(backup, new, tmp_path):
    before = kept(new)
    file = forged(backup, tmp_path / "bad.backup", lambda members: members[:-1])
    with pytest.raises(BadBackup):
        order_restore(new, file, CODE, "keep")
    assert kept(new) == before
    assert not new.restore.exists()
    assert place.finish(new, GROUPS) is None


def test_a_state_that_makes_no_sense_is_refused_before_anything_is_replaced(
    layout, new, tmp_path, backup
):
    state = layout.state / "revisions/000003/state.json"
    state.write_text(json.dumps({"schema_version": 1, "services": {"extensions": 5}}))
    broken = make(layout, "broken", GROUPS, KEYS).path
    with pytest.raises(BadBackup, match="configuration"):
        order_restore(new, broken, CODE, "keep")


def test_a_state_that_does_not_run_here_is_refused_before_anything_is_replaced(backup, new):
    def never(_state):
        raise BadBackup("does not boot")

    with pytest.raises(BadBackup, match="does not boot"):
        order_restore(new, backup, CODE, "keep", prove=never)
    assert place.ordered(new) is None


def test_a_cut_at_any_moment_leaves_the_old_machine_or_the_new_one(layout, backup, tmp_path):
    original = blank(tmp_path / "original").prefix
    copy = tmp_path / "copy"

    def fresh():
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(original, copy, symlinks=True)
        return Layout(copy)

    old, wanted = kept(Layout(original)), kept(layout)
    machine = fresh()
    made = changes_of(copy, lambda: restore(machine, backup))
    assert len(made) > 100
    outcomes = set()
    for at in range(1, len(made) + 1, len(made) // 24):
        machine = fresh()
        cut_short(copy, at, lambda machine=machine: restore(machine, backup))
        place.finish(machine, GROUPS)
        now = kept(machine)
        assert now in (old, wanted), made[at - 1]
        assert whole(machine)
        assert not machine.restore.exists()
        assert list(copy.rglob("*.unfinished")) == []
        outcomes.add(now == wanted)
    assert outcomes == {True, False}


def test_a_cut_while_the_order_is_carried_out_is_finished_by_the_next_start(backup, tmp_path):
    machine = blank(tmp_path / "machine")
    order_restore(machine, backup, CODE, "keep")
    assert cut_short(machine.prefix, 25, lambda: place.finish(machine, GROUPS))
    place.finish(machine, GROUPS)
    assert whole(machine)
    assert RevisionStore(machine.state, GROUPS).current() == 3
