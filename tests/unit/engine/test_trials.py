"""A revision that waits for its confirmation, over restarts and wrong clocks."""

import pytest

from appliance.apply.errors import Undone
from tests.support.companies import company
from tests.support.pretend import pretend_engine


class Clock:
    """The wall clock; the time within a process is the monotonic one's business."""

    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def waiting(tmp_path, clock):
    """A machine on which a revision waits 60 s for its confirmation."""
    engine = pretend_engine(tmp_path, clock)
    engine.apply(company(2), engine.store.current(), "Ada", confirm_within_s=60)
    return tmp_path


def test_a_restart_does_not_lengthen_the_wait(waiting, clock):
    clock.now += 40
    engine = pretend_engine(waiting, clock)
    assert engine.trial().phase == "waiting"
    assert engine.seconds_left() == pytest.approx(20, abs=1)


def test_a_wait_that_ended_while_the_engine_was_away_is_undone_at_its_start(waiting, clock):
    clock.now += 61
    engine = pretend_engine(waiting, clock)
    assert engine.trial() is None
    assert engine.store.current() == 1
    assert engine.store.read(2).status == "undone"
    assert engine.store.read(2).report == "not confirmed in time"


def test_a_clock_set_back_over_a_restart_does_not_lengthen_the_wait(waiting, clock):
    clock.now -= 86400
    engine = pretend_engine(waiting, clock)
    assert engine.seconds_left() <= 60


def test_a_clock_that_jumps_while_the_engine_runs_changes_nothing(tmp_path, clock):
    engine = pretend_engine(tmp_path, clock)
    number = engine.apply(company(2), engine.store.current(), "Ada", confirm_within_s=60)
    clock.now += 86400
    engine.tick()
    assert engine.store.current() == number
    assert engine.seconds_left() > 50
    engine.confirm(number)
    assert engine.seconds_left() is None


def test_a_confirmation_after_a_restart_counts(waiting, clock):
    engine = pretend_engine(waiting, clock)
    engine.confirm(engine.store.current())
    assert pretend_engine(waiting, clock).trial() is None
    assert engine.store.read(2).status == "good"


def test_a_trial_is_undone_in_time_while_another_state_is_being_proved(tmp_path):
    engine = pretend_engine(tmp_path)
    engine.apply(company(2), engine.store.current(), "Ada", confirm_within_s=60)
    engine._switch._deadline -= 61
    undone = []
    prove = engine.shadow.prove

    def slowly(*arguments):
        engine.tick()
        undone.append(engine.store.current())
        return prove(*arguments)

    engine.shadow.prove = slowly
    engine.prove(company(3))
    assert undone == [1]


@pytest.fixture
def careful(tmp_path, monkeypatch):
    """A machine whose firewall the engine manages; every change touches it."""
    monkeypatch.setattr("appliance.apply.engine.CAREFUL", frozenset({"dialplan", "firewall"}))
    engine = pretend_engine(tmp_path)
    monkeypatch.setattr(engine._actions, "managed", lambda names: tuple(names))
    return engine


@pytest.mark.row("S6")
def test_a_change_that_may_cut_off_its_author_waits_although_nobody_asked(careful):
    number = careful.apply(company(2), careful.store.current(), "Ada")
    assert careful.trial().number == number
    assert careful.seconds_left() == pytest.approx(120, abs=2)


def test_whoever_asks_for_another_time_gets_it(careful):
    careful.apply(company(2), careful.store.current(), "Ada", confirm_within_s=300)
    assert careful.seconds_left() > 200


def test_a_machine_that_is_not_managed_does_not_wait(tmp_path):
    engine = pretend_engine(tmp_path)
    engine.apply(company(2), engine.store.current(), "Ada")
    assert engine.trial() is None


def test_a_daemon_that_refuses_takes_the_revision_back_even_when_asterisk_is_away(tmp_path):
    engine = pretend_engine(tmp_path)
    engine.running.console.alive = False
    engine.running.refuses = 1
    with pytest.raises(Undone, match="nft: syntax error"):
        engine.apply(company(2), engine.store.current(), "Ada")
    assert engine.store.current() == 1
    assert len(engine.running.acted) == 1
