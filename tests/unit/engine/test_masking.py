"""Secrets become dots wherever they could be quoted."""

import pytest

from appliance.apply.errors import NotProved
from appliance.apply.masking import DOTS, Masker
from tests.support.companies import company, secret_of
from tests.support.pretend import pretend_engine


def test_a_secret_is_hidden_also_inside_a_longer_word():
    assert Masker(["s3cret"]).masked("x=pres3cretpost s3cre") == f"x=pre{DOTS}post s3cre"


def test_the_longer_of_two_secrets_is_hidden_whole():
    assert Masker(["abcd", "abcdefgh"]).masked("abcdefgh abcd") == f"{DOTS} {DOTS}"


def test_a_secret_is_hidden_as_an_asterisk_file_writes_it():
    assert Masker(["a;b"]).masked("remotesecret is a\\;b") == f"remotesecret is {DOTS}"


@pytest.mark.parametrize(
    "line",
    [
        "password = hunter2",
        "+password=hunter2",
        " password_digest = MD5:hunter2",
        "-secret => hunter2",
        "outbound_password = hunter2",
        "pin=hunter2",
        "api_token = hunter2",
    ],
)
def test_the_value_of_an_option_that_bears_secrets_is_hidden_even_if_it_is_unknown(line):
    assert "hunter2" not in Masker([]).masked(f"[x]\n{line}\nuser = y")


def test_an_empty_secret_hides_nothing():
    assert Masker([""]).masked("as it is") == "as it is"


def test_ten_thousand_secrets_are_looked_for_quickly():
    secrets = [secret_of(str(number)).reveal() for number in range(10000)]
    text = "\n".join(f"[{number}-1] some option" for number in range(400)) + secrets[77]
    assert Masker(secrets).masked(text).endswith(DOTS)


def test_what_the_shadow_quotes_is_masked_on_its_way_out(tmp_path):
    engine = pretend_engine(tmp_path)
    quoted = secret_of("101").reveal()
    engine.shadow.faults = (("devices/x", f"cannot parse password '{quoted}'"),)
    assert quoted not in repr(engine.prove(company(3)))
    with pytest.raises(NotProved) as caught:
        engine.apply(company(3), engine.store.current(), "Ada")
    assert quoted not in repr(caught.value.faults)
