"""Every page under axe-core, light and dark, and at the width of a telephone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.support.portal_site import sign_in

AXE = Path(__file__).parent.parent / "support/vendor/axe/axe.min.js"
PAGES = (
    "/overview",
    "/people/",
    "/people/?q=nothing-like-this",
    "/people/new",
    "/people/chiara-nardo",
    "/people/chiara-nardo/delete",
    "/people/import",
    "/extensions/",
    "/devices/",
    "/devices/0015651a0001",
    "/sites/",
    "/changes/",
    "/changes/files",
    "/changes/history",
    "/checks/",
    "/accounts/",
    "/accounts/new",
    "/accounts/profiles/new",
    "/audit/",
    "/audit/2",
    "/system/",
    "/me/",
    "/wizard/company",
    "/wizard/people",
    "/change",
    "/mf-recovery-codes",
    "/nowhere",
)
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}


def faults(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())
    found = page.evaluate("rules => axe.run(document, rules)", RULES)
    return [
        f"{each['id']}: {each['help']} ({node['target']})"
        for each in found["violations"]
        for node in each["nodes"][:3]
    ]


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_no_page_has_a_fault_that_axe_finds_or_scrolls_sideways(browser, company, theme, width):
    context = browser.new_context(
        locale="it-IT",
        color_scheme=theme,
        viewport={"width": width, "height": 900},
        bypass_csp=True,
    )
    page = context.new_page()
    page.goto(f"{company.address}/login")
    found = {"/login": faults(page)}
    sign_in(page, company)
    for path in PAGES:
        page.goto(company.address + path)
        found[path] = faults(page)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found[path].append("scrolls sideways")
    context.close()
    assert {path: each for path, each in found.items() if each} == {}
