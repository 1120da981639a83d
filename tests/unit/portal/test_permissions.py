"""Deny by default: every route, with every permission profile."""

import pytest

from portal.core import permissions
from portal.core.accounts import PermissionProfile, account_of
from portal.core.db import db, transaction
from portal.core.permissions import NOBODY, PRESETS, PUBLIC, SIGNED_IN
from portal.preview import add_account
from tests.support.portal_accounts import Browser, session_of
from tests.unit.portal.conftest import PASSWORD

VALUES = {
    "id": "1",
    "number": 1,
    "token": "x",
    "name": "company",
    "filename": "portal.css",
    "part": "signalling",
    "piece": "x",
    "site": "parma",
    "kind": "routeros",
}
NOT_WALKED = {"static"}
"""The files of the tree, which everybody may have."""


def routes(app) -> list[tuple[str, str, str]]:
    """(endpoint, method, path) of every route that a browser can ask for."""
    with app.app_context():
        return list(_routes(app))


def _routes(app):
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        for rule in app.url_map.iter_rules():
            if rule.endpoint in NOT_WALKED or permissions.needed(app, rule.endpoint) == NOBODY:
                continue
            values = {name: VALUES[name] for name in rule.arguments}
            if not rule.rule.endswith("/<id>") and "id" in values:
                values["id"] = 1
            for method in rule.methods & {"GET", "POST"}:
                yield rule.endpoint, method, adapter.build(rule.endpoint, values, method)


def wanted(app, endpoint: str, preset: str) -> bool:
    """Whether a profile may have a route, by the table alone."""
    need = permissions.needed(app, endpoint)
    profile = PermissionProfile(name=preset, preset=preset)
    with app.app_context():
        granted = permissions.permissions_of(profile)
    return need in {PUBLIC, SIGNED_IN} or preset == "it_manager" or need in granted


def test_every_route_says_what_it_needs(app):
    silent = [e for e, _m, _p in routes(app) if permissions.needed(app, e) is None]
    assert silent == []


def test_a_route_that_says_nothing_is_denied(app, manager):
    app.view_functions["health.health"] = lambda: "open"
    assert manager.get("/health").status_code == 403


@pytest.mark.row("D2")
@pytest.mark.parametrize("preset", PRESETS)
def test_a_profile_gets_exactly_what_it_is_granted(company, preset):
    company.config["PROPAGATE_EXCEPTIONS"] = False
    add_account(company, "p@example.com", "P", PASSWORD, preset)
    browser = session_of(company, "p@example.com")
    headers = {"X-CSRFToken": browser.token(), "Referer": "https://localhost/"}
    wrong = []
    for endpoint, method, path in routes(company):
        if endpoint.startswith("security."):
            # Some of these end the session when they are asked out of turn.
            browser = session_of(company, "p@example.com")
            headers["X-CSRFToken"] = browser.token()
        answer = browser.open(path, method=method, headers=headers)
        assert answer.status_code != 500, endpoint
        denied = answer.status_code == 403
        if denied == wanted(company, endpoint, preset) and not _forbidden_by_object(
            endpoint, preset
        ):
            wrong.append((endpoint, method, answer.status_code))
    assert wrong == []


def _forbidden_by_object(endpoint: str, preset: str) -> bool:
    """Views that also look at the object: undo, one's own account, presets."""
    return endpoint in {"audit.undo", "accounts.restart", "accounts.profile"} or (
        endpoint == "accounts.view_as" and preset != "it_manager"
    )


@pytest.mark.row("D2")
def test_without_an_account_only_public_pages_answer(company):
    browser = Browser(company)
    for endpoint, method, path in routes(company):
        if permissions.needed(company, endpoint) == PUBLIC or method == "POST":
            continue
        answer = browser.get(path)
        assert answer.status_code == 302, endpoint
        assert "/login" in answer.headers["Location"]


def scoped(app, preset: str, departments: list[str]):
    add_account(app, "s@example.com", "S", PASSWORD, preset)
    with app.app_context(), transaction():
        account_of("s@example.com").departments = departments
    return session_of(app, "s@example.com")


@pytest.mark.row("D2")
def test_a_scoped_profile_sees_and_changes_only_its_departments(company):
    browser = scoped(company, "hr", ["Vendite"])
    page = browser.get("/people/").text
    assert "Niccolò D&#39;Amico" in page
    assert "Chiara Nardò" not in page
    assert browser.get("/people/chiara-nardo").status_code == 404
    assert browser.send("/people/chiara-nardo", {"version": "1.1"}).status_code == 404
    assert b"Chiara" not in browser.get("/people/export.csv").data


@pytest.mark.row("D2")
def test_a_scoped_profile_cannot_move_people_into_another_department(company):
    browser = scoped(company, "hr", ["Vendite"])
    form = {
        "version": "1.1",
        "first_name": "Niccolò",
        "last_name": "D'Amico",
        "number": "200",
        "department": "Direzione",
        "site": "main",
        "language": "it",
        "ring_time_s": "25",
    }
    answer = browser.send("/people/niccolo-d-amico", form)
    assert "reparti" in answer.text
    answer = browser.send("/people/import", {"pasted": "last_name;department\nNuovo;Direzione"})
    assert answer.status_code == 422


@pytest.mark.row("D2")
def test_viewing_as_a_profile_shows_what_it_sees_and_changes_nothing(company, manager):
    with company.app_context():
        query = db.select(PermissionProfile.id).filter_by(preset="operator")
        operator = db.session.scalar(query)
    manager.send(f"/accounts/view-as/{operator}")
    assert manager.get("/people/").status_code == 200
    assert manager.get("/system/").status_code == 403
    assert manager.send("/me/language", {"language": "en"}).status_code == 302
    assert manager.send("/people/new", {"last_name": "X"}).status_code == 403
    manager.send("/accounts/stop")
    assert manager.get("/system/").status_code == 200


def test_a_profile_of_ones_own_grants_what_is_ticked(company, manager):
    form = {"name": "Reception", "scope": "all", "grant": ["people.view", "people.shred"]}
    manager.send("/accounts/profiles/new", form)
    with company.app_context():
        query = db.select(PermissionProfile.granted).filter_by(name="Reception")
        assert db.session.scalar(query) == ["people.view"]


def test_nobody_takes_their_own_rights_away(company, manager):
    with company.app_context():
        account = account_of("it@example.com")
    form = {
        "name": account.name,
        "email": account.email,
        "profile": account.profile_id + 1,
        "language": "it",
        "active": "y",
    }
    assert manager.send(f"/accounts/{account.id}", form).status_code == 422
    with company.app_context():
        assert account_of("it@example.com").profile.preset == "it_manager"


def test_a_closed_account_is_out_at_the_next_request(company, manager):
    with company.app_context(), transaction():
        account_of("it@example.com").active = False
    assert manager.get("/people/").status_code == 302
