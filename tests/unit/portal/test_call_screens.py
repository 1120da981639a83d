"""Groups, voicemail boxes and destinations: what people type, and what becomes of it."""

import re

import pytest

from appliance.apply.client import EngineUnreachable
from appliance.services.ring_groups import Member
from appliance.state.references import Destination
from portal.core import draft
from portal.core.pretend_machine import PretendMachine

SALES = {
    "name": "Vendite",
    "number": "300",
    "strategy": "in_order",
    "ring_time_s": "20",
    "members-0-extension": "201",
    "members-0-delay_s": "0",
    "members-1-extension": "205",
    "members-1-delay_s": "10",
    "skip_busy": "y",
    "fallback": ["extension:", "210"],
}


@pytest.fixture
def sales(company, manager):
    """A ring group, made as a person makes it."""
    assert manager.send("/ring-groups/new", SALES).status_code == 302
    return company


def group(app):
    with app.app_context():
        (found,) = draft.state()["ring_groups"].groups
        assert draft.faults() == ()
        return found


def test_a_ring_group_keeps_its_members_in_order_and_where_calls_go_on(sales):
    made = group(sales)
    assert made.id == "vendite"
    assert made.members == (Member("201"), Member("205", 10))
    assert made.fallback == Destination("extension", "210")


def test_the_page_shows_numbers_and_what_was_chosen(sales, manager):
    page = manager.get("/ring-groups/vendite").text
    assert '<option value="extension:" selected' in page
    assert re.search(r'name="fallback" value="210"', page)
    assert "210" in manager.get("/ring-groups/").text


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["external:", "0522 123456"], Destination("external", "+390522123456")),
        (["external:", "+44 20 7946 0000"], Destination("external", "+442079460000")),
        (["ending:hangup", ""], Destination("ending", "hangup")),
        (["ending:busy", "999"], Destination("ending", "busy")),
        (["", "201"], None),
    ],
)
def test_calls_can_be_sent_outside_or_ended(sales, manager, typed, meant):
    form = {**SALES, "fallback": typed, "version": "1"}
    assert manager.send("/ring-groups/vendite", form).status_code == 302
    assert group(sales).fallback == meant


@pytest.mark.parametrize(
    "typed",
    [
        ["extension:", "999"],
        ["extension:", ""],
        ["extension:", "\x00"],
        ["external:", "call me"],
        ["external:", ""],
        ["ending:never", ""],
        ["trunk:x", ""],
        ["ring_group:none", ""],
    ],
)
def test_calls_cannot_be_sent_to_what_is_not_there(sales, manager, typed):
    form = {**SALES, "fallback": typed, "version": "1"}
    answer = manager.send("/ring-groups/vendite", form)
    assert answer.status_code == 422
    assert 'id="fallback-error"' in answer.text
    assert group(sales).fallback == Destination("extension", "210")


def exported(app, screen):
    with app.test_request_context():
        app.preprocess_request = lambda: None
        found = app.extensions["screens"][screen]
        row = next(draft.objects(*found.main[:2]))
        form = found.form({"": draft.instance(row)}, formdata=None, meta={"csrf": False})
        return {field.name: field.text() for field in form.state_fields() if field.in_csv}


@pytest.mark.row("D5")
def test_members_of_a_ring_group_go_through_a_csv_file(sales, manager):
    assert exported(sales, "ring_groups")["members"] == "201:0|205:10"
    manager.send("/ring-groups/import", {"pasted": "id;members\nvendite;205:0|207:5"})
    page = manager.send("/ring-groups/import", {"pasted": "id;members\nvendite;205:0|207:5"})
    token = re.search(r"/ring-groups/import/([\w-]+)", page.text)[1]
    assert manager.send(f"/ring-groups/import/{token}").status_code == 302
    assert group(sales).members == (Member("205"), Member("207", 5))


def test_every_screen_of_calls_exports_what_it_imports_as_no_change(sales, manager):
    manager.send("/pickup-groups/new", {"name": "Ufficio", "members": "201, 205"})
    manager.send("/voicemail/for-all", {"send": "yes"})
    for screen in ("ring-groups", "pickup-groups", "voicemail-boxes", "extensions"):
        content = manager.get(f"/{screen}/export.csv").data.decode("utf-8-sig")
        page = manager.send(f"/{screen}/import", {"pasted": content})
        assert page.status_code == 200, page.text
        assert f"/{screen}/import/" not in page.text


