"""Lines, numbers and rules of calls to and from the outside, as people type them."""

import html
import re

import pytest
from sqlalchemy import event

from portal.core import draft
from portal.core.db import db, transaction
from portal.dids import views

LINE = {
    "label": "Linea Uno",
    "enabled": "y",
    "kind": "registration",
    "host": "sip.example.net",
    "user": "0522123000",
    "password": "un segreto",
    "number": "0522 123000",
    "codecs": "alaw",
    "transport": "udp",
    "priority": "10",
}
BLOCK = {
    "numbers": "0522 123200-299",
    "trunk": "linea-uno",
    "direct_digits": "3",
    "direct_prefix": "",
    "otherwise": "",
}


@pytest.fixture
def outside(company, manager):
    """The sample company without lines and numbers of its own, with one of each."""
    with company.app_context():
        clear()
    full = {**start_of(manager, "/trunks/new"), **LINE}
    answer = manager.send("/trunks/new", full)
    assert answer.status_code == 302, answer.text
    answer = manager.send("/dids/new", BLOCK)
    assert answer.status_code == 302, answer.text
    return company


def start_of(manager, address):
    """What the empty form of a page holds."""
    page = re.sub(r'<input[^>]*type="checkbox"[^>]*>', "", manager.get(address).text)
    found = {}
    # A field may have two parts of one name, such as a number and its unit, in this order.
    parts = (
        r'<input[^>]*? name="(\w+)"[^>]*? value="([^"]*)"|<select[^>]*? name="(\w+)"(.*?)</select>'
    )
    for typed, text, chosen, options in re.findall(parts, page, re.S):
        option = re.search(r'<option selected value="([^"]*)"', options)
        value = (option[1] if option else "") if chosen else text
        found.setdefault(chosen or typed, []).append(value)
    return {name: values for name, values in found.items() if name not in {"csrf_token", "version"}}


def clear():
    """Take away the lines of the sample company, and what needs them."""
    lists = ("outbound_routes/routes", "inbound_routes/routes", "dids/ranges", "trunks/trunks")
    rows = [row for name in lists for row in draft.objects(*name.split("/"))]
    with transaction():
        draft.commit([draft.Edit(row.place, None) for row in rows])


def ranges(app):
    with app.app_context():
        return draft.state()["dids"].ranges


def text_of(answer):
    plain = re.sub(r"<[^>]+>", " ", answer.text)
    return re.sub(r"\s+", " ", html.unescape(plain))


@pytest.mark.row("P3")
@pytest.mark.parametrize(
    ("typed", "first", "last"),
    [
        ("0522 123200-299", "+390522123200", "+390522123299"),
        ("0522-123456", "+390522123456", "+390522123456"),
        ("+39 0522 123000 – +39 0522 123999", "+390522123000", "+390522123999"),
        ("0522 123000 - 0522 123999", "+390522123000", "+390522123999"),
        ("0522/123200…99", "+390522123200", "+390522123299"),
    ],
)
def test_a_block_of_numbers_is_one_line_however_it_is_written(outside, manager, typed, first, last):
    (held,) = ranges(outside)
    version = re.search(r'name="version" value="([^"]+)"', manager.get(f"/dids/{held.id}").text)[1]
    answer = manager.send(f"/dids/{held.id}", {**BLOCK, "numbers": typed, "version": version})
    assert answer.status_code == 302, text_of(answer)
    (held,) = ranges(outside)
    assert (held.first, held.last) == (first, last)


def test_what_is_no_range_is_refused_at_its_field(outside, manager):
    answer = manager.send("/dids/new", {**BLOCK, "numbers": "il nostro blocco"})
    assert answer.status_code == 422
    assert 'id="numbers-error"' in answer.text
    assert "il nostro blocco" in answer.text


@pytest.mark.row("P3")
def test_every_number_of_a_block_is_shown_with_who_gets_it_and_those_that_lead_nowhere(
    outside, manager
):
    (held,) = ranges(outside)
    page = text_of(manager.get(f"/did-numbers/{held.id}?show=free"))
    assert "+390522123299" in page
    assert "+390522123215" not in page
    assert "215" in text_of(manager.get(f"/did-numbers/{held.id}"))


def test_a_page_of_a_block_of_100_000_numbers_puts_one_page_of_them_into_words(
    outside, manager, monkeypatch
):
    said = []
    real = views.called

    def counted(kind, id):
        said.append(id)
        return real(kind, id)

    form = {**BLOCK, "numbers": "+390522200000 - +390522299999", "direct_digits": "3"}
    assert manager.send("/dids/new", form).status_code == 302
    large = next(each for each in ranges(outside) if each.first == "+390522200000")
    monkeypatch.setattr(views, "called", counted)
    with outside.app_context():
        queries = []
        event.listen(db.engine, "before_cursor_execute", lambda *given: queries.append(given[2]))
    page = text_of(manager.get(f"/did-numbers/{large.id}?page=3&digits=2&prefix=2"))
    assert "+390522200215" in page
    assert "3 / 1000" in page
    assert 0 < len(said) <= 2 * views.SHOWN
    assert len(queries) < 4 * views.SHOWN


