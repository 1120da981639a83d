"""What the engine decides on the way from a state to a revision."""

import pytest

from appliance.apply.engine import KEPT_REVISIONS
from appliance.apply.errors import Conflict, HandMade, NotProved, Refused, Unconfirmed, Undone
from appliance.services import asterisk_core
from appliance.state.faults import StateError
from appliance.verify.readback import Mismatch
from tests.support.companies import company, telephone, with_new_password, with_new_ring_time
from tests.support.pretend import pretend_engine


@pytest.fixture
def engine(tmp_path):
    return pretend_engine(tmp_path)


def apply(engine, state, **options):
    return engine.apply(state, engine.store.current(), "Ada", "a reason", **options)


def in_force(engine):
    return engine.store.current(), engine.running_state()


def test_a_revision_tells_who_when_and_why(engine):
    number = apply(engine, company(3))
    revision = engine.store.read(number)
    assert (revision.author, revision.reason, revision.status) == ("Ada", "a reason", "good")
    assert revision.parent == 1
    assert revision.created.endswith("+00:00")


def test_a_revision_keeps_how_it_was_proved_and_verified(engine):
    number = apply(engine, company(3))
    report = engine.store.report(number)
    assert report["proof"]["passed"]
    assert report["read_back"] > 3
    assert "module reload res_pjsip.so" in report["reloads"]
    steps = {"rendering", "proving", "switching", "reloading", "verifying"}
    assert set(report["seconds"]) == steps


def test_a_state_with_faults_is_refused_and_changes_nothing(engine):
    before = in_force(engine)
    twice = company(3).replaced(
        devices=type(company(3)["devices"])((telephone("100"), telephone("100", 1)))
    )
    with pytest.raises(StateError):
        apply(engine, twice)
    assert in_force(engine) == before


def test_the_second_of_two_editors_learns_who_was_first(engine):
    base = engine.store.current()
    engine.apply(company(3), base, "Ada", "three of us")
    with pytest.raises(Conflict) as caught:
        engine.apply(company(4), base, "Bruno")
    details = caught.value.details
    assert (details["author"], details["current"], details["base"]) == ("Ada", base + 1, base)
    assert details["created"] == engine.store.read(base + 1).created
    found = engine.difference(base, base + 1)
    assert "extensions/extensions/101" in {change.where for change in found.changes}


def test_what_the_shadow_finds_wrong_is_refused_and_named(engine):
    before = in_force(engine)
    engine.shadow.faults = (("devices/phone-101", "it does not ring"),)
    with pytest.raises(NotProved) as caught:
        apply(engine, company(3))
    assert [(f.where, f.message) for f in caught.value.faults] == [
        ("devices/phone-101", "it does not ring")
    ]
    assert in_force(engine) == before
    assert engine.trial() is None


@pytest.mark.row("N4")
def test_what_does_not_read_back_is_undone_with_files_and_state(engine):
    apply(engine, company(3))
    before = in_force(engine)
    engine.running.wrong = (Mismatch("devices/x", "pjsip show endpoint 103-1", "it"),)
    with pytest.raises(Undone, match="devices/x"):
        apply(engine, company(4))
    assert in_force(engine) == before
    revision = engine.store.read(before[0] + 1)
    assert revision.status == "undone"
    assert "103-1" in revision.report
    assert engine.running.told[-1] == engine.running.told[-2]


def test_a_service_that_does_not_answer_after_the_switch_is_undone_as_soon_as_it_does(engine):
    apply(engine, company(3))
    before = in_force(engine)
    engine.running.deaf = True
    with pytest.raises(Exception, match="does not answer"):
        apply(engine, company(4))
    assert engine.store.current() == before[0]
    assert engine.trial() is not None
    engine.running.deaf = False
    engine.tick()
    assert engine.trial() is None
    assert engine.store.read(before[0] + 1).status == "undone"
    assert apply(engine, company(4)) == before[0] + 2


def test_an_asterisk_that_was_away_during_the_way_back_is_told_when_it_is_there(engine):
    apply(engine, company(3))
    apply(engine, company(4), confirm_within_s=60)
    engine.running.console.alive = False
    engine.undo("changed my mind")
    told = len(engine.running.told)
    engine.tick()
    assert len(engine.running.told) == told
    engine.running.console.alive = True
    engine.tick()
    assert "pjsip" in engine.running.told[-1]
    engine.tick()
    assert len(engine.running.told) == told + 1


def test_nothing_is_applied_while_a_revision_waits(engine):
    number = apply(engine, company(3), confirm_within_s=60)
    with pytest.raises(Unconfirmed):
        apply(engine, company(4))
    with pytest.raises(Refused):
        engine.confirm(number + 1)
    engine.confirm(number)
    assert apply(engine, company(4)) == number + 1


@pytest.mark.row("N4")
def test_a_revision_that_is_not_confirmed_goes_back_and_one_that_is_stays(engine):
    before = in_force(engine)
    apply(engine, company(3), confirm_within_s=1)
    engine._switch._deadline -= 2
    engine.tick()
    assert in_force(engine) == before
    number = apply(engine, company(3), confirm_within_s=60)
    engine.confirm(number)
    engine.tick()
    assert engine.store.current() == number
    assert engine.store.read(number).status == "good"


def test_a_return_makes_a_new_revision_with_the_old_state(engine):
    first = apply(engine, company(3))
    apply(engine, company(5))
    again = engine.return_to(first, "Bruno")
    assert engine.running_state() == company(3)
    assert engine.store.read(again).reason == f"return to revision {first}"
    with pytest.raises(LookupError):
        engine.return_to(99, "Bruno")


