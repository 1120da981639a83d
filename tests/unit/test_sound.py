"""How the sound of calls is judged: counters, ears, scores, and what is kept of it."""

import json
import os
from typing import get_args

import pytest

from appliance.asterisk import call_sound, rtp_counters
from appliance.asterisk.call_sound import Silence, Sound
from appliance.asterisk.rtp_counters import Counters, Quality
from appliance.services import registry
from appliance.services.trunks import State as Trunks
from appliance.services.trunks import Trunk
from appliance.state.machine import Layout
from appliance.system import sound_alarms
from appliance.system.alarm_kinds import KINDS
from ari_apps.live.ears import NEVER_PACKETS, NEVER_S, STOPPED_PACKETS, STOPPED_S, Ear
from tests.support import branches

ANSWER = (
    "ssrc=1595381188;themssrc=1210302333;lp=2;rxjitter=0.002500;rxcount=266;txjitter=0.004000;"
    "txcount=260;rlp=3;rtt=0.000076;rxmes=85.146214;txmes=86.248684"
)
"""As Asterisk 22.10 writes it."""


# ── counters ──────────────────────────────────────────────────────────────────────────


def test_asterisks_counters_are_understood():
    assert rtp_counters.parsed(ANSWER) == Counters(266, 2, 0.0025, 260, 3, 0.004, 0.000076)


@pytest.mark.parametrize(
    "answer",
    ["", "rxcount=1", ANSWER.replace("266", "x"), ANSWER.replace("0.0025", "nan")],
)
def test_what_are_no_counters_says_nothing(answer):
    assert rtp_counters.parsed(answer) is None


def test_a_round_trip_that_wrapped_below_zero_is_unknown():
    wrapped = rtp_counters.parsed(ANSWER.replace("rtt=0.000076", "rtt=65535.999542"))
    assert wrapped.round_trip_s == 0


# ── who is heard ──────────────────────────────────────────────────────────────────────


def verdicts(samples, judged=True):
    """Whether an ear misses sound after each of (second, packets received)."""
    ear = Ear()
    takes = (ear.take(Counters(received), at, judged=judged) for at, received in samples)
    return [fault == "silent" for fault in takes]


@pytest.mark.row("S7")
def test_a_telephone_that_was_never_heard_is_missed_soon():
    assert verdicts([(100, 0), (100 + NEVER_S - 0.1, 0), (100 + NEVER_S, 0)]) == [
        *(False, False),
        True,
    ]


@pytest.mark.row("S7")
def test_one_that_was_heard_before_may_be_silent_for_as_long_as_silence_is_suppressed():
    samples = [(100, 50), (100 + NEVER_S + 1, 50), (100 + STOPPED_S - 0.1, 50)]
    assert verdicts([*samples, (100 + STOPPED_S, 50)]) == [False, False, False, True]


@pytest.mark.row("S7")
def test_a_packet_of_comfort_noise_now_and_then_is_being_heard():
    assert not any(verdicts([(15 * n, 50 + n) for n in range(40)]))


@pytest.mark.row("S7")
def test_nothing_is_missed_of_a_leg_of_which_nothing_is_due():
    assert not any(verdicts([(0, 0), (1000, 0)], judged=False))


@pytest.mark.row("S7")
def test_after_a_hold_the_time_begins_anew():
    ear = Ear()
    ear.take(Counters(0), 0, judged=True)
    ear.take(Counters(0), 4, judged=False)
    assert not ear.take(Counters(0), 60, judged=True)
    assert ear.take(Counters(0), 60 + NEVER_S, judged=True)


@pytest.mark.row("S7")
def test_the_first_packet_ends_a_silence():
    assert verdicts([(0, 0), (NEVER_S, 0), (NEVER_S + 2, 1)]) == [False, True, False]


# ── who hears ─────────────────────────────────────────────────────────────────────────


def deaf(*reports, sent_until=600, held=range(0), carrier=False):
    """Whether a leg is deaf three seconds after the last report of a call in which 50 packets come
    of it each second, and as many are sent to it. `reports` are (second, the last packet that one
    names)."""
    ear, waiting = Ear(carrier=carrier), dict(reports)
    for second in range(max(waiting, default=60) + 4):
        counters = Counters(50 * second, sent=50 * min(second, sent_until))
        fault = ear.take(counters, second, judged=second not in held)
        if second in waiting:
            ear.report(waiting[second])
    return fault == "deaf"


