"""The whole way, as its owner goes it: `make run`, the browser, two telephones, a call.

A real browser with the one-time code makes the first account, passes the wizard and
applies; two telephones get nothing but the address that the portal shows, configure
themselves and ring each other.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.support.checkout import new_checkout, until
from tests.support.fake_phone import FakePhone, Web
from tests.support.network import new_network
from tests.support.portal_site import CHROMIUM, EMAIL, FLAGS, NAME, PASSWORD, sign_in_at
from tests.support.softphones import Softphones

SERVER, GATEWAY, DESKS = "10.98.0.1", "10.97.0.1", "10.97.0.2"
PHONES = {"215": ("yealink-t54w", "020000000215"), "216": ("snom-d785", "020000000216")}


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
        # A browser gives up whatever it loads when an address comes or settles.
        until(10, lambda: settled(checkout.network), "addresses do not settle")
        yield network


def settled(network) -> bool:
    return "tentative" not in network.run("ip", "address")


@pytest.fixture(scope="module")
def page(running, desks, tmp_path_factory):
    """A browser in the system's own network, once that changes no more. Errors of scripts
    fail the tests."""
    checkout, _code = running
    inside = Path(shutil.copy(_starter(tmp_path_factory, checkout.network.name), "/dev/shm"))
    problems: list[str] = []
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=inside, args=list(FLAGS))
            context = browser.new_context(locale="it-IT", ignore_https_errors=True)
            opened = context.new_page()
            opened.on("pageerror", lambda error: problems.append(str(error)))
            yield opened
            browser.close()
    finally:
        inside.unlink()
    assert problems == []


def _starter(tmp_path_factory, network: str) -> Path:
    script = tmp_path_factory.mktemp("browser") / f"chromium-in-{network}"
    script.write_text(f'#!/bin/sh\nexec ip netns exec {network} {CHROMIUM} "$@"\n')
    script.chmod(0o755)
    return script


def address(path: str) -> str:
    return f"https://{SERVER}:8443{path}"


@pytest.fixture(scope="module")
def company(running, page):
    """Account, wizard, two devices, apply, confirmation: all by mouse and keyboard."""
    _checkout, code = running
    first_account(page, code)
    wizard(page)
    for number, (model, mac) in PHONES.items():
        add_telephone(page, number, model, mac)
    page.goto(address("/changes/"))
    page.get_by_role("button", name="Applica").click()
    expect(page.locator(".countdown")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Conferma").click()
    expect(page.locator("h1")).to_contain_text("Revisione")


def first_account(page: Page, code: str) -> None:
    page.goto(address("/"))
    page.get_by_label("Codice monouso").fill(code)
    page.get_by_label("Nome e cognome").fill(NAME)
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Crea l'account").click()
    page.wait_for_url("**/login")
    sign_in_at(page, address(""))


def wizard(page: Page) -> None:
    page.wait_for_url("**/wizard/company")
    page.get_by_label("Nome dell'azienda").fill("Ceramiche Val d'Enza S.r.l.")
    page.get_by_role("button", name="Avanti").click()
    page.get_by_label("Persone, una per riga").fill(
        "Niccolò;D'Amico;215;n.damico@example.com;Vendite\nChiara;Ferretti;216;;Vendite"
    )
    while "/wizard/" in page.url:
        before = page.url
        page.get_by_role("button", name=re.compile("Avanti|anteprima")).click()
        page.wait_for_url(lambda url, before=before: url != before)


def add_telephone(page: Page, number: str, model: str, mac: str) -> None:
    page.goto(address("/devices/new"))
    page.get_by_label("Modello").select_option(model)
    page.get_by_label("Indirizzo MAC").fill(mac)
    page.get_by_label("Interno").first.fill(number)
    page.get_by_role("button", name="Salva nella bozza").click()
    page.wait_for_url(lambda url: "/new" not in url)


def first_visit(page: Page, number: str) -> str:
    """The address that the portal shows for a telephone fresh from the box."""
    page.goto(address("/phone-board/"))
    row = page.get_by_role("row").filter(has=page.get_by_role("cell", name=number, exact=True))
    row.get_by_role("link").click()
    page.get_by_role("button", name="Apri il primo accesso").click()
    return page.locator("#first-address").inner_text()


@pytest.mark.row("D1")
@pytest.mark.row("K4")
def test_two_telephones_that_were_told_one_address_each_ring_each_other(
    running, desks, page, company
):
    checkout, _code = running
    authority = checkout.place.layout.certificates / "authority.crt"
    web = Web(desks, DESKS)
    with Softphones(DESKS, SERVER, desks.name, authority) as softphones:
        lines = []
        for number, (model, mac) in PHONES.items():
            phone = FakePhone.of_model(model, mac, web)
            phone.enrol(first_visit(page, number))
            lines.append(phone.register(softphones))
        niccolo, chiara = lines
        call = niccolo.call("216")
        answered = chiara.answer()
        call.expect_answered()
        call.hears(chiara)
        answered.hears(niccolo)
        assert (answered.shows.number, answered.shows.name) == ("215", "Niccolò D'Amico")
        page.goto(address("/overview"))
        expect(page.locator("[data-live=calls]")).to_have_text("1")
        softphones.hang_up_all()
        expect(page.locator("[data-live=calls]")).to_have_text("0")
