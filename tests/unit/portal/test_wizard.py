"""The wizard's pages for the outside: what a carrier's letter says becomes a line."""

import re

import pytest

from appliance.state.references import Destination
from appliance.system.firewall import State as Firewall
from portal.core import destinations, draft, outside_numbers
from portal.core.db import transaction
from portal.core.shapes import Place

LETTER = {
    "shape": "registration-plus",
    "host": "sip.operatore.example",
    "user": "0522123400",
    "password": "violet-Lamp-19",
    "number": "0522 123400",
}


def state(app):
    with app.app_context():
        assert draft.faults() == ()
        return draft.state()


@pytest.fixture
def line(company, manager):
    """The sample company with a line from the wizard and no other."""
    with company.app_context(), transaction():
        lists = ("trunks/trunks", "dids/ranges", "inbound_routes/routes", "outbound_routes/routes")
        gone = [row.place for each in lists for row in draft.objects(*each.split("/"))]
        draft.commit([draft.Edit(place, None) for place in gone])
    assert manager.send("/wizard/line", LETTER).headers["Location"] == "/wizard/numbers"
    return company


def test_what_the_letter_says_becomes_a_line_as_the_carrier_wants_it(line, manager):
    (made,) = state(line)["trunks"].trunks
    assert (made.label, made.number) == ("sip.operatore.example", "+390522123400")
    assert (made.did_from, made.shape) == ("called_party", "registration-plus")
    assert made.password.reveal() == LETTER["password"]
    assert LETTER["password"] not in manager.get("/wizard/line").text


def test_going_back_keeps_the_password_and_takes_another_carrier(line, manager):
    again = {**LETTER, "password": "", "shape": "messagenet", "host": ""}
    manager.send("/wizard/line", again)
    (made,) = state(line)["trunks"].trunks
    assert (made.label, made.host, made.port) == ("Messagenet", "sip.messagenet.it", 5061)
    assert made.password.reveal() == LETTER["password"]


def test_emergency_services_see_the_line_s_number_where_a_site_has_none(line):
    assert state(line)["organisation"].sites[0].number == "+390522123400"


def test_a_line_without_a_server_is_refused_at_its_field(line, manager):
    with line.app_context(), transaction():
        (row,) = draft.objects("trunks", "trunks")
        draft.commit([draft.Edit(row.place, None)])
    answer = manager.send("/wizard/line", {**LETTER, "host": ""})
    assert answer.status_code == 422
    assert 'id="host-error"' in answer.text
    assert 'value="0522 123400"' in answer.text


@pytest.mark.row("P3")
def test_a_block_of_numbers_is_one_range_that_reaches_extensions(line, manager):
    form = {"first": "0522 123200", "last": "0522 123239", "direct_digits": "3"}
    answer = manager.send("/wizard/numbers", {**form, "otherwise": ["extension:", "210"]})
    assert answer.headers["Location"] == "/changes/"
    (made,) = state(line)["dids"].ranges
    assert (made.first, made.last) == ("+390522123200", "+390522123239")
    assert (made.direct_digits, made.otherwise) == (3, Destination("extension", "210"))


def test_one_number_alone_is_its_own_last(line, manager):
    manager.send("/wizard/numbers", {"first": "0522 123400", "direct_digits": "0", "otherwise": ""})
    (made,) = state(line)["dids"].ranges
    assert made.first == made.last == "+390522123400"


def test_the_first_number_is_offered_and_the_lowest_extension(line, manager):
    page = manager.get("/wizard/numbers").text
    assert 'value="+390522123400"' in page
    assert re.search(r'name="otherwise" value="200"', page)


@pytest.mark.parametrize("first", ["call me", "12", "x" * 300, "\x00"])
def test_what_is_no_number_is_refused_and_kept_in_the_field(line, manager, first):
    answer = manager.send("/wizard/numbers", {"first": first, "direct_digits": "0"})
    assert answer.status_code == 422
    assert 'id="first-error"' in answer.text


def test_without_a_line_its_numbers_are_left_out(app, manager):
    answer = manager.send("/wizard/line", {"shape": "registration-plus"})
    assert answer.headers["Location"] == "/wizard/numbers"
    assert manager.get("/wizard/numbers").headers["Location"] == "/changes/"
    with app.app_context():
        assert draft.find(Place("trunks", "trunks", "line")) is None


@pytest.mark.row("P3")
@pytest.mark.parametrize("typed", ["0522 12 34 00", "0039 0522 123400", "+39 0522/123400"])
def test_a_number_is_completed_alike_in_the_wizard_and_on_every_other_page(line, manager, typed):
    manager.send("/wizard/numbers", {"first": typed, "direct_digits": "0", "otherwise": ""})
    with line.app_context():
        sent_there = destinations.typed_id(destinations.EXTERNAL, typed)
        on_a_form = outside_numbers.e164(typed)
    (made,) = state(line)["dids"].ranges
    assert {made.first, sent_there, on_a_form} == {"+390522123400"}


def test_completing_a_number_reads_no_list_of_the_draft(line, monkeypatch):
    """A CSV file of 10,000 lines asks 10,000 times."""
    with line.app_context():
        monkeypatch.setattr(draft, "data", None)
        monkeypatch.setattr(draft, "state", None)
        assert outside_numbers.e164("0522 123400") == "+390522123400"


def test_networks_of_telephones_that_the_machine_began_with_are_shown_instead(app, manager):
    with app.app_context(), transaction():
        rules = Firewall(telephones=("192.168.5.0/24",))
        draft.commit([draft.Edit(Place("firewall"), rules)])
    page = manager.get("/wizard/company").text
    assert "192.168.5.0/24" in page
    assert "192.0.2.0/24" not in page


def test_the_networks_of_the_machine_are_proposed_for_telephones_once(app, manager):
    page = manager.get("/wizard/company").text
    assert "192.0.2.0/24" in page
    typed = {"name": "Ceramiche", "country": "IT", "language": "it", "telephones": ""}
    assert manager.send("/wizard/company", typed).status_code == 302
    assert "192.0.2.0/24" not in manager.get("/wizard/company").text
    with app.app_context():
        assert draft.settings("firewall")[0].telephones == ()
