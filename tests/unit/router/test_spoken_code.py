"""The code that is read out over the telephone: what it forgives and what it does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_router import spoken_code
from failover_router.spoken_code import ALPHABET, Code, CodeError

pytestmark = pytest.mark.row("B5")

PEM = "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n"
CODES = st.builds(
    Code, st.text(ALPHABET, min_size=7, max_size=7), st.text(ALPHABET, min_size=8, max_size=8)
)


@given(CODES)
def test_a_code_comes_back_from_how_it_is_read_out(code):
    assert spoken_code.read(code.text) == code
    assert spoken_code.read(f"  {code.text.lower().replace('-', ' ')} ") == code


def test_letters_that_look_alike_are_one():
    code = Code("1000000", "00000000")
    assert spoken_code.read(code.text.replace("1", "l", 1).replace("0", "O")) == code


@given(CODES, st.integers(0, 15), st.sampled_from(ALPHABET))
def test_every_wrong_sign_is_found_before_a_guess_is_spent(code, place, sign):
    signs = code.text.replace("-", "")
    wrong = signs[:place] + sign + signs[place + 1 :]
    if wrong != signs:
        with pytest.raises(CodeError, match="compare them again"):
            spoken_code.read(wrong)


@pytest.mark.parametrize("typed", ["", "K7QM", "U" * 16, "K7QM-2XDN-R4TB-9WVCA", "è" * 16])
def test_what_is_no_code_is_said_to_be_none(typed):
    with pytest.raises(CodeError):
        spoken_code.read(typed)


def test_the_fingerprint_is_that_of_the_certificate_and_not_of_its_text():
    found = spoken_code.fingerprint(PEM)
    assert len(found) == 8
    assert spoken_code.fingerprint(f"subject=CN = other\n{PEM}") == found
    assert spoken_code.fingerprint(PEM.replace("TUlJQg==", "TUlJQw==")) != found


def test_a_code_does_not_show_itself_in_a_log():
    assert "ABCDEFG" not in repr(Code("ABCDEFG", "00000000"))