@pytest.mark.row("S7")
def test_a_telephone_whose_report_names_no_packet_does_not_hear():
    assert deaf((5, ""))


@pytest.mark.row("S7")
def test_a_telephone_that_does_not_report_is_not_known_to_be_deaf():
    assert not deaf()


@pytest.mark.row("S7")
def test_a_telephone_that_nothing_is_sent_to_misses_nothing():
    assert not deaf((5, ""), (10, ""), (60, ""), sent_until=0)


@pytest.mark.row("S7")
def test_a_report_in_the_moment_of_the_answer_says_nothing_yet():
    assert not deaf((0, ""), (1, ""))


@pytest.mark.row("S7")
def test_a_telephone_hears_whose_reports_name_later_packets_whatever_is_lost():
    assert not deaf(*((5 * n, f"1/0/{n}") for n in range(1, 60)))


@pytest.mark.row("S7")
def test_one_that_has_heard_before_is_deaf_when_two_more_reports_name_the_same_packet():
    assert not deaf((5, "1/0/250"), (10, "1/0/500"), (15, "1/0/500"))
    assert deaf((5, "1/0/250"), (10, "1/0/500"), (15, "1/0/500"), (20, "1/0/500"))


@pytest.mark.row("S7")
def test_one_that_has_heard_before_may_leave_out_what_it_no_longer_hears():
    assert deaf((5, "1/0/250"), (10, "1/0/500"), (15, ""), (20, ""))
    assert not deaf((5, "1/0/250"), (10, "1/0/500"), (15, ""), (20, "1/0/750"))


@pytest.mark.row("S7")
def test_of_one_that_names_one_packet_for_ever_nothing_is_known():
    assert not deaf((5, "0/0/0"), (10, "0/0/0"), (15, "0/0/0"), (60, "0/0/0"))


@pytest.mark.row("S7")
def test_a_speaker_who_suppresses_silence_makes_nobody_deaf():
    assert not deaf((1, "1/0/50"), (5, "1/0/250"), (10, "1/0/250"), (60, ""), sent_until=5)


@pytest.mark.row("S7")
def test_the_report_that_names_a_packet_ends_it():
    assert deaf((5, ""), (10, ""))
    assert not deaf((5, ""), (10, ""), (15, "1/0/700"))


@pytest.mark.row("S7")
def test_nothing_counts_that_was_missed_before_or_in_a_hold():
    assert not deaf((5, ""), held=range(6, 8))
    assert not deaf((5, ""), (30, ""), held=range(4, 100))
    assert not deaf((5, ""), (30, ""), (31, ""), held=range(4, 30))
    assert deaf((5, ""), (30, ""), (35, ""), held=range(4, 30))


@pytest.mark.row("S7")
def test_an_announcement_of_a_carrier_may_listen_to_nobody():
    assert not deaf((5, ""), (10, ""), (60, ""), carrier=True)
    assert deaf((5, "1/0/250"), (10, "1/0/500"), (15, ""), (20, ""), carrier=True)


@pytest.mark.row("S7")
def test_of_a_leg_without_sound_either_way_the_silence_is_told():
    ear = Ear()
    for second in range(10):
        fault = ear.take(Counters(0, sent=50 * second), second, judged=True)
        ear.report("")
    assert fault == "silent"


@pytest.mark.parametrize(
    ("before", "limit"), [([""], NEVER_PACKETS), (["1/0/1", "1/0/2"], STOPPED_PACKETS)]
)
def test_a_telephone_is_deaf_from_so_many_packets_on(before, limit):
    for sent, expected in ((limit - 1, None), (limit, "deaf")):
        ear = Ear()
        for arrived in before:
            ear.report(arrived)
        ear.take(Counters(1), 0, judged=True)
        ear.take(Counters(2, sent=sent), 4, judged=True)
        ear.report(before[-1])
        assert ear.take(Counters(3, sent=limit), 5, judged=True) == expected


