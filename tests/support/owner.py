"""What the owner of a new system does in the browser, page by page, by names that they read.

with browser_in(network) as page:
    owner = Owner(page, "https://10.98.0.1:8443")
    owner.makes_the_first_account(code)
    ...
    owner.applies("a line to the outside")
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.support.network import Network
from tests.support.portal_site import CHROMIUM, EMAIL, FLAGS, NAME, PASSWORD, sign_in_at

APPLIED_WITHIN_MS = 60_000


@dataclass(frozen=True, slots=True)
class Owner:
    """One person at one page of a running system's portal, in Italian."""

    page: Page
    portal: str
    email: str = EMAIL

    def goes_to(self, path: str) -> None:
        self.page.goto(f"{self.portal}{path}")

    def makes_the_first_account(self, code: str) -> None:
        page = self.page
        self.goes_to("/")
        page.get_by_label("Codice monouso").fill(code)
        page.get_by_label("Nome e cognome").fill(NAME)
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Crea l'account").click()
        page.wait_for_url("**/login")
        self.signs_in()

    def signs_in(self) -> None:
        sign_in_at(self.page, self.portal, self.email)

    def adds_an_account(self, name: str, email: str) -> None:
        """Another IT manager, with the same password as everybody here."""
        page = self.page
        self.goes_to("/accounts/new")
        page.get_by_label("Nome", exact=True).fill(name)
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Prima password").fill(PASSWORD)
        page.get_by_role("button", name="Salva").click()
        page.wait_for_url("**/accounts/")

    def answers(self, step: str, **answers: str) -> None:
        """One page of the wizard: `answers` by the names of their fields, then on."""
        page = self.page
        page.wait_for_url(f"**/wizard/{step}")
        for name, text in answers.items():
            field = page.locator(f"main [name={name}]")
            if field.evaluate("each => each.tagName") == "SELECT":
                field.select_option(text)
            else:
                field.fill(text)
        page.get_by_role("button", name=re.compile("Avanti|anteprima")).click()
        page.wait_for_url(lambda url: not url.endswith(f"/wizard/{step}"))

    def adds_a_telephone(self, number: str, model: str, mac: str) -> None:
        page = self.page
        self.goes_to("/devices/new")
        page.get_by_label("Modello").select_option(model)
        page.get_by_label("Indirizzo MAC").fill(mac)
        page.get_by_label("Interno").first.fill(number)
        self.saves()
        page.wait_for_url(lambda url: "/new" not in url)

    def opens_the_first_visit(self, number: str) -> str:
        """The address that the portal shows for a telephone fresh from the box."""
        page = self.page
        self.goes_to("/phone-board/")
        cell = page.get_by_role("cell", name=number, exact=True)
        page.get_by_role("row").filter(has=cell).get_by_role("link").click()
        page.get_by_role("button", name="Apri il primo accesso").click()
        return page.locator("#first-address").inner_text()

    def opens_a_person(self, name: str) -> None:
        """From the list of people, whose search takes a name."""
        self.goes_to(f"/people/?q={name}")
        self.page.locator("#found tbody a").first.click()
        self.page.wait_for_url(re.compile("/people/[^?]+$"))

    def renames(self, name: str, surname: str) -> None:
        self.opens_a_person(name)
        self.page.get_by_label("Cognome").fill(surname)
        self.saves()
        expect(self.notice("good")).to_contain_text("salvato nella bozza")

    def saves(self) -> None:
        self.page.get_by_role("button", name="Salva nella bozza").click()

    def applies(self, reason: str) -> int:
        """Apply the draft, and keep it; the number of the new revision."""
        self.goes_to("/changes/")
        self.page.get_by_label("Perché").fill(reason)
        self.page.get_by_role("button", name="Applica").click()
        return self.keeps()

    def returns_to(self, revision: int) -> int:
        """Go back to a revision, and keep that; the number of the new one."""
        self.goes_to(f"/changes/history/{revision}")
        self.page.get_by_role("button", name="Torna a questa revisione").click()
        return self.keeps()

    def keeps(self) -> int:
        """Wait until it is in force on trial, and confirm it."""
        page = self.page
        expect(page.locator(".countdown")).to_be_visible(timeout=APPLIED_WITHIN_MS)
        page.get_by_role("button", name="Conferma").click()
        expect(page.locator("h1")).to_have_text(re.compile("^Revisione [0-9]+$"))
        return int(page.locator("h1").inner_text().split()[-1])

    def notice(self, kind: str) -> Locator:
        return self.page.locator(f".notice.{kind}").first


@contextmanager
def browser_in(network: Network) -> Iterator[Browser]:
    """A real browser in a network of its own. The network must not change any more: a browser
    gives up whatever it loads when an address comes or settles."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        starter = Path(folder) / "chromium"
        starter.write_text(f'#!/bin/sh\nexec ip netns exec {network.name} {CHROMIUM} "$@"\n')
        starter.chmod(0o755)
        browser = playwright.chromium.launch(executable_path=starter, args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def page_of(browser: Browser) -> Iterator[Page]:
    """A page with cookies of its own; errors of its scripts fail the test in the end."""
    problems: list[str] = []
    context = browser.new_context(locale="it-IT", ignore_https_errors=True)
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert problems == []
