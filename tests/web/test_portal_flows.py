"""A real Chromium walks through the portal as people do."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from portal.core import draft
from tests.support.portal_site import EMAIL, NAME, PASSWORD, Site, serving, sign_in


def problems_of(page: Page) -> list[str]:
    """Everything that the page complains about: errors of scripts, and of the strict policy."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda line: found.append(line.text) if _bad(line) else None)
    return found


def _bad(line) -> bool:
    expected = ("/live/", "401", "404", "409", "412", "422")
    return line.type == "error" and not any(
        each in f"{line.text} {line.location}" for each in expected
    )


@pytest.mark.row("S2")
@pytest.mark.row("D1")
def test_from_the_setup_code_through_the_wizard_to_a_running_revision(browser, tmp_path):
    with serving(tmp_path) as site:
        page = browser.new_context(locale="it-IT").new_page()
        problems = problems_of(page)
        _first_account(page, site)
        sign_in(page, site)
        _wizard(page)
        expect(page.locator("h1")).to_have_text("Modifiche")
        expect(page.locator(".sentence", has_text="Niccolò D'Amico").first).to_be_visible()
        expect(page.locator(".sentence", has_text="sip.operatore.example").first).to_be_visible()
        page.get_by_role("button", name="Applica").click()
        expect(page.locator(".countdown")).to_be_visible(timeout=10_000)
        page.get_by_role("button", name="Conferma").click()
        expect(page.locator("h1")).to_have_text("Revisione 1")
        page.goto(f"{site.address}/changes/")
        expect(page.locator(".empty-state")).to_contain_text("identica a ciò che è in funzione")
        assert problems == []


