"""Telephones in the portal's forms: secrets made by the system, keys, what sites share."""

import re

import pytest

from portal.core import draft
from portal.core.shapes import Place


def device(app, id):
    with app.app_context():
        row = draft.find(Place("devices", "devices", id))
        return draft.instance(row) if row else None


def site(app, id):
    with app.app_context():
        row = draft.find(Place("provisioning", "sites", id))
        return draft.instance(row) if row else None


def sent(manager, path, **values):
    """Send the form of a page with some values changed."""
    page = manager.get(path).get_data(as_text=True)
    version = re.search(r'name="version" value="([^"]*)"', page)[1]
    return manager.send(path, {"version": version, "site": "main", "transport": "tls", **values})


PHONE = {
    "label": "Reception",
    "model": "yealink-t54w",
    "mac": "00:15:65:AA:BB:CC",
    "expansion_modules": "0",
    "lines-0-extension": "200",
    "lines-0-slot": "2",
    "lines-0-ring_delay_s": "0",
}


@pytest.fixture
def bare(company):
    """The sample company, whose sites share nothing for telephones yet."""
    with company.app_context():
        from portal.core.db import transaction
        from portal.core.draft import Edit

        rows = [row.place for row in draft.objects("provisioning", "sites")]
        devices = [row.place for row in draft.objects("devices", "devices")]
        with transaction():
            draft.commit([Edit(place, None) for place in (*devices, *rows)])
    return company


@pytest.mark.row("K4")
def test_a_telephone_gets_its_secrets_and_its_site_a_password(bare, manager):
    answer = sent(manager, "/devices/new", **PHONE)
    assert answer.status_code == 302, answer.get_data(as_text=True)
    made = device(bare, "001565aabbcc")
    assert len(made.token.reveal()) >= 22
    assert len(made.lines[0].secret.reveal()) >= 20
    assert len(site(bare, "main").web_password.reveal()) >= 12
    with bare.app_context():
        assert draft.faults() == ()


def test_saving_again_keeps_the_secrets(bare, manager):
    sent(manager, "/devices/new", **PHONE)
    before, shared = device(bare, "001565aabbcc"), site(bare, "main")
    sent(manager, "/devices/001565aabbcc", **{**PHONE, "label": "Desk"})
    after = device(bare, "001565aabbcc")
    assert after.label == "Desk"
    assert (after.token, after.lines[0].secret) == (before.token, before.lines[0].secret)
    assert site(bare, "main") == shared


def test_a_telephone_set_up_by_hand_gets_no_token(bare, manager):
    sent(manager, "/devices/new", **{**PHONE, "model": "other"})
    assert not device(bare, "001565aabbcc").token
    assert site(bare, "main") is None


def test_keys_are_kept_as_they_were_typed(bare, manager):
    keys = {
        "keys-0-position": "2",
        "keys-0-kind": "blf",
        "keys-0-watches": "201",
        "keys-0-line": "1",
        "keys-1-position": "3",
        "keys-1-kind": "speed_dial",
        "keys-1-number": "+390522123456",
        "keys-1-label": "Ing. Rossi",
        "keys-1-line": "1",
    }
    answer = sent(manager, "/devices/new", **PHONE, **keys)
    assert answer.status_code == 302, answer.get_data(as_text=True)
    lamp, dial = device(bare, "001565aabbcc").keys
    assert (lamp.kind, lamp.watches.id, lamp.watches.kind) == ("blf", "201", "extension")
    assert (dial.number, dial.label, dial.watches) == ("+390522123456", "Ing. Rossi", None)
    text = manager.get("/devices/001565aabbcc").get_data(as_text=True)
    assert re.search(r'name="keys-0-watches"[^>]*value="201"', text)


def test_a_key_that_cannot_be_is_said_at_its_field(bare, manager):
    wrong = {"keys-0-position": "2", "keys-0-kind": "speed_dial", "keys-0-number": "1;2"}
    answer = sent(manager, "/devices/new", **PHONE, **{"keys-0-line": "1"}, **wrong)
    assert answer.status_code == 422
    assert device(bare, "001565aabbcc") is None


@pytest.mark.row("K4")
def test_a_key_that_does_not_fit_is_said_before_anything_is_applied(bare, manager):
    beyond = {"keys-0-position": "28", "keys-0-kind": "speed_dial", "keys-0-number": "118"}
    sent(manager, "/devices/new", **PHONE, **beyond, **{"keys-0-line": "1"})
    text = manager.get("/devices/001565aabbcc").get_data(as_text=True)
    assert "il tasto 28 supera i 27 di Yealink SIP-T54W" in text


def test_passwords_are_on_no_page(bare, manager):
    sent(manager, "/devices/new", **PHONE, web_password="Own-Password1")
    made = device(bare, "001565aabbcc")
    assert made.web_password.reveal() == "Own-Password1"
    pages = [manager.get(path).text for path in ("/devices/", "/devices/001565aabbcc")]
    pages.append(manager.get("/devices/export.csv").text)
    for secret in (made.token, made.web_password, made.lines[0].secret):
        assert not any(secret.reveal() in page for page in pages)


def test_a_site_says_from_where_its_telephones_may_come(bare, manager):
    sent(manager, "/devices/new", **PHONE)
    before = site(bare, "main")
    assert "Reggio" in manager.get("/phone-sites/").text
    values = {
        "networks": "10.20.1.0/24\n10.20.2.0/24",
        "ntp_server": "time.example",
        "web_password": "",
    }
    answer = sent(manager, "/phone-sites/main", **values)
    assert answer.status_code == 302
    after = site(bare, "main")
    assert after.networks == ("10.20.1.0/24", "10.20.2.0/24")
    assert after.ntp_server == "time.example"
    assert after.web_password == before.web_password
    assert before.web_password.reveal() not in manager.get("/phone-sites/main").text
    assert (
        sent(manager, "/phone-sites/main", **{**values, "networks": "nonsense"}).status_code == 422
    )


def test_a_site_goes_with_what_its_telephones_share(bare, manager):
    sent(manager, "/devices/new", **{**PHONE, "site": "parma"})
    assert site(bare, "parma") is not None
    manager.send("/devices/001565aabbcc/delete")
    manager.send("/sites/parma/delete")
    assert site(bare, "parma") is None
