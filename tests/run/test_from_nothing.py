"""The whole way, as its owner goes it: `make run`, the browser, two telephones, calls.

A real browser with the one-time code makes the first account, passes the wizard with a line
to a carrier and applies; two telephones get nothing but the address that the portal shows,
configure themselves and ring each other, are rung from outside and call out. Then the owner
changes something, looks at what was changed, and goes back.
"""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from tests.support.carrier import Customer, running_carrier
from tests.support.checkout import new_checkout, until
from tests.support.fake_phone import FakePhone, Web
from tests.support.network import new_network
from tests.support.owner import Owner, browser_in, page_of
from tests.support.portal_site import EMAIL
from tests.support.softphones import Softphones

SERVER = "10.98.0.1"
PORTAL = f"https://{SERVER}:8443"
GATEWAY, DESKS = "10.97.0.1", "10.97.0.2"
TO_CARRIER, CARRIER = "10.97.1.1", "10.97.1.2"
PHONES = {"215": ("yealink-t54w", "020000000215"), "216": ("snom-d785", "020000000216")}
AT_CARRIER = Customer("0522123200", password="violet-Lamp-19", number_header="P-Called-Party-ID")
SECOND = "bruno.pontecorvo@example.com"


@pytest.fixture(scope="module")
def running():
    with new_checkout() as checkout:
        said = checkout.run()
        yield checkout, re.search(r"Setup code: +([A-Z0-9-]+)", said)[1]


@pytest.fixture(scope="module")
def desks(running):
    """The network of the telephones, with a cable to the machine."""
    checkout, _code = running
    with new_network("desks") as network:
        checkout.network.join(network, f"{GATEWAY}/24", f"{DESKS}/24")
        network.run("ip", "route", "add", SERVER, "via", GATEWAY)
        yield network


@pytest.fixture(scope="module")
def carrier(running):
    """The carrier of the line that the wizard is told of, with a cable to the machine."""
    checkout, _code = running
    with new_network("carrier") as network:
        checkout.network.join(network, f"{TO_CARRIER}/24", f"{CARRIER}/24")
        network.run("ip", "route", "add", SERVER, "via", TO_CARRIER)
        with running_carrier(network, CARRIER, [AT_CARRIER]) as started:
            yield started


@pytest.fixture(scope="module")
def browser(running, desks, carrier):
    """A browser in the system's own network, once that changes no more."""
    checkout, _code = running
    until(10, lambda: settled(checkout.network), "addresses do not settle")
    with browser_in(checkout.network) as started:
        yield started


def settled(network) -> bool:
    return "tentative" not in network.run("ip", "address")


@pytest.fixture(scope="module")
def owner(running, browser):
    """Account, wizard, two devices, apply, confirmation: all by mouse and keyboard."""
    _checkout, code = running
    with page_of(browser) as page:
        owner = Owner(page, PORTAL)
        owner.makes_the_first_account(code)
        owner.answers("company", name="Ceramiche Val d'Enza S.r.l.")
        owner.answers(
            "people",
            pasted="Niccolò;D'Amico;215;n.damico@example.com;Vendite\nChiara;Ferretti;216;;Vendite",
        )
        account = {"user": AT_CARRIER.name, "password": AT_CARRIER.password}
        owner.answers("line", host=CARRIER, **account, number="0522 123200")
        owner.answers("numbers", last="0522 123299", direct_digits="3")
        for number, (model, mac) in PHONES.items():
            owner.adds_a_telephone(number, model, mac)
        owner.applies("Da zero")
        yield owner


@pytest.fixture(scope="module")
def telephones(running, desks, owner):
    """Both telephones, fresh from the box, once each was told its one address."""
    checkout, _code = running
    authority = checkout.place.layout.certificates / "authority.crt"
    web = Web(desks, DESKS)
    with Softphones(DESKS, SERVER, desks.name, authority) as softphones:
        lines = []
        for number, (model, mac) in PHONES.items():
            phone = FakePhone.of_model(model, mac, web)
            phone.enrol(owner.opens_the_first_visit(number))
            lines.append(phone.register(softphones))
        yield lines
        softphones.hang_up_all()


# ── calls ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.row("D1")
@pytest.mark.row("K4")
def test_two_telephones_that_were_told_one_address_each_ring_each_other(owner, telephones):
    niccolo, chiara = telephones
    call = niccolo.call("216")
    answered = chiara.answer()
    call.expect_answered()
    call.hears(chiara)
    answered.hears(niccolo)
    assert (answered.shows.number, answered.shows.name) == ("215", "Niccolò D'Amico")
    owner.goes_to("/overview")
    expect(owner.page.locator("[data-live=calls]")).to_have_text("1")
    call.hang_up()
    expect(owner.page.locator("[data-live=calls]")).to_have_text("0")


