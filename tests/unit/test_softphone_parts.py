"""What the test telephones measure with: pitches in sound, names in SIP messages."""

import array

import pytest

from tests.support.softphones import tones
from tests.support.softphones.message import Message, Party, party


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_a_pitch_is_heard_and_its_neighbours_are_not(rate):
    assert tones.heard(tones.sine(640, rate, tones.WINDOW_S), rate, [520, 580, 640, 700]) == [640]


def test_two_pitches_at_once_are_both_heard():
    pair = zip(tones.sine(520, 8000, 0.1), tones.sine(700, 8000, 0.1), strict=True)
    mixed = array.array("h", (a + b for a, b in pair))
    assert tones.heard(mixed, 8000, [520, 580, 640, 700]) == [520, 700]


def test_silence_holds_no_pitch():
    assert tones.heard(array.array("h", bytes(1600)), 8000, [520]) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"Niccolò D\'Amico" <sip:201@10.0.0.1>', Party("Niccolò D'Amico", "201")),
        ('"A \\"quoted\\" name" <sip:5@h>;tag=x', Party('A "quoted" name', "5")),
        ("Plain <sips:201@h>", Party("Plain", "201")),
        ("sip:201@h", Party("", "201")),
    ],
)
def test_a_name_addr_is_taken_apart(text, expected):
    assert party(text) == expected


def test_the_asserted_identity_counts_before_from():
    text = (
        'INVITE sip:x SIP/2.0\nFrom: "Liar" <sip:9@h>\nCSeq: 1 INVITE\n'
        'P-Asserted-Identity: "Anna" <sip:201@h>\n\n'
    )
    assert Message("RX", 0.0, text).party() == Party("Anna", "201")
