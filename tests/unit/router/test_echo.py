"""What the echo service answers, and what it believes."""

from __future__ import annotations

import pytest

from failover_router import packets
from failover_router.echo import Echo, Known
from failover_router.packets import Header

MASTER = b"m" * 32
NONCE = 77


@pytest.fixture
def echo() -> Echo:
    made = Echo(MASTER, NONCE)
    made.follow((Known(7, "modena"),))
    return made


def header(**fields) -> Header:
    plain = {
        "kind": packets.QUESTION, "branch": 7, "generation": 1, "instance": 1, "line": 0,
        "tunnel": 0, "number": 1, "sent_us": 5, "nonce": NONCE,
    }  # fmt: skip
    return Header(**{**plain, **fields})


def question(length: int = 0, key: bytes = b"", **fields) -> bytes:
    made = header(**fields)
    key = key or packets.branch_key(MASTER, made.branch, made.generation)
    return packets.pack(made, key, length)


@pytest.mark.parametrize("length", [0, 64, 700, 1472])
def test_an_answer_is_as_long_as_its_question(echo, length):
    asked = question(length=length)
    assert len(echo.answer(asked, "192.0.2.1", 1.0)) == len(asked)


def test_an_answer_is_signed_and_carries_number_and_moment_back(echo):
    answer = echo.answer(question(number=9, sent_us=123), "192.0.2.1", 1.0)
    assert packets.signed(answer, packets.branch_key(MASTER, 7, 1))
    found = packets.header_of(answer)
    assert (found.kind, found.number, found.sent_us) == (packets.ANSWER, 9, 123)


@pytest.mark.row("S6")
@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"CP1",
        bytes(64),
        b"CP1" + bytes(200),
        question(key=b"wrong"),
        question(branch=8),
        question()[:-1],
        question() + b"\0",
        question(kind=packets.ANSWER),
        question(kind=9),
    ],
)
def test_everything_else_gets_silence(echo, datagram):
    assert echo.answer(datagram, "192.0.2.1", 1.0) is None


def test_every_changed_bit_is_noticed(echo):
    good = question(length=64)
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        assert echo.answer(bytes(bad), "192.0.2.1", 1.0) is None


def test_the_way_back_follows_the_tunnel_that_the_router_names(echo):
    echo.answer(question(tunnel=0, number=1), "192.0.2.1", 1.0)
    echo.answer(question(tunnel=1, number=2), "192.0.2.1", 1.1)
    echo.answer(question(tunnel=1, number=3), "192.0.2.1", 1.2)
    assert echo.moved == [(7, 0), (7, 1)]


def test_what_was_recorded_and_is_sent_again_moves_nothing(echo):
    old = question(tunnel=0, number=1)
    echo.answer(old, "192.0.2.1", 1.0)
    echo.answer(question(tunnel=1, number=2), "192.0.2.1", 1.1)
    echo.moved.clear()
    assert echo.answer(old, "198.51.100.66", 1.2) is not None
    other = question(tunnel=0, number=99, nonce=NONCE + 1)
    echo.answer(other, "198.51.100.66", 1.3)
    assert echo.moved == []
    assert echo.seen[7].lines[0][0] == "192.0.2.1"


@pytest.mark.row("B5")
def test_two_routers_with_one_identity_are_told(echo):
    echo.answer(question(instance=1, number=1), "192.0.2.1", 10.0)
    assert not echo.status(10.5, 1000.0)["branches"]["modena"]["twice"]
    echo.answer(question(instance=2, number=1), "198.51.100.1", 11.0)
    echo.answer(question(instance=1, number=2), "192.0.2.1", 11.6)
    assert echo.status(12.0, 1000.0)["branches"]["modena"]["twice"]
    echo.answer(question(instance=2, number=9), "198.51.100.1", 19.0)
    assert not echo.status(20.0, 1000.0)["branches"]["modena"]["twice"]


def test_a_router_that_starts_anew_is_no_second_one(echo):
    echo.answer(question(instance=1, number=1), "192.0.2.1", 10.0)
    echo.answer(question(instance=2, number=1), "192.0.2.1", 11.0)
    echo.answer(question(instance=1, number=2), "192.0.2.1", 11.2)  # was on its way
    echo.answer(question(instance=2, number=2), "192.0.2.1", 12.0)
    assert not echo.status(12.5, 1000.0)["branches"]["modena"]["twice"]


def test_a_branch_that_goes_is_answered_no_more_and_others_keep_their_state(echo):
    echo.answer(question(tunnel=1), "192.0.2.1", 1.0)
    echo.follow((Known(7, "modena"), Known(8, "parma")))
    assert echo.seen[7].tunnel == 1
    echo.follow((Known(8, "parma"),))
    assert echo.answer(question(number=2), "192.0.2.1", 1.0) is None
