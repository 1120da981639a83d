"""Which passwords are refused."""

import pytest

from portal.core import passwords


@pytest.mark.row("S2")
@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "elevensigns",
        "qwertyuiopasdf",
        "1q2w3e4r5t6y",
        "Password1234",
        "passwordpassword",
        "P4ssw0rdP4ssw0rd",
        "aaaaaaaaaaaaaaaa",
        "abcabcabcabcabc",
        "123456789012345",
        "poiuytrewqlkjhgf",
        "centralino2026!",
        "Centralino-1234",
        "ceramiche2026",
        "Asterisk!2026",
        "x" * 257,
    ],
)
def test_a_guessable_password_is_refused(app, password):
    with app.test_request_context():
        assert passwords.problems(password, {"Ceramiche", "Enza"})


@pytest.mark.row("S2")
@pytest.mark.parametrize(
    "password",
    [
        "quattro lampioni blu dondolano",
        "kT7#pf02Lqzx",
        "né carne né pesce, martedì",
        "x" * 3 + "kdu28fhwl2jd",
    ],
)
def test_a_password_of_twelve_signs_that_nobody_guesses_is_taken(app, password):
    with app.test_request_context():
        assert passwords.problems(password, {"Ceramiche"}) == []


@pytest.mark.row("S2")
def test_the_list_holds_the_commonest_that_are_long_enough():
    assert len(passwords.common()) >= 3000
    assert all(len(each) >= passwords.SHORTEST for each in passwords.common())
