"""The page of other machines, the tokens, and the list that they open."""

import html
import json
import re

import pytest

from portal.core import draft
from portal.core.audit import AuditEntry
from portal.core.db import db
from portal.peers import words
from portal.peers.models import ListReader
from portal.preview import add_account
from tests.support.portal_accounts import session_of

pytestmark = pytest.mark.row("S4")

FORM = {"name": "Modena", "address": "pbx.modena.example.com", "port": "443", "certificate": ""}
LIST = "/shared-bans/v1"


def made(manager, name="Parma"):
    """A new token, as the page shows it."""
    page = manager.send("/shared-bans/tokens", {"name": name})
    assert page.status_code == 200
    return re.search(r'id="token">([^<]+)<', page.text)[1]


def asked(app, token=None, **headers):
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return app.test_client().get(LIST, headers=headers)


@pytest.fixture
def modena(company, manager):
    """Another machine, named and applied."""
    manager.send("/peers/new", {**FORM, "token": "t" * 40})
    with company.app_context():
        engine = company.extensions["engine"]
        job = engine.apply(draft.state(), 0, "test")
        while not engine.job(job)["done"]:
            pass
        assert engine.job(job)["error"] is None
    return company


# ── the list ──────────────────────────────────────────────────────────────────────────


def test_a_token_opens_the_list_and_says_when_it_was_used(company, manager):
    token = made(manager)
    answer = asked(company, token)
    assert answer.status_code == 200
    assert [each["network"] for each in json.loads(answer.data)["entries"]] == ["203.0.113.77/32"]
    assert answer.headers["Cache-Control"] == "no-store"
    with company.app_context():
        assert db.session.scalar(db.select(ListReader)).seen_at is not None


