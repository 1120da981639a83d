"""Shared bans in a real browser: a token, another machine, and whom it shuts out."""

import pytest

from tests.support.portal_site import sign_in
from tests.web.test_accessibility import faults


def add_modena(page, company):
    page.goto(f"{company.address}/peers/new")
    page.get_by_label("Nome", exact=True).fill("Modena")
    page.get_by_label("Indirizzo", exact=True).fill("pbx.modena.example.com")
    page.get_by_label("Token", exact=True).fill("t" * 40)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.goto(f"{company.address}/changes/")
    page.get_by_role("button", name="Applica").first.click()
    page.wait_for_url("**/changes/waiting")


@pytest.fixture
def page(browser, company):
    context = browser.new_context(locale="it-IT", bypass_csp=True)
    opened = context.new_page()
    sign_in(opened, company)
    yield opened
    context.close()


@pytest.mark.row("S4")
def test_a_token_is_made_and_shown_with_what_the_other_machine_needs(page, company):
    page.goto(f"{company.address}/peers/")
    page.get_by_label("Macchina che può leggerlo").fill("Modena")
    page.keyboard.press("Enter")
    token = page.locator("#token").inner_text()
    assert len(token) == 32
    assert faults(page) == []
    page.goto(f"{company.address}/peers/")
    assert token not in page.content()
    assert faults(page) == []
    page.get_by_role("button", name="Revoca il token: Modena").click()
    page.get_by_text("non apre più nulla").wait_for()


@pytest.mark.row("S4")
def test_whom_another_machine_shuts_out_is_shown_with_its_name_and_let_in_with_a_reason(
    page, company
):
    add_modena(page, company)
    page.goto(f"{company.address}/peers/")
    assert page.get_by_text("2 voci").is_visible()
    page.goto(f"{company.address}/banned/")
    row = page.get_by_role("row").filter(has_text="198.51.100.23/32")
    assert row.get_by_text("Modena").is_visible()
    row.get_by_label("Perché 198.51.100.23/32 è riammesso").fill("il nostro consulente")
    page.keyboard.press("Enter")
    row = page.get_by_role("row").filter(has_text="198.51.100.23/32")
    row.get_by_text("il nostro consulente").wait_for()
    assert not row.get_by_role("button").is_visible()
    for address in ("/banned/", "/peers/", "/peers/modena"):
        page.goto(f"{company.address}{address}")
        assert faults(page) == [], address