def test_giving_a_block_to_people_is_looked_at_first_and_can_be_undone(outside, manager):
    (before,) = ranges(outside)
    address = f"/did-numbers/{before.id}"
    looked = manager.get(f"{address}?digits=2&prefix=2")
    assert ranges(outside) == (before,)
    version = re.search(r'name="version" value="([^"]+)"', looked.text)[1]
    wanted = {"digits": "2", "prefix": "2", "version": version}
    assert manager.send(address, wanted).status_code == 302
    assert (ranges(outside)[0].direct_digits, ranges(outside)[0].direct_prefix) == (2, "2")
    assert manager.send(address, {**wanted, "digits": "4"}).status_code == 302
    assert ranges(outside)[0].direct_digits == 2, "an old page has overwritten a newer one"


def test_rules_are_moved_and_the_first_that_fits_decides(outside, manager):
    for label, to in (("uno", "201"), ("due", "202")):
        rule = {"label": label, "numbers": "0522 123250", "callers": "any",
                "destination": ["extension:", to]}  # fmt: skip
        answer = manager.send("/inbound-routes/new", rule)
        assert answer.status_code == 302, text_of(answer)
    asked = "/dialling/?number=0522123250"
    assert "201" in text_of(manager.get(asked))
    with outside.app_context():
        second = draft.state()["inbound_routes"].routes[1].id
    manager.send(f"/inbound-routes/{second}/move", {"to": "up"})
    with outside.app_context():
        labels = [route.label for route in draft.state()["inbound_routes"].routes]
    assert labels == ["due", "uno"]


@pytest.mark.row("P16")
@pytest.mark.row("D4")
def test_may_215_dial_abroad_in_the_evening_is_answered_with_the_rule(outside, manager):
    asked = {"caller": "215", "dialled": "0044 20 7946 0000", "at": "2026-03-10T20:00"}
    page = manager.get("/dialling/", query_string=asked).text
    assert '<a href="/classes-of-service/national">' in page
    assert "class/national" not in page, "the engine's own name for the rule"
    mobile = manager.get("/dialling/", query_string={**asked, "dialled": "338 1234567"}).text
    assert '<a href="/classes-of-service/national">' in mobile
    assert "+393381234567" in mobile
    assert "Linea Uno" in mobile


@pytest.mark.row("P17")
def test_help_can_be_called_from_the_lowest_class(outside, manager):
    page = manager.get("/dialling/?caller=215&dialled=112").text
    assert "bg-green-lt" in page
    assert '<dd><a href="/numbering/">' in page


@pytest.mark.parametrize(
    ("dialled", "place"),
    [("201", "/numbering/"), ("12", "/numbering/"), ("0044 20 7946 0000", "/classes-of-service/")],
)
def test_each_answer_leads_to_where_its_rule_is_changed(outside, manager, dialled, place):
    page = manager.get("/dialling/", query_string={"caller": "215", "dialled": dialled}).text
    assert f'<dd><a href="{place}' in page


def test_a_caller_who_does_not_exist_is_sent_to_the_extensions(outside, manager):
    page = manager.get("/dialling/?caller=999&dialled=3381234567").text
    assert '<dd><a href="/extensions/">' in page


def test_a_password_of_a_line_is_never_shown(outside, manager):
    assert "un segreto" not in manager.get("/trunks/linea-uno").text
    assert "un segreto" not in manager.get("/trunks/export.csv").text


def test_a_line_that_is_not_applied_yet_says_so_when_it_is_asked(outside, manager):
    answer = manager.send("/trunk-states/linea-uno/ask")
    assert answer.status_code == 302
    assert "non in servizio" in text_of(manager.get("/trunks/linea-uno"))


def test_hours_go_through_a_csv_file_unchanged(company, manager):
    with company.app_context():
        before = draft.state()["classes_of_service"].windows
    content = manager.get("/time-windows/export.csv").data.decode("utf-8-sig")
    assert "mon,tue,wed,thu,fri 08:00-19:00" in content
    answer = manager.send("/time-windows/import", {"pasted": content})
    assert answer.status_code == 200, text_of(answer)
    with company.app_context():
        assert draft.state()["classes_of_service"].windows == before


@pytest.mark.row("N6")
def test_the_checks_say_what_is_probably_not_meant_and_what_to_do(outside, manager):
    page = text_of(manager.get("/checks/"))
    assert "+390522123240" in page, "numbers that lead nowhere are not told of"


def test_the_numbering_page_computes_what_a_typed_number_becomes(company, manager):
    page = text_of(manager.get("/numbering/?number=0044 20 7946 0000"))
    assert "+442079460000" in page
    assert "112" in page


def test_a_line_s_page_is_headed_with_its_owner_s_name_for_it(outside, manager):
    page = manager.get("/trunks/linea-uno").text
    assert "<h1>Linea Uno</h1>" in page
    assert "<title>Linea Uno" in page
