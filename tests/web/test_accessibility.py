"""Every page under axe-core, light and dark, and at the width of a telephone."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from playwright.sync_api import BrowserContext, Page

from tests.support.portal_site import sign_in

AXE = Path(__file__).parent.parent / "support/vendor/axe/axe.min.js"
OBJECTS = (
    "/people/?q=nothing-like-this",
    "/people/chiara-nardo",
    "/people/chiara-nardo/delete",
    "/devices/0015651a0001",
    "/accounts/profiles/new",
    "/wizard/company",
    "/wizard/people",
    "/audit/2",
    "/change",
    "/mf-recovery-codes",
    "/nowhere",
)
"""Beside every page that needs no name of an object in its address."""

LEADS_AWAY = frozenset({"/logout", "/login", "/setup/", "/"})
OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    # What a rule has passed is not worked out: three fifths of the time on a long page.
    "resultTypes": ["violations"],
}
LOOKS = {"light 1280": ("light", 1280), "dark 390": ("dark", 390)}


def faults(page: Page) -> list[str]:
    """What is wrong with an open page in each look; it stays open, as a turned tablet's does.

    Without motion: a colour on its way from one theme to the other would be judged half way.
    """
    page.evaluate(AXE.read_text())
    wrong = []
    for name, (theme, width) in LOOKS.items():
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 900})
        found = page.evaluate("options => axe.run(document, options)", OPTIONS)
        wrong += [
            f"{name}: {each['id']}: {each['help']} ({node['target']})"
            for each in found["violations"]
            for node in each["nodes"][:3]
        ]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wrong.append(f"{name}: scrolls sideways")
    return wrong


def pages(app: Flask) -> list[str]:
    """Every page of the portal that a signed-in manager can open by its address alone."""
    own = (rule for rule in app.url_map.iter_rules() if not rule.endpoint.startswith("security."))
    found = (rule.rule for rule in own if "GET" in (rule.methods or ()) and not rule.arguments)
    return sorted({*found, *OBJECTS} - LEADS_AWAY)


def is_page(context: BrowserContext, address: str) -> bool:
    """Whether an address answers with a page, and not with a file or a part of a page."""
    answer = context.request.get(address)
    kind = answer.headers.get("content-type", "")
    return kind.startswith("text/html") and "<html" in answer.text()


def test_no_page_has_a_fault_that_axe_finds_or_scrolls_sideways(browser, company):
    context = browser.new_context(locale="it-IT", bypass_csp=True)
    page = context.new_page()
    page.goto(f"{company.address}/login")
    found = {"/login": faults(page)}
    sign_in(page, company)
    for path in pages(company.app):
        if is_page(context, company.address + path):
            page.goto(company.address + path)
            found[path] = faults(page)
    context.close()
    assert {path: each for path, each in found.items() if each} == {}
