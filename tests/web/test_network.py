"""The network's page in a real browser, with the keyboard, up to where the portal will be."""

import pytest


def tab_to(page, wanted):
    """Go to a control with the tabulator, as somebody without a mouse does."""
    for _step in range(150):
        if wanted.evaluate("each => each === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError("the tabulator does not lead there")


def press(page, name):
    tab_to(page, page.get_by_role("button", name=name).first)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def typed(page, label, text):
    tab_to(page, page.get_by_label(label, exact=True).first)
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


@pytest.mark.row("D1")
def test_an_address_is_changed_with_the_keyboard_alone_up_to_where_the_portal_will_be(
    signed_in, company
):
    page = signed_in
    page.goto(f"{company.address}/network/")
    press(page, "Riprendi ciò che è in uso")
    page.goto(f"{company.address}/network-interfaces/ens192")
    typed(page, "Indirizzo IPv4", "192.0.2.77/24")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.goto(f"{company.address}/changes/")
    assert page.get_by_role("link", name="192.0.2.77").first.is_visible()
    press(page, "Applica")
    page.wait_for_url("**/changes/waiting")
    link = page.get_by_role("link", name="192.0.2.77").first
    assert link.get_attribute("href").startswith("http://192.0.2.77:")
    press(page, "Annulla la revisione")
    page.wait_for_url("**/changes/")


def test_fields_of_a_fixed_address_are_asked_for_only_where_one_is_chosen(signed_in, company):
    page = signed_in
    page.goto(f"{company.address}/network-interfaces/new")
    address = page.get_by_label("Indirizzo IPv4", exact=True)
    assert not address.is_visible()
    page.get_by_label("IPv4", exact=True).select_option("static")
    assert address.is_visible()
    assert not page.get_by_label("Indirizzo IPv6", exact=True).is_visible()


@pytest.mark.row("D1")
def test_a_vlan_with_a_wrong_address_is_refused_at_its_field_and_nothing_is_lost(
    signed_in, company
):
    page = signed_in
    page.goto(f"{company.address}/network/")
    press(page, "Riprendi ciò che è in uso")
    page.goto(f"{company.address}/vlans/new")
    typed(page, "Nome", "Telefoni")
    typed(page, "Numero", "4095")
    page.get_by_label("IPv4", exact=True).select_option("static")
    typed(page, "Indirizzo IPv4", "10.40.0.1")
    page.keyboard.press("Enter")
    page.locator(".field-error").first.wait_for()
    assert page.locator("#number-place .field-error").is_visible()
    assert page.locator("#address-place .field-error").is_visible()
    assert page.get_by_label("Nome", exact=True).input_value() == "Telefoni"
    page.get_by_label("IPv4", exact=True).select_option("dhcp")
    assert page.locator("#address-place .field-error").is_visible(), "a fault stays in sight"
