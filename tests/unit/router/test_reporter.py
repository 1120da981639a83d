"""What the portal is told of the agent's status, and what comes back."""

from __future__ import annotations

import pytest

from failover_router.report import Answer, Command
from failover_router.reporter import Reports, order_of

DIGEST = "0" * 64


def status(**fields):
    line = {
        "name": "wan1", "state": "good", "loss_percent": 2.5, "rtt_ms": 12.4, "jitter_ms": 0.31,
        "sent_bytes": 0, "received_bytes": 0, "month_bytes": 7_900_000, "address": "192.0.2.7",
    }  # fmt: skip
    move = {
        "number": 1, "at": 96.0, "role": "voice", "from": "wan2", "to": "wan1", "cause": "silent",
        "gap_ms": 340,
    }  # fmt: skip
    plain = {
        "boot": "00000000deadbeef", "up_s": 130, "at": 100.0, "voice": "wan1", "lines": [line],
        "tunnels": [{"up": True, "line": "wan1"}], "moves": [move, {**move, "role": "data"}],
        "drill": None,
    }  # fmt: skip
    return {**plain, **fields}


def test_a_report_says_what_the_status_says_in_the_reports_units():
    made = Reports(DIGEST).make(status())
    (line,), (switch,) = made.lines, made.switches
    assert (line.loss_permille, line.rtt_us, line.jitter_us) == (25, 12_400, 310)
    assert (line.month_mb, line.up, line.good) == (7, True, True)
    assert (switch.cause, switch.ago_ms, switch.gap_ms) == ("lost", 4000, 340)
    assert (made.active, made.tunnels, made.drill) == ("wan1", ("wan1",), None)


def test_rates_are_those_between_two_reports():
    reports = Reports(DIGEST)
    first, later = status(), status(at=110.0)
    later["lines"][0].update(sent_bytes=1_250_000, received_bytes=2_500_000)
    assert reports.make(first).lines[0].up_kbits == 0
    line = reports.make(later).lines[0]
    assert (line.up_kbits, line.down_kbits) == (1000, 2000)


def test_reports_of_one_start_are_numbered():
    reports = Reports(DIGEST)
    assert [reports.make(status()).sequence for _ in range(3)] == [1, 2, 3]


@pytest.mark.row("N11")
def test_an_order_carries_the_command_and_whether_somebody_calls_for_help():
    command = Command("drill", "a" * 16, "wan1", 60)
    order = order_of(Answer(1, 10, DIGEST, False, command))
    assert (order.kind, order.line, order.seconds, order.emergency) == ("drill", "wan1", 60, False)
    quiet = order_of(Answer(1, 10, DIGEST, True, None))
    assert (quiet.kind, quiet.emergency) == ("none", True)
