"""When a drill begins, ends and stops early."""

from __future__ import annotations

import pytest

from failover_router.drill import Drill, Order

pytestmark = pytest.mark.row("N11")

BOTH = ("wan1", "wan2")


def order(**fields) -> Order:
    plain = {"kind": "drill", "id": "a" * 16, "line": "wan1", "seconds": 60, "emergency": False}
    return Order(**{**plain, **fields})


def begun(good=BOTH, names=BOTH, **fields) -> Drill:
    return Drill.begin(order(**fields), 100.0, good, names, 2)


def test_a_drill_cuts_its_line_for_its_time_and_watches_the_way_back():
    drill = begun()
    assert (drill.state, drill.cut) == ("running", True)
    drill.step(159.0, ("wan2",), emergency=False, told=False)
    assert drill.cut
    drill.step(160.0, ("wan2",), emergency=False, told=False)
    assert (drill.state, drill.cut) == ("running", False)
    drill.step(170.0, BOTH, emergency=False, told=False)
    assert drill.state == "done"
    assert drill.told(171.0)["lasted_ms"] == 60_000


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"line": "wan9"}, "unknown_line"),
        ({"emergency": True}, "emergency"),
        ({"names": ("wan1",), "good": ("wan1",)}, "only_line"),
        ({"good": ("wan1",)}, "other_line_bad"),
    ],
)
def test_a_drill_that_would_hurt_is_refused_with_its_reason(fields, why):
    drill = begun(**fields)
    assert (drill.state, drill.why, drill.cut) == ("refused", why, False)


@pytest.mark.parametrize(
    ("good", "emergency", "told", "why"),
    [
        (("wan1",), False, False, "other_line_bad"),
        (("wan2",), True, False, "emergency"),
        (("wan2",), False, True, "told"),
    ],
)
def test_a_drill_stops_at_once_when_it_must(good, emergency, told, why):
    drill = begun()
    drill.step(110.0, good, emergency=emergency, told=told)
    assert (drill.state, drill.why, drill.cut) == ("aborted", why, False)


def test_no_drill_cuts_a_line_longer_than_five_minutes():
    drill = begun(seconds=86_400)
    drill.step(400.0, BOTH, emergency=False, told=False)
    assert not drill.cut


def test_the_outage_is_the_longest_time_without_an_answer():
    drill = begun()
    for moment in (100.1, 100.2, 100.6, 100.7):
        drill.heard(moment)
    assert drill.told(101.0)["outage_ms"] == 400
