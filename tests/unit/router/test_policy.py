"""Which line carries what: the policy alone, on lines whose weather is known."""

from __future__ import annotations

import dataclasses

import pytest

from failover_router.policy import Choice, Machine, Spent, State
from failover_router.router_profile import Line, Policy
from tests.support import branches
from tests.support.line_weather import Weather, flapping, good, loss, silence, slower


def lines(**fields) -> tuple[Line, ...]:
    """wan1 before wan2 before lte, which is metered."""
    made = branches.profile(branches.state(branches.branch(lines=(
        branches.line("wan1", priority=10),
        branches.line("wan2", priority=20, kind="radio"),
        branches.line("lte", priority=30, kind="4g", metered=True),
    ))))  # fmt: skip
    return tuple(dataclasses.replace(line, **fields.get(line.name, {})) for line in made.lines)


def weather(*names: str, policy: Policy | None = None, borrow: bool = True, **fields) -> Weather:
    """Lines that are all well, watched for five seconds."""
    names = names or ("wan1", "wan2")
    chosen = [line for line in lines(**fields) if line.name in names]
    made = Weather(
        Machine(chosen, policy or Policy(), borrow=borrow), {name: good() for name in names}
    )
    made.run(5)
    return made


def of_voice(moves):
    return [(move.old, move.new, move.cause) for move in moves if move.role == "voice"]


def test_the_preferred_line_carries_voice_while_all_are_well():
    assert weather().machine.choice == Choice("wan1", "wan2", "wan1")


@pytest.mark.row("B3")
def test_a_silent_line_is_left_within_four_tenths_of_a_second():
    sky = weather()
    sky.lines["wan1"] = silence()
    before = sky.now
    (move,) = [m for m in sky.run(2) if m.role == "voice"]
    assert (move.new, move.cause) == ("wan2", "silent")
    assert move.at - before <= 0.4
    assert move.figures.lost_in_row >= 3


@pytest.mark.row("B2")
@pytest.mark.parametrize("seed", range(20))
def test_a_line_that_loses_a_third_is_left_within_two_seconds(seed):
    sky = weather()
    sky.lines["wan1"] = loss(0.3, seed=seed)
    moves = of_voice(sky.run(2))
    assert moves[0][:2] == ("wan1", "wan2")


@pytest.mark.row("B2")
def test_a_line_that_loses_a_third_is_left_within_one_second_on_average():
    took = []
    for seed in range(40):
        sky = weather()
        sky.lines["wan1"] = loss(0.3, seed=seed)
        began = sky.now
        took.append(next(m.at for m in sky.run(4) if m.role == "voice") - began)
    assert sum(took) / len(took) <= 1.0, took


@pytest.mark.row("B2")
def test_a_slow_line_is_left_though_it_loses_nothing():
    sky = weather()
    sky.lines["wan1"] = slower(sky.now, sky.now + 10, 0.4)
    assert of_voice(sky.run(20)) == [("wan1", "wan2", "late")]


@pytest.mark.row("B3")
@pytest.mark.parametrize("seed", range(5))
def test_a_line_that_loses_a_fifth_is_left_once_and_not_taken_back(seed):
    sky = weather()
    sky.lines["wan1"] = loss(0.2, seed=seed)
    assert len(of_voice(sky.run(600))) == 1


@pytest.mark.row("B3")
@pytest.mark.parametrize("seed", range(5))
def test_two_lines_that_both_lose_a_fifth_do_not_throw_calls_to_and_fro(seed):
    sky = weather()
    sky.lines.update(wan1=loss(0.2, seed=seed), wan2=loss(0.2, seed=100 + seed))
    assert len(of_voice(sky.run(600))) <= 3


@pytest.mark.row("B3")
def test_ten_flaps_in_twenty_seconds_move_a_call_twice_at_most():
    sky = weather()
    sky.lines["wan1"] = flapping(2.0)
    assert 1 <= len(of_voice(sky.run(20))) <= 2


@pytest.mark.row("B3")
def test_the_main_line_is_taken_back_after_a_clean_minute_and_not_before():
    sky = weather()
    sky.lines["wan1"] = silence()
    sky.run(4)
    sky.lines["wan1"] = good()
    assert of_voice(sky.run(58)) == []
    assert of_voice(sky.run(5)) == [("wan2", "wan1", "returned")]


@pytest.mark.row("B3")
def test_each_return_that_does_not_last_doubles_the_wait_until_ten_minutes():
    sky = weather()
    waited = []
    for _ in range(6):
        sky.lines["wan1"] = silence()
        sky.run(2)
        sky.lines["wan1"] = good()
        began = sky.now
        (move,) = [m for m in sky.run(700) if m.role == "voice" and m.new == "wan1"]
        waited.append(round(move.at - began, -1))
        sky.machine.lines["wan1"].trusted_at = sky.now  # it falls again at once
    assert waited == [60, 120, 240, 480, 600, 600]


