"""Lines, numbers and questions about calls with the keyboard alone."""

import pytest


def typed(page, label, text):
    """Go to a field with the tabulator, as somebody without a mouse does, and type."""
    wanted = page.get_by_label(label, exact=True).first
    for _step in range(150):
        if wanted.evaluate("field => field === document.activeElement"):
            page.keyboard.press("Control+a")
            page.keyboard.type(text)
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the tabulator does not lead to “{label}”")


@pytest.mark.row("P3")
def test_a_block_of_numbers_is_added_with_the_keyboard_alone(signed_in, company):
    page = signed_in
    page.goto(f"{company.address}/dids/new")
    typed(page, "Numeri", "0522 777000-999")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: not address.endswith("/new"))
    assert "+390522777000-999" in page.content()


@pytest.mark.row("P16")
def test_may_215_dial_this_is_asked_with_the_keyboard_alone(signed_in, company):
    page = signed_in
    page.goto(f"{company.address}/dialling/")
    typed(page, "Interno", "215")
    page.keyboard.press("Tab")
    page.keyboard.type("112")
    page.keyboard.press("Enter")
    page.wait_for_url("**dialled=112**")
    answer = page.get_by_role("status")
    assert answer.get_by_text("Sì", exact=True).is_visible()
    assert answer.get_by_role("link", name="Come si telefona").is_visible()


@pytest.mark.row("V30")
def test_a_line_is_added_with_the_keyboard_alone(signed_in, company):
    page = signed_in
    page.goto(f"{company.address}/trunks/new")
    typed(page, "Nome", "Linea di riserva")
    typed(page, "Server", "sip.riserva.example")
    typed(page, "Utente", "0522777000")
    typed(page, "Password", "violet-Lamp-19")
    typed(page, "Numero principale", "0522 777000")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: not address.endswith("/new"))
    page.goto(f"{company.address}/trunks/linea-di-riserva")
    assert page.get_by_role("heading", name="Linea di riserva", level=1).is_visible()
    assert page.get_by_label("Numero principale", exact=True).input_value() == "+390522777000"


@pytest.mark.row("P16")
def test_an_outbound_rule_is_added_with_the_keyboard_alone(signed_in, company):
    page = signed_in
    page.goto(f"{company.address}/outbound-routes/new")
    typed(page, "Nome", "Cellulari di notte")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: not address.endswith("/new"))
    assert "Cellulari di notte" in page.content()