def test_a_file_changed_by_hand_stops_an_apply_that_would_undo_it(engine):
    number = apply(engine, company(3))
    path = "etc/asterisk/map_extensions.conf"
    (engine.store.path(number) / "root" / path).write_text("[101]\nring_time_s = 99\n")
    with pytest.raises(HandMade) as caught:
        apply(engine, with_new_ring_time(company(3), "101", 44))
    assert caught.value.details["paths"] == [path]
    assert apply(engine, with_new_ring_time(company(3), "101", 44), overwrite=True) == number + 1


def test_a_plan_shows_what_was_changed_by_hand_and_what_it_becomes(engine):
    number = apply(engine, company(3))
    file = engine.store.path(number) / "root/etc/asterisk/map_extensions.conf"
    file.write_text(file.read_text().replace("ring_time_s = 25", "ring_time_s = 99", 1))
    (change,) = engine.plan(company(3), number).files
    assert change.by_hand
    assert "+ring_time_s = 99" in change.edited
    assert "-ring_time_s = 99" in change.difference


def test_changes_by_hand_are_found_and_taken_back(engine):
    number = apply(engine, company(3))
    folder = engine.store.path(number) / "root/etc/asterisk"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "pjsip_phone_auths.conf").write_text("gone wrong")
    (folder / "logger.conf").unlink()
    (folder / "extensions_mine.conf").write_text("[mine]\n")
    assert engine.drift() == {
        "etc/asterisk/pjsip_phone_auths.conf": "changed",
        "etc/asterisk/logger.conf": "missing",
        "etc/asterisk/extensions_mine.conf": "added",
    }
    assert {change.path: change.kind for change in engine.edited()} == {
        "etc/asterisk/pjsip_phone_auths.conf": "changed",
        "etc/asterisk/logger.conf": "removed",
        "etc/asterisk/extensions_mine.conf": "added",
    }
    engine.restore()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert engine.running.told[-1] == {"pjsip_objects", "logger", "dialplan"}
    assert engine.drift() == {}


def test_a_change_that_needs_a_restart_says_so_and_how_many_calls_it_cuts(engine):
    number = apply(engine, company(3))
    engine.running.console.up = 7
    state = company(3).replaced(asterisk_core=asterisk_core.State(sip_port=5070))
    plan = engine.plan(state, number)
    assert (plan.restart, plan.calls_cut) == (True, 7)
    plan = engine.plan(with_new_password(company(3), "101"), number)
    assert (plan.restart, plan.calls_cut) == (False, 0)


def test_a_state_is_known_by_the_name_that_its_plan_gave(engine):
    plan = engine.plan(company(3), engine.store.current())
    assert engine.candidate(plan.candidate) == company(3)
    with pytest.raises(LookupError):
        engine.candidate("0" * 64)


def test_what_was_planned_and_proved_is_not_proved_again(engine):
    proofs = len(engine.shadow.proved)
    engine.plan(company(3), engine.store.current())
    engine.prove(company(3))
    apply(engine, company(3))
    assert len(engine.shadow.proved) == proofs + 1


def test_a_candidate_that_somebody_touched_is_written_again(engine):
    engine.prove(company(3))
    staged = engine.store.candidate / "root/etc/asterisk/logger.conf"
    staged.write_text("harmless looking")
    number = apply(engine, company(3))
    assert engine.store.drift(number) == {}


def test_unchanged_files_keep_their_time_and_changed_ones_do_not(engine):
    number = apply(engine, company(3))
    before = {
        path.name: path.stat().st_mtime_ns
        for path in (engine.store.path(number) / "root/etc/asterisk").iterdir()
    }
    number = apply(engine, with_new_password(company(3), "101"))
    after = {
        path.name: path.stat().st_mtime_ns
        for path in (engine.store.path(number) / "root/etc/asterisk").iterdir()
    }
    assert {name for name in after if after[name] != before[name]} == {"pjsip_phone_auths.conf"}


def test_at_least_fifty_revisions_are_kept():
    assert KEPT_REVISIONS >= 50


def test_kept_revisions_can_be_compared_and_the_oldest_go(engine, monkeypatch):
    monkeypatch.setattr("appliance.apply.engine.KEPT_REVISIONS", 5)
    for ring_time in range(10, 18):
        apply(engine, with_new_ring_time(company(3), "101", ring_time))
        engine.tick()
    numbers = engine.store.numbers()
    assert len(numbers) == 5
    oldest = numbers[0]
    found = engine.difference(oldest, numbers[-1])
    (change,) = found.changes
    assert change.where == "extensions/extensions/101/ring_time_s"
    (file,) = found.files
    assert file.path == "etc/asterisk/map_extensions.conf"
    assert "+ring_time_s = 17" in file.difference
    with pytest.raises(LookupError):
        engine.difference(1, oldest)


def test_only_the_revision_in_force_and_the_one_before_keep_their_files_in_the_open(engine):
    for ring_time in range(10, 14):
        apply(engine, with_new_ring_time(company(3), "101", ring_time))
        engine.tick()
    open_ones = [n for n in engine.store.numbers() if (engine.store.path(n) / "root").exists()]
    assert open_ones == engine.store.numbers()[-2:]
    packed = engine.store.numbers()[0]
    assert not (engine.store.path(packed) / "state.json").exists()
    assert engine.store.state_data(packed)["schema_version"]
