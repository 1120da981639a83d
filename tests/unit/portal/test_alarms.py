"""The page of alarms."""

import re

import pytest

from portal.preview import add_account
from tests.support.portal_accounts import session_of
from tests.unit.portal.conftest import PASSWORD

pytestmark = pytest.mark.row("D1")


@pytest.fixture
def alarmed(manager, app):
    app.extensions["engine"].raise_pretended()
    return manager


def test_alarms_say_what_is_wrong_and_what_to_do(alarmed):
    page = alarmed.get("/alarms/").text
    assert "La linea «Alfatel» non risponde" in page
    assert "chiamare l&#39;operatore" in page


def test_every_page_counts_open_alarms_in_its_head(alarmed):
    assert "2 allarmi aperti" in alarmed.get("/people/").text


def test_who_knows_is_written_down_and_the_count_goes_down(alarmed):
    answer = alarmed.send("/alarms/acknowledge", {"name": "trunk-down", "subject": "Alfatel"})
    assert answer.status_code == 302
    assert "preso in carico da it@example.com" in alarmed.get("/alarms/").text
    assert "1 allarme aperto" in alarmed.get("/people/").text
    assert "trunk-down Alfatel" in alarmed.get("/audit/").text


def test_an_alarm_that_is_over_meanwhile_is_no_error(alarmed):
    answer = alarmed.send("/alarms/acknowledge", {"name": "disk-full", "subject": ""})
    assert answer.status_code == 302


def filled(browser):
    """The form as it stands."""
    version = re.search(r'name="version" value="(\d+)"', browser.get("/alarms/mail").text)[1]
    return {"language": "it", "least": "warning", "repeat_after_h": "24", "version": version}


def test_addresses_of_mails_are_checked_like_any_wish(alarmed):
    form = filled(alarmed)
    wrong = alarmed.send("/alarms/mail", {**form, "addresses": "nobody"})
    assert wrong.status_code == 422
    right = alarmed.send(
        "/alarms/mail", {**form, "addresses": "it@example.com\r\nboss@example.com"}
    )
    assert right.status_code == 302
    assert "boss@example.com" in alarmed.get("/alarms/mail").text


def test_a_second_editor_of_the_addresses_overwrites_nothing_unseen(alarmed):
    form = filled(alarmed)
    alarmed.send("/alarms/mail", {**form, "addresses": "it@example.com"})
    alarmed.send("/alarms/mail", {**form, "addresses": "other@example.com"})
    assert "it@example.com" in alarmed.get("/alarms/mail").text


@pytest.mark.row("S7")
def test_calls_without_sound_are_listed_with_reason_and_advice(manager, app):
    app.extensions["engine"].silence_pretended()
    page = manager.get("/alarms/calls").text
    assert "205 Elena Conti" in page
    assert "Controllare i firewall" in page
    assert "non si sente" in page
    assert '207 Marco Ferri</strong> <span class="badge bg-secondary-lt">non sente' in page
    assert "anche verso il telefono" in page
    assert "19 s" in page


def test_outside_numbers_are_hidden_from_those_who_do_not_see_the_whole_company(app):
    app.extensions["engine"].silence_pretended()
    add_account(app, "op@example.com", "Ugo Foscolo", PASSWORD, "operator")
    page = session_of(app, "op@example.com").get("/alarms/calls").text
    assert "052112••••" in page
    assert "0521123456" not in page