def _first_account(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/setup/")
    page.get_by_label("Codice monouso").fill(site.code.lower())
    page.get_by_label("Nome e cognome").fill(NAME)
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill("password1234")
    page.get_by_role("button", name="Crea l'account").click()
    expect(page.locator(".field-error")).to_contain_text("elenchi")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Crea l'account").click()
    page.wait_for_url("**/login")


def _wizard(page: Page) -> None:
    page.wait_for_url("**/wizard/company")
    page.get_by_label("Nome dell'azienda").fill("Ceramiche Val d'Enza S.r.l.")
    page.get_by_role("button", name="Avanti").click()
    page.get_by_label("Persone, una per riga").fill(
        "Niccolò;D'Amico;215;n.damico@example.com;Vendite\nChiara;Ferretti;216;;Vendite"
    )
    page.get_by_role("button", name="Avanti").click()
    page.get_by_label("Utente").fill("0522123400")
    page.get_by_label("Password").fill("violet-Lamp-19")
    page.get_by_label("Numero principale").fill("0522 123400")
    page.get_by_role("button", name="Avanti").click()
    expect(page.locator(".field-error")).to_be_visible()
    page.get_by_label("Server").fill("sip.operatore.example")
    page.get_by_role("button", name="Avanti").click()
    expect(page.get_by_label("Primo numero")).to_have_value("+390522123400")
    page.get_by_role("button", name="All'anteprima").click()


@pytest.mark.row("N4")
def test_a_revision_that_nobody_keeps_goes_back_and_one_can_be_taken_back(signed_in, company):
    page = signed_in
    _change_department(page, company, "Direzione")
    _apply(page, company)
    page.get_by_role("button", name="Conferma").click()
    _change_department(page, company, "Vendite")
    _apply(page, company)
    page.get_by_role("button", name="Annulla la revisione").click()
    expect(page.locator("h1")).to_have_text("Modifiche")
    expect(page.locator(".sentence", has_text="Reparto")).to_contain_text("Vendite")
    assert company.app.extensions["engine"].status()["current"] == 1
    _apply(page, company)
    with company.app.app_context():
        engine = company.app.extensions["engine"]
        data = engine._read(late=False)
        data["trial"]["until"] = 0
        engine._write(data)
    page.reload()
    expect(page.locator("h1")).to_have_text("Cronologia")
    assert engine.status()["current"] == 1


def _change_department(page: Page, site: Site, department: str) -> None:
    page.goto(f"{site.address}/people/chiara-nardo")
    page.get_by_label("Reparto").fill(department)
    page.get_by_role("button", name="Salva nella bozza").click()
    expect(page.locator(".notice.good")).to_contain_text("salvato nella bozza")


def _apply(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/changes/")
    page.get_by_role("button", name="Applica").click()
    expect(page.locator(".countdown")).to_be_visible(timeout=15_000)


@pytest.mark.row("N4")
def test_two_revisions_are_compared_and_an_old_one_comes_back(signed_in, company):
    page = signed_in
    for department in ("Direzione", "Magazzino"):
        _change_department(page, company, department)
        _apply(page, company)
        page.get_by_role("button", name="Conferma").click()
    page.goto(f"{company.address}/changes/history")
    page.get_by_role("button", name="Confronta").click()
    expect(page.locator(".sentence", has_text="Reparto")).to_contain_text("Magazzino")
    page.goto(f"{company.address}/changes/history/1")
    page.get_by_role("button", name="Torna a questa revisione").click()
    expect(page.locator(".countdown")).to_be_visible(timeout=15_000)
    page.get_by_role("button", name="Conferma").click()
    expect(page.locator("h1")).to_have_text("Revisione 3")


@pytest.mark.row("D5")
def test_a_csv_file_goes_out_is_changed_and_comes_back(signed_in, company, tmp_path):
    page = signed_in
    page.goto(f"{company.address}/people/")
    with page.expect_download() as download:
        page.get_by_role("link", name="Esporta").click()
    path = tmp_path / "people.csv"
    text = download.value.path().read_text("utf-8-sig").replace("Nardò;201", "Verdi;201")
    path.write_text(text + ";Nuova;Persona;299;;Vendite;main;it;25\r\n", "cp1252")
    page.get_by_role("link", name="Importa").click()
    page.get_by_label("File", exact=True).set_input_files(path)
    page.get_by_role("button", name="Vedi l'anteprima").click()
    expect(page.locator(".notice.warn")).to_contain_text("Windows-1252")
    expect(page.locator(".sentence", has_text="Chiara Nardò")).to_contain_text("Verdi")
    page.get_by_role("button", name="Porta nella bozza").click()
    expect(page.locator("#found")).to_contain_text("Nuova Persona")
    page.get_by_role("button", name="Annulla").first.click()
    expect(page.locator(".notice.good")).to_contain_text("Annullato")
    page.goto(f"{company.address}/people/?q=Verdi")
    expect(page.locator("#found")).to_contain_text("Nessun risultato")


@pytest.mark.row("D5")
def test_of_two_editors_the_second_sees_the_difference(signed_in, company, browser):
    first = signed_in
    second = first.context.new_page()
    for page in (first, second):
        page.goto(f"{company.address}/people/chiara-nardo")
    first.get_by_label("Reparto").fill("Direzione")
    first.get_by_role("button", name="Salva nella bozza").click()
    second.get_by_label("E-mail").fill("altra@example.com")
    second.get_by_role("button", name="Salva nella bozza").click()
    notice = second.locator(".notice.warn").first
    expect(notice).to_contain_text(EMAIL)
    expect(notice).to_contain_text("Direzione")
    expect(second.get_by_label("E-mail")).to_have_value("altra@example.com")
    second.get_by_label("Reparto").fill("Direzione")
    second.get_by_role("button", name="Salva nella bozza").click()
    expect(second.locator(".notice.good")).to_be_visible()


def test_a_search_narrows_the_list_while_typing(signed_in, company):
    page = signed_in
    page.goto(f"{company.address}/people/")
    page.keyboard.press("/")
    page.keyboard.type("amico 200")
    expect(page.locator("#found tbody tr")).to_have_count(1)
    expect(page.locator("#found tbody")).to_contain_text("Niccolò D'Amico")
    assert "q=amico" in page.url


def test_a_telephone_gets_another_line_with_the_keyboard_alone(signed_in, company):
    page = signed_in
    page.goto(f"{company.address}/devices/0015651a0001")
    page.get_by_role("button", name="Aggiungi una riga").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.type("205")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+A")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    expect(page.locator(".notice.good")).to_be_visible()
    with company.app.app_context():
        lines = draft.state()["devices"].devices[1].lines
    assert [line.slot for line in lines] == [1, 2]


def test_a_person_is_added_with_the_keyboard_alone(signed_in, company):
    page = signed_in
    page.goto(f"{company.address}/people/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    for _each in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").strip() == "Aggiungi una persona":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/people/new")
    page.get_by_label("Nome", exact=True).focus()
    for text in ("Ada", "Lovelace", "299"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".notice.good")).to_contain_text("Ada Lovelace")


def test_everything_works_without_scripts(browser, company):
    context = browser.new_context(locale="it-IT", java_script_enabled=False)
    page = context.new_page()
    sign_in(page, company)
    page.goto(f"{company.address}/people/?q=nardo")
    page.locator("input[name=id]").first.check()
    page.get_by_role("button", name="Modifica").click()
    page.locator("input[name=set-department]").check()
    page.get_by_label("Reparto", exact=True).fill("Direzione")
    page.get_by_role("button", name="Salva nella bozza").click()
    expect(page.locator(".notice.good")).to_be_visible()
    page.goto(f"{company.address}/changes/")
    page.get_by_role("button", name="Applica").click()
    for _each in range(60):
        if page.locator(".countdown").count():
            break
        page.wait_for_timeout(250)
        page.goto(page.url)
    page.get_by_role("button", name="Conferma").click()
    expect(page.locator("h1")).to_contain_text("Revisione 1")
    context.close()


@pytest.mark.row("V30")
def test_the_language_is_chosen_before_and_after_signing_in(browser, company):
    page = browser.new_context(locale="de-DE").new_page()
    page.goto(f"{company.address}/login")
    expect(page.locator("h1")).to_have_text("Accedi")
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1")).to_have_text("Sign in")


def test_a_passkey_is_made_and_signs_in_alone(signed_in, company, browser):
    page = signed_in
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.goto(f"{company.address}/wan-register")
    page.get_by_label("Un nome per riconoscerla").fill("portatile")
    page.get_by_role("button", name="Aggiungi una passkey").click()
    page.wait_for_url("**/me/")
    expect(page.locator("main")).to_contain_text("1 passkey")
    page.locator("details.drop:not(.phone-menu) > summary").click()
    page.get_by_role("button", name="Esci").click()
    page.wait_for_url("**/login")
    page.goto(f"{company.address}/wan-signin")
    page.get_by_role("button", name="Avanti").click()
    page.wait_for_url(re.compile(r"/(overview|wizard.*|)$"))
    page.goto(f"{company.address}/people/")
    expect(page.locator("h1")).to_have_text("Persone")


@pytest.mark.row("S7")
def test_the_overview_names_who_is_not_heard_or_does_not_hear_and_what_to_do(signed_in, company):
    anna = {"device": "201-1", "trunk": "", "number": "201", "name": "Anna <i>Bianchi</i>"}
    anna |= {"other_number": "202", "other_name": ""}
    anna["no_sound"] = {"why": "blocked", "site": "main", "deaf": False}
    deaf = {**anna, "number": "203", "no_sound": {**anna["no_sound"], "deaf": True}}
    other = {"device": "202-1", "trunk": "", "number": "202", "name": "", "no_sound": None}
    objects = {"asterisk": {"up": True}, "calls/1.1": {"legs": [anna, other, deaf]}}
    story = f"event: snapshot\ndata: {json.dumps({'seq': 1, 'objects': objects})}\n\n"
    answer = {"content_type": "text/event-stream", "body": story}
    signed_in.route("**/live/events", lambda route: route.fulfill(**answer))
    signed_in.goto(f"{company.address}/overview")
    entry = signed_in.locator("#live-silent li")
    expect(entry).to_have_count(2)
    expect(entry.first).to_contain_text("201 Anna <i>Bianchi</i> ↔ 202")
    expect(entry.first).to_contain_text("Controllare i firewall")
    expect(entry.last).to_contain_text("203 Anna <i>Bianchi</i> ↔ 202. Il telefono non sente")
