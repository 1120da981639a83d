"""Lists and forms of the screens: search, order, pages, two editors, many at once, undo."""

import re

import pytest

from portal.core import draft
from portal.core.db import transaction

NARDO = {
    "first_name": "Chiara",
    "last_name": "Nardò",
    "number": "201",
    "email": "chiara.nardo@example.com",
    "department": "Amministrazione",
    "site": "main",
    "language": "it",
    "ring_time_s": "25",
}


def names(page: str) -> list[str]:
    return re.findall(r'name="id" value="([a-z0-9-]+)"', page)


def user(app, id="chiara-nardo"):
    with app.app_context():
        return next((u for u in draft.state()["users"].users if u.id == id), None)


@pytest.mark.parametrize("query", ["nardo", "NARDÒ 201", "201", "chiara.nardo@"])
def test_a_search_finds_without_accents_and_case_in_every_field(company, manager, query):
    found = names(manager.get("/people/", query_string={"q": query}).text)
    assert "chiara-nardo" in found
    assert len(found) < 5


@pytest.mark.parametrize("sort", ["full_name", "number", "department", "site", "email"])
def test_every_column_sorts_both_ways(company, manager, sort):
    up = names(manager.get(f"/people/?sort={sort}").text)
    down = names(manager.get(f"/people/?sort={sort}&dir=desc").text)
    assert set(up) == set(down)
    assert up != down


@pytest.mark.parametrize("sort", ["password", "1;DROP TABLE accounts", "data", "' OR 1=1 --"])
def test_an_order_that_is_no_column_is_ignored(company, manager, sort):
    page = manager.get("/people/", query_string={"sort": sort})
    assert page.status_code == 200
    assert names(page.text) == names(manager.get("/people/").text)


@pytest.mark.parametrize("page", ["0", "-1", "999999", "x", "١", "1e9", ""])
def test_an_odd_page_number_shows_a_page(company, manager, page):
    assert len(names(manager.get(f"/people/?page={page}").text)) == 40


@pytest.mark.row("D5")
def test_a_person_and_the_extension_are_made_together(company, manager):
    form = {**NARDO, "first_name": "Ada", "last_name": "Lovelace", "number": "299"}
    assert manager.send("/people/new", form).status_code == 302
    with company.app_context():
        state = draft.state()
    assert state["users"].users[-1].id == "ada-lovelace"
    (made,) = (e for e in state["extensions"].extensions if e.number == "299")
    assert (made.id, made.user) == ("299", "ada-lovelace")


def test_a_name_that_is_a_page_of_the_screen_makes_another_id(company, manager):
    manager.send("/people/new", {**NARDO, "first_name": "", "last_name": "New", "number": "299"})
    assert user(company, "new-2").last_name == "New"


def test_two_people_of_one_name_get_different_ids(company, manager):
    for number in ("298", "299"):
        manager.send("/people/new", {**NARDO, "number": number})
    assert user(company, "chiara-nardo-2").last_name == "Nardò"
    assert user(company, "chiara-nardo-3").last_name == "Nardò"


@pytest.mark.row("D5")
def test_the_second_editor_sees_the_difference_and_loses_nothing(company, manager):
    first = {**NARDO, "version": "1.1", "department": "Direzione"}
    second = {**NARDO, "version": "1.1", "email": "c@example.com"}
    assert manager.send("/people/chiara-nardo", first).status_code == 302
    answer = manager.send("/people/chiara-nardo", second)
    assert answer.status_code == 412
    assert "Direzione" in answer.text
    assert 'value="c@example.com"' in answer.text
    assert user(company).email == "chiara.nardo@example.com"
    (version,) = re.findall(r'name="version" value="([^"]+)"', answer.text)
    assert manager.send("/people/chiara-nardo", {**second, "version": version}).status_code == 302
    assert user(company).email == "c@example.com"


@pytest.mark.parametrize("version", ["", None])
def test_a_write_without_a_version_is_refused(company, manager, version):
    form = {**NARDO, **({"version": version} if version is not None else {})}
    assert manager.send("/people/chiara-nardo", form).status_code == 428


