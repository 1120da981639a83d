"""Pages of settings: one record that is always there."""

import re

import pytest

from portal.core import draft
from portal.core.db import transaction
from portal.core.shapes import Place

MAIL = {
    "server": "smtp.example.com",
    "port": "587",
    "security": "starttls",
    "user": "pbx",
    "password": "violet-Lamp-19",
    "sender": "centralino@example.com",
}


def version(page) -> str:
    return re.search(r'name="version" value="([^"]+)"', page.text)[1]


def save(manager, path, form):
    return manager.send(path, {**form, "version": version(manager.get(path))})


def mail(app):
    with app.app_context():
        return draft.settings("mail")[0]


@pytest.mark.row("D5")
def test_settings_are_saved_and_taken_back(company, manager):
    assert save(manager, "/mail/", MAIL).status_code == 302
    assert mail(company).server == "smtp.example.com"
    with company.app_context(), transaction():
        query = draft.db.select(draft.audit.AuditEntry).order_by(draft.audit.AuditEntry.id.desc())
        draft.undo(draft.db.session.scalars(query.limit(1)).one())
    assert mail(company).server == ""


def test_settings_that_nobody_has_saved_yet_have_a_page_too(company, manager):
    with company.app_context(), transaction():
        draft.db.session.delete(draft.find(Place("mail")))
    assert save(manager, "/mail/", MAIL).status_code == 302
    assert mail(company).port == 587


def test_the_second_editor_of_settings_loses_nothing(company, manager):
    seen = version(manager.get("/mail/"))
    manager.send("/mail/", {**MAIL, "version": seen})
    answer = manager.send("/mail/", {**MAIL, "server": "mx.example.org", "version": seen})
    assert answer.status_code == 412
    assert 'value="mx.example.org"' in answer.text
    assert mail(company).server == "smtp.example.com"


def test_a_password_is_never_shown_kept_when_left_empty_and_forgotten_when_asked(company, manager):
    save(manager, "/mail/", MAIL)
    assert MAIL["password"] not in manager.get("/mail/").text
    save(manager, "/mail/", {**MAIL, "password": "", "port": "25"})
    assert mail(company).password.reveal() == MAIL["password"]
    save(manager, "/mail/", {**MAIL, "user": "", "password": ["", "erase"]})
    assert mail(company).password.reveal() == ""


def test_a_fault_in_settings_leads_to_its_field(company, manager):
    save(manager, "/mail/", {**MAIL, "sender": ""})
    assert 'href="/mail/#sender"' in manager.get("/checks/").text


@pytest.mark.row("D5")
def test_a_change_of_settings_is_a_sentence_with_a_link(company, manager):
    with company.app_context():
        codes = draft.settings("feature_codes")[0]
    form = {name: getattr(codes, name) for name in codes.__dataclass_fields__}
    save(manager, "/feature-codes/", {**form, "group_pickup": "*7"})
    page = manager.get("/changes/").text
    assert 'href="/feature-codes/#group_pickup"' in page
    assert "*7" in page


def test_the_outside_number_of_a_site_is_kept(company, manager):
    form = {"name": "Parma", "address": "Via Toscana 1", "number": "+390521123456"}
    form |= {"time_zone": "Europe/Rome", "version": "1"}
    assert manager.send("/sites/parma", form).status_code == 302
    with company.app_context():
        assert draft.state()["organisation"].sites[1].number == "+390521123456"


def test_what_nobody_did_by_hand_is_told_in_the_readers_language(company, manager):
    shown = manager.get("/audit/").text
    assert "<td>questo sistema</td>" in shown
    assert "<td>system</td>" not in shown