@pytest.mark.row("D1")
@pytest.mark.row("P3")
def test_the_line_of_the_wizard_rings_a_telephone_from_outside(owner, telephones, carrier):
    niccolo, _chiara = telephones
    carrier.expect_registered(AT_CARRIER.name)
    carrier.call(
        AT_CARRIER.name, "+390522123215", caller="+393381234567", name="Mario Rossi", echo=True
    )
    ringing = niccolo.expect_ringing()
    ringing.expect_shown("Mario Rossi", "3381234567")
    ringing.answer()
    ringing.hears(niccolo)  # the caller says what they hear
    ringing.hang_up()


@pytest.mark.row("D1")
@pytest.mark.row("D4")
def test_a_telephone_calls_out_over_the_line_of_the_wizard(owner, telephones, carrier):
    niccolo, _chiara = telephones
    carrier.expect_registered(AT_CARRIER.name)
    carrier.forget()
    call = niccolo.call("0521123456")
    call.expect_answered()
    call.hears(niccolo)  # the carrier sends back what it hears
    (received,) = carrier.calls(1)
    assert (received.number, received.asserted) == ("+390521123456", "+390522123215")
    call.hang_up()


# ── changes ───────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def edits(owner):
    """Two edits, each applied with its reason; the revisions' numbers."""
    owner.renames("Ferretti", "Ferretti Villa")
    first = owner.applies("Chiara si è sposata")
    owner.renames("Ferretti", "Ferretti Neri")
    return SimpleNamespace(first=first, second=owner.applies("Correzione del cognome"))


def name_in_force(telephones) -> str:
    """How the one telephone shows the other, when that calls."""
    niccolo, chiara = telephones
    call = chiara.call("215")
    ringing = niccolo.expect_ringing()
    shown = ringing.shows.name
    call.hang_up()
    ringing.expect_ended()
    return shown


@pytest.mark.row("N4")
def test_the_history_tells_who_applied_what_and_why(owner, edits):
    owner.goes_to("/changes/history")
    reasons = {edits.first: "Chiara si è sposata", edits.second: "Correzione del cognome"}
    for number, reason in reasons.items():
        row = owner.page.get_by_role("row").filter(
            has=owner.page.get_by_role("link", name=str(number), exact=True)
        )
        expect(row).to_contain_text(EMAIL)
        expect(row).to_contain_text(reason)
        expect(row).to_contain_text("confermata")


@pytest.mark.row("N4")
def test_a_revision_shows_its_difference(owner, edits):
    owner.goes_to(f"/changes/history/{edits.second}")
    sentence = owner.page.locator(".sentence")
    expect(sentence).to_have_count(1)
    for words in ("Cognome", "Ferretti Villa", "Ferretti Neri"):
        expect(sentence).to_contain_text(words)


@pytest.mark.row("N4")
def test_going_back_changes_what_telephones_show(owner, telephones, edits):
    assert name_in_force(telephones) == "Chiara Ferretti Neri"
    newest = owner.returns_to(edits.first)
    assert newest > edits.second
    assert name_in_force(telephones) == "Chiara Ferretti Villa"
    owner.goes_to(f"/changes/compare?from={edits.first}&to={newest}")
    expect(owner.page.locator(".card")).to_contain_text("Sono identiche")


@pytest.fixture(scope="module")
def second_editor(owner, browser):
    """Another IT manager, with an account and a browser window of their own."""
    owner.adds_an_account("Bruno Pontecorvo", SECOND)
    with page_of(browser) as page:
        second = Owner(page, PORTAL, SECOND)
        second.signs_in()
        yield second


@pytest.mark.row("D5")
def test_a_second_editor_of_a_person_gets_the_difference(owner, second_editor):
    for editor in (owner, second_editor):
        editor.opens_a_person("Niccolò")
    owner.page.get_by_label("Reparto").fill("Direzione")
    owner.saves()
    expect(owner.notice("good")).to_be_visible()
    second_editor.page.get_by_label("Reparto").fill("Magazzino")
    second_editor.saves()
    for words in (EMAIL, "Direzione"):
        expect(second_editor.notice("warn")).to_contain_text(words)
    expect(second_editor.page.get_by_label("Reparto")).to_have_value("Magazzino")
    owner.opens_a_person("Niccolò")
    expect(owner.page.get_by_label("Reparto")).to_have_value("Direzione")


@pytest.mark.row("N4", "D5")
def test_who_applies_from_a_page_that_is_old_is_shown_what_there_is_now(
    owner, telephones, second_editor
):
    owner.renames("Ferretti", "Ferretti Galli")
    owner.goes_to("/changes/")
    second_editor.renames("Ferretti", "Ferretti Costa")
    before = name_in_force(telephones)
    owner.page.get_by_role("button", name="Applica").click()
    expect(owner.notice("warn")).to_contain_text("Qualcosa è cambiato")
    expect(owner.page.locator(".sentence", has_text="Cognome")).to_contain_text("Ferretti Costa")
    assert name_in_force(telephones) == before