REPORT = {
    "Uniqueid": "1.2",
    "ReportCount": "1",
    "Report0SourceSSRC": "0x62448363",
    "Report0FractionLost": "0",
    "Report0HighestSequence": "59240",
    "Report0SequenceNumberCycles": "0",
}
"""Some fields as Asterisk 22.10 writes them."""


def test_a_report_names_the_last_packet_that_has_arrived():
    first = rtp_counters.last_arrived(REPORT)
    assert first
    assert rtp_counters.last_arrived({**REPORT, "Report0FractionLost": "228"}) == first
    for name in ("SourceSSRC", "HighestSequence", "SequenceNumberCycles"):
        assert rtp_counters.last_arrived({**REPORT, f"Report0{name}": "7"}) != first
    assert rtp_counters.last_arrived({"Uniqueid": "1.2", "ReportCount": "0"}) == ""


# ── scores ────────────────────────────────────────────────────────────────────────────


def test_scores_are_those_of_the_e_model():
    # R = 93.2 - 0.024 * 20 = 92.72; MOS by G.107 Annex B.
    assert rtp_counters.mos(0, 20) == pytest.approx(4.40, abs=0.01)
    # R = 92.72 - 95 * 10 / 35.1 = 65.65.
    assert rtp_counters.mos(0.10, 20) == pytest.approx(3.39, abs=0.01)
    # R = 93.2 - 0.024 * 400 - 0.11 * 222.7 = 59.10.
    assert rtp_counters.mos(0, 400) == pytest.approx(3.05, abs=0.01)
    assert rtp_counters.mos(1, 5000) == 1


def test_the_worse_direction_of_a_leg_counts():
    to_us = rtp_counters.quality(Counters(received=900, lost=100, sent=1000))
    from_us = rtp_counters.quality(Counters(received=1000, sent=1000, remote_lost=100))
    assert to_us == from_us
    assert to_us.loss == pytest.approx(0.1)


def test_a_leg_of_a_second_has_no_score():
    assert rtp_counters.quality(Counters(received=50, sent=50)) is None


# ── what is kept ──────────────────────────────────────────────────────────────────────


def silence(leg="1.2", began=1000, until=0, **values):
    known = {"call": "1.1", "device": "201-1", "trunk": "", "number": "201", "name": "Anna"}
    known |= {"site": "main", "why": "blocked", "others": ("202 Bruno",), **values}
    return Silence(leg=leg, began=began, until=until, **known)


GOOD = Quality(4.4, 0.0, 1.0, 20.0)


def test_what_is_written_is_read_again(tmp_path):
    sound = Sound(2000).with_silence(silence()).with_leg("modena", GOOD, 2000)
    call_sound.write(tmp_path / "sound.json", sound)
    assert call_sound.read(tmp_path / "sound.json") == sound


def test_a_silence_that_ends_keeps_its_place():
    sound = Sound().with_silence(silence()).with_silence(silence("1.9", 1500))
    ended = sound.with_silence(silence(until=1200))
    assert [(each.leg, each.until) for each in ended.silences] == [("1.9", 0), ("1.2", 1200)]


def test_at_most_so_many_silences_are_kept():
    sound = Sound()
    for number in range(call_sound.MOST_SILENCES + 5):
        sound = sound.with_silence(silence(f"1.{number}"))
    assert len(sound.silences) == call_sound.MOST_SILENCES
    assert sound.silences[0].leg == f"1.{call_sound.MOST_SILENCES + 4}"


def test_a_site_keeps_a_day():
    sound = Sound()
    for span in range(call_sound.KEPT_SPANS + 10):
        sound = sound.with_leg("modena", GOOD, span * call_sound.SPAN_S)
    (day,) = sound.days
    assert len(day.spans) == call_sound.KEPT_SPANS


def test_a_file_of_the_version_before_knows_nobody_who_is_deaf(tmp_path):
    call_sound.write(tmp_path / "sound.json", Sound(2000, (silence(),)))
    content = (tmp_path / "sound.json").read_text()
    written = content.replace('"deaf": false', "").replace('"deaf":false,', "")
    assert "deaf" not in written
    (tmp_path / "sound.json").write_text(written)
    assert call_sound.read(tmp_path / "sound.json").silences == (silence(),)


def test_a_new_hub_ends_what_the_last_one_saw():
    assert Sound(1800, (silence(),)).ended().silences[0].until == 1800