@pytest.mark.parametrize("version", ["0.0", "1", "x.y", "99.99", "1.1.1", "-1.1"])
def test_a_version_that_never_was_changes_nothing(company, manager, version):
    form = {**NARDO, "last_name": "Verdi", "version": version}
    assert manager.send("/people/chiara-nardo", form).status_code == 412
    assert user(company).last_name == "Nardò"


def test_the_page_names_its_version_and_if_match_is_taken(company, manager):
    tag = manager.get("/people/chiara-nardo").headers["ETag"]
    assert tag == '"1.1"'
    headers = {
        "If-Match": tag,
        "X-CSRFToken": manager.token(),
        "Referer": "https://localhost/",
    }
    answer = manager.post("/people/chiara-nardo", data={**NARDO, "last_name": "B"}, headers=headers)
    assert answer.status_code == 302


def test_saving_without_a_change_makes_no_entry(company, manager):
    with company.app_context():
        before = draft.version()
    manager.send("/people/chiara-nardo", {**NARDO, "version": "1.1"})
    with company.app_context():
        assert draft.version() == before


@pytest.mark.row("D5")
def test_a_person_leaves_with_the_extension_and_the_telephone_stays(company, manager):
    manager.send("/people/chiara-nardo/delete")
    with company.app_context():
        state = draft.state()
        assert draft.faults() == ()
    assert not [e for e in state["extensions"].extensions if e.number == "201"]
    (phone,) = (d for d in state["devices"].devices if d.id == "0015651a0001")
    assert phone.lines == ()


@pytest.mark.row("D5")
def test_many_are_changed_at_once_and_undone_at_once(company, manager):
    ids = ["chiara-nardo", "niccolo-d-amico"]
    form = {"id": ids, "step": "save", "set-department": "1", "department": "Direzione"}
    manager.send("/people/bulk", form)
    assert {user(company, id).department for id in ids} == {"Direzione"}
    assert {user(company, id).language for id in ids} == {"it"}
    with company.app_context(), transaction():
        query = draft.db.select(draft.audit.AuditEntry).filter_by(action="draft.bulk")
        draft.undo(draft.db.session.scalars(query).one())
    assert user(company).department == "Amministrazione"


def test_all_that_match_a_search_can_be_chosen(company, manager):
    form = {"all": "matching", "q": "magazzino", "act": "change"}
    page = manager.send("/people/bulk", form).text
    assert page.count('type="hidden" name="id"') == 8


def test_a_bulk_change_with_a_wrong_value_changes_nobody(company, manager):
    form = {"id": ["chiara-nardo"], "step": "save", "set-ring_time_s": "1", "ring_time_s": "9999"}
    assert manager.send("/people/bulk", form).status_code == 422


@pytest.mark.row("P19")
def test_lines_of_a_telephone_keep_their_passwords_and_new_ones_get_one(company, manager):
    with company.app_context():
        before = draft.state()["devices"].devices[1]
    form = {
        "version": "1",
        "label": before.label,
        "model": before.model,
        "mac": "00:15:65-1A.00.01",
        "site": before.site,
        "transport": before.transport,
        "lines-0-extension": "201",
        "lines-0-slot": "1",
        "lines-0-ring_delay_s": "0",
        "lines-1-extension": "205",
        "lines-1-slot": "2",
        "lines-1-ring_delay_s": "5",
        "lines-2-extension": "",
        "lines-2-slot": "1",
    }
    answer = manager.send("/devices/0015651a0001", form)
    assert answer.status_code == 302, answer.text
    with company.app_context():
        after = draft.state()["devices"].devices[1]
        assert draft.faults() == ()
    assert after.mac == "0015651a0001"
    assert after.lines[0] == before.lines[0]
    assert len(after.lines[1].secret.reveal()) >= 20
    page = manager.get("/devices/0015651a0001").text
    assert after.lines[0].secret.reveal() not in page


def test_a_fault_of_the_draft_leads_to_the_field(company, manager):
    manager.send("/sites/parma/delete")
    page = manager.get("/checks/").text
    assert re.search(r'href="/people/[a-z-]+#site"', page)
    person = re.search(r'href="(/people/[a-z-]+)#site"', page)[1]
    assert "non esiste" in manager.get(person).text
