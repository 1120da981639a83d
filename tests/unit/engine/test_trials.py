"""A revision that waits for its confirmation, over restarts and wrong clocks."""

import pytest

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