@pytest.mark.parametrize("content", ["[]", '{"at": "x"}', "no", '{"silences": [{}]}'])
def test_a_file_that_makes_no_sense_is_refused(tmp_path, content):
    (tmp_path / "sound.json").write_text(content)
    with pytest.raises(ValueError, match=r"form|Expecting"):
        call_sound.read(tmp_path / "sound.json")


def test_root_follows_no_link_and_waits_for_no_pipe(tmp_path):
    (tmp_path / "secret").write_text(json.dumps({"at": 1}))
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(ValueError, match=r"opened|plain"):
            call_sound.read(tmp_path / name)


# ── alarms ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def alarms(tmp_path, monkeypatch):
    """The alarms that follow from some silences at a moment, in a company with the line `alfa` and
    the branch `modena`."""
    state = branches.company(branches.state(branches.branch("modena", 1)))
    state = state.replaced(trunks=Trunks((Trunk("alfa", "Alfatel", "address", "192.0.2.1"),)))
    layout = Layout(tmp_path)
    layout.state_of("live").mkdir(parents=True)

    def found(*silences, now=1100, written=1100):
        call_sound.write(layout.state_of("live") / call_sound.FILE, Sound(written, silences))
        monkeypatch.setattr(sound_alarms.time, "time", lambda: now)
        return [(each.name, each.subject) for each in sound_alarms.look(layout, state)]

    return found


@pytest.mark.row("S7")
def test_an_alarm_names_the_person_and_the_line(alarms):
    line = silence("1.7", device="", trunk="alfa", number="0521987654", why="carrier")
    assert alarms(silence(), line) == [
        ("no-sound-blocked", "201 Anna"),
        ("no-sound-carrier", "Alfatel"),
    ]


@pytest.mark.row("S7")
def test_an_alarm_says_who_does_not_hear_and_has_a_sentence_for_each_reason(alarms):
    assert alarms(silence(deaf=True)) == [("deaf-blocked", "201 Anna")]
    assert alarms(silence(deaf=True, site="modena")) == [("deaf-tunnel", "201 Anna")]
    for why in (*get_args(call_sound.Why), "tunnel"):
        assert {f"deaf-{why}", f"no-sound-{why}"} <= KINDS.keys()


@pytest.mark.row("S7")
def test_a_telephone_behind_a_tunnel_was_not_heard_through_that(alarms):
    assert alarms(silence(site="modena")) == [("no-sound-tunnel", "201 Anna")]


def test_an_alarm_is_over_a_quarter_of_an_hour_after_the_last_such_call(alarms):
    ended = silence(until=1010)
    assert alarms(ended, now=1010 + sound_alarms.OPEN_FOR_S - 1)
    assert not alarms(ended, now=1010 + sound_alarms.OPEN_FOR_S)


def test_what_a_hub_saw_that_runs_no_more_is_over_in_time(alarms):
    assert not alarms(silence(), now=1100 + sound_alarms.OPEN_FOR_S)
    assert alarms(silence(), now=5000, written=4990)


def test_a_thousand_silent_calls_are_a_few_alarms(alarms):
    many = [silence(f"1.{n}", number=str(200 + n), name="") for n in range(200)]
    found = alarms(*many)
    assert len(found) == sound_alarms.MOST_NAMED + 1
    assert found[-1] == ("no-sound-many", "")


def test_without_a_file_there_is_nothing_to_tell(tmp_path):
    assert list(sound_alarms.look(Layout(tmp_path), registry.empty_state())) == []


def test_a_telephone_that_reports_less_than_none_lost_costs_nothing():
    answer = "rxcount=150;lp=-150;rxjitter=0;txcount=150;rlp=-9;txjitter=0;rtt=0"
    found = rtp_counters.parsed(answer)
    assert (found.lost, found.remote_lost) == (0, 0)
    assert rtp_counters.quality(found).loss == 0


def test_a_file_of_endless_brackets_makes_no_sense_and_ends_nothing(tmp_path):
    (tmp_path / "sound.json").write_bytes(b"[" * 1_000_000)
    with pytest.raises(ValueError, match="form"):
        call_sound.read(tmp_path / "sound.json")