@pytest.mark.row("B3")
def test_the_last_line_is_never_left():
    sky = weather()
    sky.lines.update(wan1=silence(), wan2=silence())
    sky.run(30)
    assert sky.machine.choice.voice in ("wan1", "wan2")
    assert len(of_voice(sky.moves)) <= 3


@pytest.mark.row("B3")
def test_the_first_of_two_dead_lines_that_comes_back_is_used_at_once():
    sky = weather()
    sky.lines.update(wan1=silence(), wan2=silence())
    sky.run(10)
    back = next(name for name in ("wan1", "wan2") if name != sky.machine.choice.voice)
    sky.lines[back] = good()
    (move,) = [m for m in sky.run(3) if m.role == "voice"]
    assert move.new == back


def test_a_line_without_carrier_is_left_at_once():
    sky = weather()
    sky.link("wan1", up=False)
    assert of_voice(sky.moves[-3:]) == [("wan1", "wan2", "down")]
    assert sky.machine.lines["wan1"].state(sky.now) == State.DOWN


def test_no_line_at_all_is_told_as_such():
    sky = weather()
    sky.link("wan1", up=False)
    sky.link("wan2", up=False)
    sky.run(1)
    assert sky.machine.choice == Choice("", "", "")
    sky.link("wan2", up=True)
    sky.run(1)
    assert sky.machine.choice.voice == "wan2"


@pytest.mark.row("B2")
def test_a_metered_line_beyond_its_month_is_used_by_calls_before_a_bad_one_but_not_by_data():
    sky = weather("wan1", "lte")
    sky.tell(Spent("lte", sky.now, over=True))
    sky.lines["wan1"] = loss(0.4)
    sky.run(4)
    assert (sky.machine.choice.voice, sky.machine.choice.data) == ("lte", "wan1")


@pytest.mark.row("B2")
def test_a_metered_line_beyond_its_month_is_left_as_soon_as_another_can_carry_the_call():
    sky = weather("wan1", "lte", lte={"priority": 1})
    assert sky.machine.choice.voice == "lte"
    sky.tell(Spent("lte", sky.now, over=True))
    assert of_voice(sky.moves[-3:]) == [("lte", "wan1", "spent")]


@pytest.mark.row("B4")
def test_data_goes_over_the_line_for_voice_when_its_own_fails_and_only_if_it_may():
    roles = {"wan1": {"carries": "voice"}, "wan2": {"carries": "data"}}
    sky = weather(**roles)
    assert sky.machine.choice == Choice("wan1", "wan2", "wan2")
    sky.lines["wan2"] = silence()
    sky.run(2)
    assert sky.machine.choice.data == "wan1"
    closed = weather(borrow=False, **roles)
    closed.lines["wan2"] = silence()
    closed.run(2)
    assert closed.machine.choice.data == "wan2"


@pytest.mark.row("B4")
def test_voice_goes_over_the_line_for_data_when_its_own_fails():
    sky = weather(wan1={"carries": "voice"}, wan2={"carries": "data"})
    sky.lines["wan1"] = silence()
    assert of_voice(sky.run(1)) == [("wan1", "wan2", "silent")]


def test_the_second_tunnel_takes_a_line_of_its_own_and_spares_the_metered_one():
    sky = weather("wan1", "wan2", "lte", lte={"priority": 15})
    assert (sky.machine.choice.voice, sky.machine.choice.second) == ("wan1", "wan2")
    sky.lines["wan1"] = silence()
    sky.run(1)
    assert (sky.machine.choice.voice, sky.machine.choice.second) == ("lte", "wan2")


def test_an_idle_metered_line_is_probed_once_a_second_and_faster_once_it_is_used():
    sky = weather("wan1", "lte")
    sky.machine.choice = Choice("wan1", "", "wan1")
    assert sky.machine.interval_s("lte", sky.now) == 1.0
    assert sky.machine.interval_s("wan1", sky.now) == 0.1
    sky.machine.choice = Choice("lte", "", "wan1")
    assert sky.machine.interval_s("lte", sky.now) == 0.1


def test_a_slow_line_is_given_the_time_that_it_needs():
    machine = Machine(lines(), Policy(), borrow=True)
    sky = Weather(machine, {"wan1": good(), "wan2": good(0.12), "lte": good(0.06)})
    sky.run(20)
    assert sky.machine.lost_after_s("wan2") >= 0.2
    assert sky.machine.lines["wan2"].state(sky.now) == State.GOOD