def test_a_list_that_has_not_changed_is_not_sent_again(company, manager):
    token = made(manager)
    tag = asked(company, token).headers["ETag"]
    again = asked(company, token, **{"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    company.extensions["engine"].lift("sip", "203.0.113.77")
    assert asked(company, token, **{"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "Basic eDp5", "Bearer è"])
def test_without_its_token_nobody_reads_the_list(company, manager, header):
    made(manager)
    headers = {} if header is None else {"Authorization": header}
    answer = company.test_client().get(LIST, headers=headers)
    assert (answer.status_code, answer.data) == (401, b"")


def test_being_signed_in_is_no_token(company, manager):
    assert manager.get(LIST).status_code == 401


def test_a_token_opens_nothing_else(company, manager):
    headers = {"Authorization": f"Bearer {made(manager)}"}
    for address in ("/banned/", "/blocks/export.csv", "/peers/"):
        assert company.test_client().get(address, headers=headers).status_code == 302


def test_a_token_that_was_taken_away_opens_nothing_from_then_on(company, manager):
    token = made(manager)
    with company.app_context():
        id = db.session.scalar(db.select(ListReader.id))
    assert manager.send(f"/shared-bans/tokens/{id}/delete", {}).status_code == 302
    assert asked(company, token).status_code == 401
    assert manager.send(f"/shared-bans/tokens/{id}/delete", {}).status_code == 404


def test_a_token_is_shown_once_and_only_its_hash_is_kept(company, manager):
    token = made(manager)
    assert token not in manager.get("/peers/").text
    with company.app_context():
        reader = db.session.scalar(db.select(ListReader))
        assert token not in (reader.digest, reader.name)
        kept = db.session.scalars(db.select(AuditEntry)).all()
        assert all(token not in f"{each.subject}{each.detail}{each.edits}" for each in kept)


def test_a_token_comes_with_all_that_the_other_machine_must_be_told(company, manager):
    page = manager.send("/shared-bans/tokens", {"name": "Parma"}).text
    assert "pbx.example.com" in page
    assert "BEGIN CERTIFICATE" in page


@pytest.mark.parametrize("name", ["", " ", "x" * 81, "a\u202eb"])
def test_a_token_needs_the_name_of_its_machine(company, manager, name):
    assert manager.send("/shared-bans/tokens", {"name": name}).status_code == 302
    with company.app_context():
        assert db.session.scalar(db.select(ListReader)) is None


# ── the other machines ────────────────────────────────────────────────────────────────


def test_another_machine_is_named_and_its_token_is_never_shown(company, manager):
    assert manager.send("/peers/new", {**FORM, "token": "geheim" * 7}).status_code == 302
    with company.app_context():
        (peer,) = draft.state()["bans"].peers
        assert (peer.name, peer.token.reveal()) == ("Modena", "geheim" * 7)
        assert draft.faults() == ()
    for address in ("/peers/", "/peers/modena", "/peers/export.csv", "/changes/"):
        assert "geheim" not in manager.get(address).text


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"token": ""}, "bans/peers/modena/token"),
        ({"token": "short"}, "bans/peers/modena/token"),
        ({"token": "t" * 39 + "\r"}, "bans/peers/modena/token"),
        (
            {"certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
            "bans/peers/modena/certificate",
        ),
    ],
)
def test_what_could_not_work_is_a_fault_of_the_draft(company, manager, wrong, where):
    manager.send("/peers/new", {**FORM, "token": "t" * 40, **wrong})
    with company.app_context():
        assert [fault.where for fault in draft.faults()] == [where]


def test_one_machine_twice_is_a_fault(company, manager):
    for name in ("Modena", "Again"):
        manager.send("/peers/new", {**FORM, "name": name, "token": "t" * 40})
    with company.app_context():
        faults = {fault.where for fault in draft.faults()}
        assert faults == {"bans/peers/modena/address", "bans/peers/again/address"}


def test_a_page_shows_each_machine_with_its_entries_and_what_was_refused(modena, manager):
    page = manager.get("/peers/").text
    assert "2 voci" in page
    assert "rifiutate: private (1)" in page


def test_a_machine_that_is_not_applied_yet_says_so(company, manager):
    manager.send("/peers/new", {**FORM, "token": "t" * 40})
    assert "quando le modifiche saranno applicate" in manager.get("/peers/").text


def test_every_fault_of_fetching_has_a_sentence_that_says_what_to_do(modena, manager):
    engine = modena.extensions["engine"]
    told = engine.peers()
    for fault, sentence in words.FAULTS.items():
        state = {**told["peers"][0], "fault": fault, "fault_at": 1}
        engine.peers = lambda state=state: {**told, "peers": [state]}
        page = html.unescape(manager.get("/peers/").text)
        with modena.test_request_context(headers={"Accept-Language": "it"}):
            assert str(sentence) in page, fault


# ── bans ──────────────────────────────────────────────────────────────────────────────


def test_bans_show_from_which_machine_they_come(modena, manager):
    page = manager.get("/banned/").text
    assert "198.51.100.23/32" in page
    assert page.count(">Modena<") == 2
    assert "scans every night" in page


def test_bans_are_found_by_their_address(modena, manager):
    page = manager.get("/banned/?q=198.51.100.23").text
    assert "198.51.100.23/32" in page
    assert "198.51.100.128/25" not in page


def test_whom_another_machine_shuts_out_is_let_in_here_with_a_reason(modena, manager):
    form = {"jail": "peers", "address": "198.51.100.23/32"}
    manager.send("/banned/lift", form)
    assert "consulente" not in manager.get("/banned/").text
    manager.send("/banned/lift", {**form, "reason": "il nostro consulente"})
    page = manager.get("/banned/").text
    assert "il nostro consulente" in page
    assert "it@example.com" in page
    with modena.app_context():
        (entry,) = db.session.scalars(db.select(AuditEntry).filter_by(action="ban.lift"))
        assert entry.detail == {"reason": "il nostro consulente"}


def test_who_is_on_no_list_any_more_is_not_noted_as_let_in(modena, manager):
    form = {"jail": "peers", "address": "192.0.2.99/32", "reason": "late"}
    assert manager.send("/banned/lift", form).status_code == 302
    with modena.app_context():
        assert db.session.scalar(db.select(AuditEntry).filter_by(action="ban.lift")) is None


def test_an_operator_neither_makes_tokens_nor_lifts_bans(company, manager):
    add_account(company, "op@example.com", "Op", "quattro lampioni blu dondolano", "operator")
    operator = session_of(company, "op@example.com")
    assert operator.send("/shared-bans/tokens", {"name": "x"}).status_code == 403
    assert operator.get("/peers/").status_code == 403
