"""The bandwidth planner against figures that were worked out by hand and measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.branches.bandwidth import PAYLOAD_BITS, Call, Capacity, busy_calls, plan

pytestmark = pytest.mark.row("B1")

FIBRE = Capacity("fibre", 20_000, 100_000)


def test_one_g711_call_is_87_kbits_on_ethernet_and_108_through_the_tunnel():
    call = Call("alaw")
    assert call.bytes_in_tunnel == 200
    assert (call.bytes_in_tunnel + 18) * 8 * 50 / 1000 == 87.2
    assert call.bytes_on_line - 18 == 252
    assert call.kbits == 108.0


def test_longer_packets_carry_less_around_the_sound():
    assert Call("alaw", ptime_ms=40).kbits == (320 + 40 + 24 + 28 + 18) * 8 * 25 / 1000
    assert Call("alaw", ptime_ms=40).kbits < Call("alaw").kbits


def test_encryption_and_pppoe_are_counted():
    assert Call("alaw", encrypted=True).bytes_on_line == Call("alaw").bytes_on_line + 10
    assert Call("alaw", pppoe=True).bytes_on_line == Call("alaw").bytes_on_line + 8


def test_every_line_must_carry_all_calls_alone():
    lines = (FIBRE, Capacity("radio", 1_000, 10_000))
    made = plan("alaw", 10, lines)
    assert [line.verdict for line in made.lines] == ["enough", "small"]
    # 1000 kbit/s, of which 80 % are planned for, less 8.8 for probes, by 110.2 a call.
    assert made.lines[1].fits == 7
    assert made.lines[0].need_kbits == 1111


def test_protected_voice_is_counted_once_for_each_line_and_twice_in_all():
    lines = (FIBRE, Capacity("radio", 10_000, 10_000))
    plain, protected = plan("alaw", 10, lines), plan("alaw", 10, lines, duplicated=True)
    assert protected.total_kbits == pytest.approx(2 * plain.total_kbits, abs=1)
    assert protected.lines == plain.lines


def test_the_narrower_direction_decides_and_an_unknown_one_says_so():
    assert plan("alaw", 5, (Capacity("a", 0, 100_000),)).lines[0].verdict == "unknown"
    assert plan("alaw", 5, (Capacity("a", 100_000, 300),)).lines[0].verdict == "small"


def test_a_cap_is_told_as_hours_of_calls():
    (line,) = plan("alaw", 10, (Capacity("4g", 20_000, 20_000, monthly_cap_mb=10_000),)).lines
    # 10 GB by 2 x 1111 kbit/s.
    assert line.cap_hours == 10.0
    assert plan("alaw", 10, (FIBRE,)).lines[0].cap_hours is None


@pytest.mark.parametrize(("users", "calls"), [(0, 0), (10, 5), (40, 10), (100, 18)])
def test_calls_at_once_follow_erlang_b(users, calls):
    """Tables of Erlang B at 1 %: 1 E needs 5, 4 E 10, 10 E 18."""
    assert busy_calls(users) == calls


@given(st.sampled_from(sorted(PAYLOAD_BITS)), st.integers(0, 500), st.integers(1, 10**6))
def test_a_line_that_is_enough_has_room_for_what_is_asked(codec, calls, kbits):
    (line,) = plan(codec, calls, (Capacity("x", kbits, kbits),)).lines
    assert line.verdict == "small" or (line.fits >= calls and line.need_kbits <= kbits)
