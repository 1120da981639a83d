"""Signing in: the first account, second factors, limits, cookies, headers."""

import os
import re
import time

import argon2
import pytest

from portal.core import setup_code
from portal.core.accounts import account_of, any_account
from portal.core.attempts import PER_ACCOUNT_AND_ADDRESS
from portal.core.audit import AuditEntry
from portal.core.db import db, transaction
from portal.preview import add_account
from tests.support.portal_accounts import Browser
from tests.unit.portal.conftest import PASSWORD


def first_account(browser, code, **other):
    form = {
        "code": code,
        "name": "Ada Fermi",
        "email": "Ada@Example.com",
        "password": PASSWORD,
        **other,
    }
    form["csrf_token"] = browser.token("/setup/")
    return browser.post("/setup/", data=form, headers={"Referer": "https://localhost/"})


def sign_in(browser, email, password):
    form = {"email": email, "password": password, "csrf_token": browser.token("/login")}
    return browser.post("/login", data=form, headers={"Referer": "https://localhost/"})


@pytest.mark.row("S2")
def test_the_setup_code_makes_one_account_and_is_gone(app):
    path = app.extensions["settings"].setup_code
    code = path.read_text().strip()
    browser = Browser(app)
    assert first_account(browser, "WRONG").status_code == 422
    assert first_account(browser, code, password="password1234").status_code == 422
    with app.app_context():
        assert account_of("ada@example.com") is None
    assert first_account(browser, code.lower().replace("-", " ")).status_code == 302
    assert not path.exists()
    assert browser.get("/setup/").status_code == 302
    with app.app_context():
        assert account_of("ada@example.com").profile.preset == "it_manager"
        assert setup_code.ensure(path) == ""


def test_the_setup_code_is_for_the_owner_of_the_file_alone(app):
    assert app.extensions["settings"].setup_code.stat().st_mode & 0o777 == 0o600


def test_the_address_of_a_new_machine_leads_to_the_setup_and_later_to_signing_in(app):
    browser = Browser(app)
    assert browser.get("/", follow_redirects=True).request.path == "/setup/"
    assert (
        first_account(browser, app.extensions["settings"].setup_code.read_text()).status_code == 302
    )
    assert Browser(app).get("/", follow_redirects=True).request.path == "/login"


@pytest.mark.row("S2")
def test_no_account_exists_before_setup(app):
    with app.app_context():
        assert not any_account()


@pytest.mark.row("S2")
def test_a_password_alone_does_not_sign_in(app):
    add_account(app, "ada@example.com", "Ada", PASSWORD, "it_manager")
    browser = Browser(app)
    answer = sign_in(browser, "ada@example.com", PASSWORD)
    assert answer.status_code in {200, 302}
    assert browser.get("/people/").status_code == 302


@pytest.mark.row("S1")
def test_guesses_are_limited_for_an_account_and_address_and_nobody_else(app, capsys):
    add_account(app, "ada@example.com", "Ada", PASSWORD, "it_manager")
    browser = Browser(app)
    token = browser.token("/login")

    def guess(email, address="192.0.2.1"):
        form = {"email": email, "password": "wrong password", "csrf_token": token}
        headers = {"Referer": "https://localhost/"}
        environ = {"REMOTE_ADDR": address}
        return browser.post("/login", data=form, headers=headers, environ_base=environ).status_code

    answers = [guess("ada@example.com") for _each in range(PER_ACCOUNT_AND_ADDRESS + 2)]
    assert answers.count(429) == 2
    # The line that fail2ban counts, once for each guess that was refused.
    line = "portal WARNING 192.0.2.1 refused (too-many)"
    assert capsys.readouterr().err.splitlines().count(line) == 2
    assert guess("bea@example.com") == 200
    assert guess("ada@example.com", "192.0.2.2") == 200


def _counted(function, calls):
    def counting(*args, **kwargs):
        calls.append(function.__name__)
        return function(*args, **kwargs)

    return counting


@pytest.mark.row("S2")
def test_an_unknown_account_costs_a_hash_too_and_reads_the_same(app, monkeypatch):
    """The time of a sign-in is that of its one hash; measured in bench/portal.py."""
    add_account(app, "ada@example.com", "Ada", PASSWORD, "it_manager")
    hashes = []
    for name in ("hash_secret", "verify_secret"):
        made = getattr(argon2.low_level, name)
        monkeypatch.setattr(argon2.low_level, name, _counted(made, hashes))
    browser = Browser(app)
    texts, counts = set(), []
    for email in ("ada@example.com", "nobody@example.com"):
        hashes.clear()
        answer = sign_in(browser, email, "wrong password here")
        counts.append(len(hashes))
        texts.add(re.sub(r'value="[^"]*"', "", answer.text))
    assert counts == [1, 1]
    assert len(texts) == 1


