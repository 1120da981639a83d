"""The secrets of a phone: made once, renewed all together."""

import dataclasses

from appliance.services import registry
from appliance.state.fields import Secret
from provisioning import enrolment
from tests.support import phone_estate
from tests.support.phone_estate import device


def test_a_phone_gets_a_token_once():
    bare = device("yealink-t54w", 1, token=Secret(""))
    made = enrolment.completed(bare)
    assert len(made.token.reveal()) >= 22
    assert enrolment.completed(made) == made


def test_what_is_not_served_gets_no_token():
    for values in ({"model": "softphone"}, {"mac": ""}, {"transport": "wss"}):
        bare = dataclasses.replace(device("yealink-t54w", 1), token=Secret(""), **values)
        assert enrolment.completed(bare) == bare


def test_a_replaced_phone_shares_no_secret_with_the_lost_one():
    lost = device("yealink-t54w", 1, web_password=Secret("WebWebWebWeb"))
    new = enrolment.renewed(lost)
    assert new.token != lost.token
    assert new.web_password != lost.web_password
    assert new.lines[0].secret != lost.lines[0].secret
    phone_estate.company(new)


def test_a_new_site_has_a_password_that_phones_take():
    site = enrolment.new_site("main")
    assert enrolment.new_site("main") != site
    state = phone_estate.company(device("snom-d785", 1))
    settings = dataclasses.replace(state["provisioning"], sites=(site,))
    assert registry.check(state.replaced(provisioning=settings)) == ()
