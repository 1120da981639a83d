"""The recovery code: what people write down opens a backup, and a slip is told."""

import subprocess

import pytest

from appliance.system.backup.errors import WrongCode
from appliance.system.backup.recovery_code import keys_of, new_code, read_code


@pytest.mark.row("N12")
def test_a_code_is_read_however_it_is_typed():
    code = new_code()
    typed = f"  {code.reveal().lower().replace('-', ' ')}\n"
    assert read_code(typed) == code


def test_one_wrong_sign_is_told_before_anything_is_opened():
    code = new_code().reveal()
    wrong = ("A" if code[0] != "A" else "B") + code[1:]
    with pytest.raises(WrongCode, match="mistyped"):
        read_code(wrong)


def test_a_code_that_is_too_short_is_told_so():
    with pytest.raises(WrongCode, match="28 letters and digits, this has 27"):
        read_code(new_code().reveal()[:-1])


def test_two_codes_have_nothing_in_common():
    first, second = keys_of(new_code()), keys_of(new_code())
    assert first.identity != second.identity
    assert first.seal != second.seal


def test_the_identity_is_one_that_age_reads():
    identity = keys_of(new_code()).identity.reveal()
    asked = subprocess.run(["age-keygen", "-y"], input=identity, capture_output=True, text=True)
    assert asked.stdout.startswith("age1"), asked.stderr


def test_no_part_of_the_code_shows_where_keys_are_printed():
    code = new_code()
    assert code.reveal() not in repr(keys_of(code))
