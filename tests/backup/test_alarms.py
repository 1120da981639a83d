"""What is wrong with backups shows in the list of alarms."""

import datetime
from dataclasses import replace

import pytest

from appliance.services import organisation, registry
from appliance.system.alarm_kinds import KINDS
from appliance.system.backup import watch
from appliance.system.backup.records import Copied, Record, Records, Run
from tests.support.backups import furnished

pytestmark = pytest.mark.row("N12")
NOW = datetime.datetime(2026, 1, 10, 12, tzinfo=datetime.UTC)
COMPANY = registry.empty_state().replaced(organisation=organisation.State(name="Val d'Enza"))
RECORD = Record("pbx-x.backup", "2026-01-10T02:00:00+00:00", 1, "0" * 64, 1, 1)


@pytest.fixture
def layout(tmp_path):
    return furnished(tmp_path / "machine")


def alarms(layout, state=COMPANY, now=NOW):
    found = list(watch.look(layout, state, now))
    assert all(each.name in KINDS for each in found)
    return [(each.name, each.subject) for each in found]


def test_a_machine_that_serves_nobody_yet_needs_no_backup(layout):
    (layout.backup_records / "code").unlink()
    assert alarms(layout, registry.empty_state()) == []


def test_a_company_without_a_recovery_code_is_told(layout):
    (layout.backup_records / "code").unlink()
    assert alarms(layout) == [("backup-not-set-up", "")]


def test_a_good_night_raises_nothing(layout):
    Records(layout).add(RECORD)
    Records(layout).ended(Run("2026-01-10T02:00:10+00:00", "night"))
    assert alarms(layout) == []


def test_two_nights_without_a_backup_are_an_alarm(layout):
    Records(layout).add(RECORD)
    assert alarms(layout, now=NOW + datetime.timedelta(days=1)) == []
    late = alarms(layout, now=NOW + datetime.timedelta(days=1, hours=3))
    assert late == [("backup-late", "")]


def test_each_target_that_failed_is_named(layout):
    copies = (Copied("nas", RECORD.created, "NAS: refused"), Copied("cloud", RECORD.created))
    Records(layout).add(replace(RECORD, copies=copies))
    Records(layout).ended(Run(RECORD.created, "night", "targetfailed", "NAS: refused"))
    assert alarms(layout) == [("backup-failed", "nas")]


def test_a_rehearsal_that_failed_is_an_alarm_of_its_own(layout):
    Records(layout).add(RECORD)
    Records(layout).ended(Run(RECORD.created, "night", "notrehearsed", "215 is missing"))
    assert alarms(layout) == [("rehearsal-failed", "")]


def test_a_full_disk_is_an_alarm(layout):
    Records(layout).ended(Run(RECORD.created, "night", "noroom", "free 3 MB more"))
    assert [name for name, _subject in alarms(layout)] == ["backup-failed"]