def test_hashes_are_argon2id(app):
    add_account(app, "ada@example.com", "Ada", PASSWORD, "it_manager")
    with app.app_context():
        assert account_of("ada@example.com").password.startswith("$argon2id$")


@pytest.mark.row("S1")
def test_cookies_are_bound_to_host_and_https(app):
    add_account(app, "ada@example.com", "Ada", PASSWORD, "it_manager")
    answer = Browser(app).get("/login")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-portal=")
    for part in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
        assert part in cookie
    assert "Domain" not in cookie


@pytest.mark.row("S1")
def test_every_answer_carries_the_headers(app, manager):
    for path in ("/login", "/people/", "/nowhere", "/static/portal.css"):
        with manager.get(path) as answer:
            headers = answer.headers
        policy = headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "object-src 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "max-age" in headers["Strict-Transport-Security"]


@pytest.mark.row("S1")
def test_no_page_has_inline_scripts_or_styles(company, manager):
    for path in ("/overview", "/people/", "/people/new", "/changes/", "/accounts/", "/me/"):
        page = manager.get(path).text
        assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=|<style", page), path


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {},
    ],
)
def test_a_write_from_elsewhere_or_without_token_is_refused(company, manager, headers):
    answer = manager.post("/people/new", data={"last_name": "X"}, headers=headers)
    assert answer.status_code in {400, 403}


def test_a_new_start_ends_sessions_and_the_second_factor(app, manager):
    add_account(app, "bea@example.com", "Bea", PASSWORD, "operator")
    with app.app_context(), transaction():
        bea = account_of("bea@example.com")
        bea.tf_primary_method, bea.tf_totp_secret = "authenticator", "x"
        id, before = bea.id, bea.fs_uniquifier
    page = manager.send(f"/accounts/{id}/restart").text
    assert re.search(r"[a-z]{4}(-[a-z]{4}){4}", page)
    with app.app_context():
        after = account_of("bea@example.com")
        assert after.fs_uniquifier != before
        assert after.tf_primary_method is None


@pytest.mark.parametrize("path", ["/login", "/wan-signin", "/setup/", "/health", "/nowhere"])
def test_pages_before_signing_in_have_no_error(app, path):
    if path != "/setup/":
        add_account(app, "ada@example.com", "Ada", PASSWORD, "it_manager")
    answer = Browser(app).get(path)
    assert answer.status_code == (404 if path == "/nowhere" else 200)


def recovered(browser, app, code, email="it@example.com", password="cinque lampare gialle salgono"):
    form = {"code": code, "name": "Ada Fermi", "email": email, "password": password}
    form["csrf_token"] = browser.token("/setup/recovery")
    return browser.post("/setup/recovery", data=form, headers={"Referer": "https://localhost/"})


def laid(app, code="7KQM-2XWD-9FHT-R4BV"):
    app.extensions["settings"].recovery_code.write_text(f"{code}\n")
    return code


def test_without_a_code_of_the_console_there_is_no_page_to_become_administrator(app, manager):
    assert Browser(app).get("/setup/recovery").status_code == 404


def test_an_old_code_of_the_console_is_worth_nothing(app, manager):
    laid(app)
    then = time.time() - 3700
    os.utime(app.extensions["settings"].recovery_code, (then, then))
    assert Browser(app).get("/setup/recovery").status_code == 404


def test_a_wrong_code_of_the_console_changes_nothing(app, manager):
    laid(app)
    browser = Browser(app)
    assert recovered(browser, app, "AAAA-AAAA-AAAA-AAAA").status_code == 422
    assert app.extensions["settings"].recovery_code.exists()


def test_the_code_of_the_console_makes_a_locked_out_account_administrator_once(app, manager):
    add_account(app, "olga@example.com", "Olga", "quattro lampioni blu dondolano", "operator")
    with app.app_context(), transaction():
        account_of("olga@example.com").active = False
    browser = Browser(app)
    assert recovered(browser, app, laid(app), "Olga@Example.com").status_code == 302
    with app.app_context():
        account = account_of("olga@example.com")
        assert account.active
        assert account.profile.preset == "it_manager"
        assert not account.second_factor
        entry = db.session.scalars(db.select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert (entry.action, entry.author) == ("account.recovery", "console")
    assert browser.get("/setup/recovery").status_code == 404


def test_the_code_of_the_console_makes_a_new_account_where_there_is_none(app, manager):
    assert recovered(Browser(app), app, laid(app), "new@example.com").status_code == 302
    with app.app_context():
        assert account_of("new@example.com").profile.preset == "it_manager"