def test_a_pickup_group_takes_numbers_with_the_names_behind_them(company, manager):
    form = {"name": "Ufficio", "members": "201 Chiara Nardò\n205; 207,208"}
    assert manager.send("/pickup-groups/new", form).status_code == 302
    with company.app_context():
        (made,) = draft.state()["pickup_groups"].groups
    assert made.members == ("201", "205", "207", "208")
    assert "201 Chiara Nardò" in manager.get("/pickup-groups/ufficio").text


@pytest.mark.row("P12")
def test_each_extension_gets_a_box_and_unanswered_calls_in_one_step(company, manager):
    manager.send("/voicemail/for-all", {"send": "yes"})
    with company.app_context():
        state = draft.state()
        assert draft.faults() == ()
    assert len(state["voicemail_boxes"].boxes) == 40
    ends = {each.on_no_answer for each in state["extensions"].extensions}
    assert Destination("voicemail_box", "201") in ends
    assert None not in ends
    assert "Ogni interno ha già" in manager.get("/voicemail/for-all").text


BOX = {"extension": "201", "send_mail": "y", "longest_message_s": "300", "version": "1"}


@pytest.mark.row("P12")
def test_a_pin_is_checked_kept_and_never_shown(company, manager):
    manager.send("/voicemail-boxes/new", {**BOX, "pin": "482913"})
    page = manager.get("/voicemail-boxes/201").text
    assert "482913" not in page
    assert "482913" not in manager.get("/voicemail-boxes/export.csv").text
    manager.send("/voicemail-boxes/201", {**BOX, "pin": "", "longest_message_s": "60"})
    with company.app_context():
        (box,) = draft.state()["voicemail_boxes"].boxes
    assert box.pin.reveal() == "482913"
    manager.send("/voicemail-boxes/201", {**BOX, "pin": ["", "erase"], "version": "2"})
    with company.app_context():
        (box,) = draft.state()["voicemail_boxes"].boxes
    assert not box.pin


@pytest.mark.row("P12")
def test_a_pin_that_is_easy_to_guess_is_said_at_the_box(company, manager):
    manager.send("/voicemail-boxes/new", {**BOX, "pin": "123456"})
    assert "notice warn" in manager.get("/voicemail-boxes/201").text
    assert 'href="/voicemail-boxes/201#pin"' in manager.get("/checks/").text


def test_who_leaves_leaves_groups_and_box_as_well(sales, manager):
    manager.send("/pickup-groups/new", {"name": "Ufficio", "members": "201, 205"})
    manager.send("/voicemail-boxes/new", BOX)
    ids = ["chiara-nardo", person_of(sales, "205")]
    manager.send("/people/bulk", {"id": ids, "act": "delete", "sure": "yes"})
    with sales.app_context():
        state = draft.state()
    assert state["pickup_groups"].groups[0].members == ()
    assert state["ring_groups"].groups[0].members == ()
    assert state["voicemail_boxes"].boxes == ()


def person_of(app, number):
    with app.app_context():
        return next(e.user for e in draft.state()["extensions"].extensions if e.number == number)


@pytest.mark.row("P12")
def test_a_box_locked_by_wrong_pins_is_shown_and_unlocked_with_a_line_in_the_audit(
    company, manager
):
    manager.send("/voicemail/for-all")
    page = manager.get("/voicemail-boxes/").text
    assert "bloccata dopo 5 PIN sbagliati" in page
    assert manager.send("/voicemail/202/unlock").status_code == 302
    page = manager.get("/voicemail-boxes/").text
    assert "può essere aperta di nuovo con il suo PIN" in page
    assert "bloccata dopo" not in page
    assert "Casella vocale sbloccata" in manager.get("/audit/").text


def test_a_box_that_is_not_locked_is_not_unlocked(company, manager):
    manager.send("/voicemail/for-all")
    manager.send("/voicemail/203/unlock")
    assert "Casella vocale sbloccata" not in manager.get("/audit/").text
    assert manager.send("/voicemail/9999/unlock").status_code == 404


def test_boxes_are_listed_while_the_engine_is_away(company, manager, monkeypatch):
    def away(*_given):
        raise EngineUnreachable("the engine does not answer")

    monkeypatch.setattr(PretendMachine, "locked_voicemail", away)
    monkeypatch.setattr(PretendMachine, "unlock_voicemail", away)
    manager.send("/voicemail/for-all")
    assert manager.get("/voicemail-boxes/").status_code == 200
    manager.send("/voicemail/202/unlock")
    assert "resta bloccata" in manager.get("/voicemail-boxes/").text
