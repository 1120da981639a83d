"""Calls between extensions: sound both ways, names on displays, what happens otherwise."""

from __future__ import annotations

import pytest

from appliance.state.references import Destination
from tests.calls.company import company, name


@pytest.fixture(scope="module", autouse=True)
def running_company(pbx):
    pbx.apply(
        company(
            "201",
            "202",
            "203",
            "204",
            "205",
            transports={"203": "tcp", "204": "tls"},
            extensions={
                "202": {"on_busy": Destination("extension", "203")},
                "203": {"ring_time_s": 5, "on_no_answer": Destination("extension", "201")},
                "205": {"call_waiting": False},
            },
        )
    )


@pytest.mark.row("P19")
@pytest.mark.parametrize(("number", "options"), [
    ("202", {}),
    ("202", {"codecs": ("g722/16000/1",)}),
    ("203", {"transport": "tcp"}),
    ("204", {"transport": "tls", "encrypted": True}),
], ids=["udp-alaw", "udp-g722", "tcp", "tls-srtp"])  # fmt: skip
def test_both_hear_each_other(desks, number, options):
    anna, other = desks.phone("201"), desks.phone(number, **options)
    call = anna.call(number)
    ringing = other.expect_ringing()
    ringing.expect_shown(name("201"), "201")
    call.expect_ringback()
    call.expect_shown(name(number), number)
    ringing.answer()
    call.hears(other)
    ringing.hears(anna)
    call.expect_shown(name(number), number)
    anna.hang_up()
    ringing.expect_ended()
