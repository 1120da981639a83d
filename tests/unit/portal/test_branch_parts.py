"""Parts of the branches' pages that need neither database nor clock."""

import pytest

from portal.branches import curves, drawing, identity, sound
from tests.support.fake_router import line


@pytest.mark.row("B5")
def test_judging_a_report_needs_no_clock():
    seen = identity.Seen()
    verdict, seen = identity.judge(seen, "a", 0)
    assert verdict == "started"
    assert identity.judge(seen, "a", 0)[0] == "repeated"
    verdict, seen = identity.judge(seen, "b", 0)
    assert verdict == "started"
    assert identity.judge(seen, "a", 5)[0] == "duplicate"
    assert identity.judge(seen, "b", 1)[0] == "same"


def test_a_minute_keeps_its_worst_and_comes_back_from_its_bytes():
    good = curves.minute_of(line("x"), active=True)
    bad = curves.minute_of(line("x", loss_permille=300, rtt_us=99), active=False)
    hour = curves.noted(curves.noted(curves.EMPTY_HOUR, 7, good), 7, bad)
    found = curves.read(hour)[7]
    assert (found.loss_permille, found.rtt_us, found.active) == (300, 12_000, True)
    assert not curves.read(hour)[8].seen


def test_a_curve_is_broken_where_nothing_was_reported():
    minutes = [curves.Minute()] * 1440
    minutes[700:705] = [curves.minute_of(line("x"), active=True)] * 5
    drawn = drawing.curve(minutes)
    assert len(drawn.strokes) == 1
    assert [band.kind for band in drawn.bands] == ["silent", "silent", "active"]


def span(at, mos=430, legs=1, **values):
    """Ten minutes of a site in which `legs` ended with this score."""
    figures = {"at": at, "legs": legs, "worst": mos, "mos": mos * legs}
    return {**figures, "loss_ppm": 0, "jitter_us": 0, "round_trip_us": 0, **values}


def test_the_sound_of_a_branch_is_a_mean_over_its_calls_not_over_time():
    spans = [span(1000, mos=440, legs=3), span(1001, mos=200, worst=150)]
    seen = sound.view([{"site": "parma", "spans": spans}], "parma", 1001 * 600)
    assert (seen.hour.calls, seen.hour.mos, seen.hour.worst) == (4, 3.8, 1.5)
    assert [bar[3] for bar in seen.bars] == ["good", "poor"]
    assert seen.bars[-1][0] + seen.bars[-1][1] == drawing.WIDTH


def test_the_sound_of_another_site_and_of_yesterday_is_not_shown():
    days = [{"site": "parma", "spans": [span(1000)]}, {"site": "modena", "spans": [span(1200)]}]
    assert sound.view(days, "parma", 1200 * 600) is None
    assert sound.view(days, "modena", 1200 * 600 + 7200).hour is None
