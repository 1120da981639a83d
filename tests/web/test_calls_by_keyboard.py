"""Groups, hold music and codes by the keyboard alone, as people without a mouse work."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from portal.core import draft

TONE = Path(__file__).parent.parent / "support/sounds/tone.mp3"
MOST_TABS = 80


def walk_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus, as somebody without a mouse does."""
    wanted = page.locator(selector).first
    for _each in range(MOST_TABS):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{selector} is not reached by the keyboard")


def type_into(page: Page, selector: str, text: str) -> None:
    walk_to(page, selector)
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


def press(page: Page, selector: str) -> None:
    walk_to(page, selector)
    page.keyboard.press("Enter")


@pytest.mark.row("D1")
def test_a_ring_group_is_made_without_a_mouse(signed_in, company):
    page = signed_in
    page.goto(f"{company.address}/ring-groups/")
    press(page, 'a[href="/ring-groups/new"]')
    page.wait_for_url("**/ring-groups/new")
    type_into(page, "[name=name]", "Vendite")
    type_into(page, "[name=number]", "300")
    type_into(page, "[name='members-0-extension']", "201")
    press(page, "[data-add-row]")
    type_into(page, "[name='members-1-extension']", "205")
    press(page, "tr:nth-child(2) [data-raise-row]")
    walk_to(page, "select[name=fallback]")
    page.keyboard.type("interno")
    type_into(page, "input[name=fallback]", "210")
    press(page, ".form-foot .btn-primary")
    expect(page.locator(".notice.good")).to_contain_text("Vendite")
    with company.app.app_context():
        made = draft.state()["ring_groups"].groups[-1]
    assert [member.extension for member in made.members] == ["205", "201"]
    assert (made.number, made.fallback.kind, made.fallback.id) == ("300", "extension", "210")


def test_the_number_beside_a_destination_is_there_only_when_one_is_needed(signed_in, company):
    page = signed_in
    page.goto(f"{company.address}/ring-groups/new")
    beside = page.locator("input[name=fallback]")
    expect(beside).to_be_hidden()
    page.locator("select[name=fallback]").select_option("external:")
    expect(beside).to_be_visible()
    page.locator("select[name=fallback]").select_option("ending:hangup")
    expect(beside).to_be_hidden()


@pytest.mark.row("P13")
def test_hold_music_is_uploaded_heard_and_played_everywhere_without_a_mouse(signed_in, company):
    page = signed_in
    page.goto(f"{company.address}/music-on-hold/new")
    type_into(page, "[name=name]", "Inverno")
    press(page, ".form-foot .btn-primary")
    page.wait_for_url("**/music-on-hold/inverno")
    walk_to(page, "input[type=file]")
    # The system's own window to choose a file is no part of the page.
    page.locator("input[type=file]").set_input_files(TONE)
    press(page, "form[data-upload] button")
    player = page.locator("audio")
    expect(player).to_be_visible(timeout=20_000)
    expect(page.locator(".notice.good")).to_contain_text("LUFS")
    walk_to(page, "audio")
    length = player.evaluate(
        "audio => new Promise((done, wrong) => {"
        " audio.onloadedmetadata = () => done(audio.duration);"
        " audio.onerror = () => wrong(audio.error.message);"
        " audio.load(); audio.preload = 'metadata'; })"
    )
    assert length == pytest.approx(3, abs=0.1)
    press(page, "form[action$=everywhere] button")
    expect(page.locator("form[action$=everywhere]")).to_contain_text("Torna alla musica")
    with company.app.app_context():
        assert draft.state()["music_on_hold"].default_class == "inverno"


@pytest.mark.row("P13")
def test_a_wrong_file_is_refused_with_its_reason_on_the_page(signed_in, company, tmp_path):
    page = signed_in
    wrong = tmp_path / "listino.mp3"
    wrong.write_bytes(b"%PDF-1.7 prices")
    page.goto(f"{company.address}/music-on-hold/new")
    page.get_by_label("Nome").fill("Inverno")
    page.get_by_role("button", name="Salva nella bozza").click()
    page.locator("input[type=file]").set_input_files(wrong)
    page.get_by_role("button", name="Carica", exact=True).click()
    expect(page.locator(".notice.warn")).to_contain_text("listino.mp3")
    expect(page.locator(".notice.warn")).to_contain_text("WAV, MP3, M4A")


def test_a_code_is_changed_without_a_mouse_and_stands_in_the_preview(signed_in, company):
    page = signed_in
    page.goto(f"{company.address}/feature-codes/")
    type_into(page, "[name=group_pickup]", "*7")
    press(page, ".form-foot .btn-primary")
    expect(page.locator(".notice.good")).to_be_visible()
    press(page, '.topbar > a[href="/changes/"]')
    sentence = page.locator(".sentence", has_text="Rispondere a una chiamata del gruppo")
    expect(sentence).to_contain_text("*8")
    expect(sentence).to_contain_text("*7")
    press(page, 'a[href="/changes/files"]')
    expect(page.locator("main")).to_contain_text("*7")
