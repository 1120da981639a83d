"""A branch from nothing to a drill's record: a person in a browser, a router over real TLS."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from failover_router import enrol, router_profile, spoken_code
from failover_router.door import Door, DoorError
from failover_router.report import DrillReport
from tests.support.fake_router import FakeRouter, line
from tests.support.portal_site import Site, served

pytestmark = [pytest.mark.row("I4"), pytest.mark.row("N11")]


@pytest.fixture
def door_port(company: Site) -> Iterator[int]:
    """The portal with TLS, as the web server in front has it; the port is free."""
    engine = company.app.extensions["engine"]
    engine.vpn_vouch()
    folder = company.settings.folder / "web"
    files = (str(folder / "web.crt"), str(folder / "web.key"))
    with served(company.app, ssl_context=files) as port:
        yield port


def fill(page, **fields):
    for name, value in fields.items():
        page.locator(f"[name={name.replace('__', '-')}]").fill(value)


def test_a_branch_is_added_enrolled_by_code_watched_and_drilled(
    company, signed_in, door_port, tmp_path
):
    page = signed_in
    page.goto(f"{company.address}/branches/server")
    fill(page, addresses="203.0.113.1")
    page.locator("main button.btn-primary").click()
    page.goto(f"{company.address}/branches/")
    page.locator("a[href='/branches/parma/edit']").click()
    fill(page, lines__0__label="Fibra", lines__0__up_kbits="20000", lines__0__down_kbits="100000")
    fill(page, lines__1__label="Mobile", lines__1__up_kbits="900", lines__1__down_kbits="9000")
    page.locator("main button.btn-primary").click()
    page.wait_for_url("**/branches/parma")
    assert page.locator(".figure-enough").count() == 1
    assert page.locator(".figure-small").count() == 1

    apply(company)
    page.goto(f"{company.address}/branches/parma")
    page.locator("form[action$='/code'] button").click()
    code = spoken_code.read(page.locator("#router-code").inner_text())
    profile = tmp_path / "profile.json"
    door = Door.by_code("localhost", door_port, code)
    enrol.enrol(door, code, "Protectli VP2420", profile)
    assert profile.stat().st_mode & 0o777 == 0o600

    router = FakeRouter(door.post, router_profile.read(profile.read_bytes()))
    router.report()
    page.goto(f"{company.address}/branches/parma")
    assert page.locator("svg.curve").count() == 2
    assert "Protectli VP2420" in page.locator("main").inner_text()
    page.goto(f"{company.address}/branches/")
    first, second = router.profile.lines
    assert page.locator("tbody td").nth(2).inner_text() == first.label
    router.report(line(first.name, up=False, good=False), line(second.name), active=second.name)
    page.get_by_role("cell", name="Fibra (").wait_for(timeout=15_000)  # by itself
    assert page.locator("tbody td").nth(2).inner_text() == second.label
    router.report()
    page.goto(f"{company.address}/branches/parma")
    page.locator("form[action$='/drill'] button").click()
    command = router.report().command
    news = DrillReport(command.id, command.line, "done", "", 61000, 60100, 340, 61000, 600, 4, 0)
    router.report(drill=news)
    page.goto(f"{company.address}/branches/parma")
    with page.expect_download() as download:
        page.locator("a[href$='.pdf']").click()
    content = download.value.path().read_bytes()
    assert content.startswith(b"%PDF-1.")
    assert re.search(rb"/Title|/Author", content)


def test_a_router_says_nothing_secret_to_another_machine(company, signed_in, door_port):
    """The code's fingerprint is that of another authority: somebody stands in between."""
    code = spoken_code.Code("1234567", "00000000")
    door = Door.by_code("localhost", door_port, code)
    with pytest.raises(DoorError, match="another appliance"):
        door.post("enrol", b"{}", {})


def test_a_web_server_that_the_authority_does_not_vouch_for_is_not_trusted(
    company, signed_in, door_port, monkeypatch
):
    engine = company.app.extensions["engine"]
    said = engine.vpn_vouch()
    monkeypatch.setattr(engine, "vpn_vouch", lambda: {**said, "web_sha256": "0" * 64})
    door = Door("localhost", door_port, lambda _authority: True)
    with pytest.raises(DoorError, match="not signed by its authority"):
        door.post("enrol", b"{}", {})


def apply(company: Site) -> None:
    """Put the draft into force."""
    from portal.core import draft
    from portal.core.engine import engine

    with company.app.app_context():
        job = engine().apply(draft.state(), engine().status()["current"], "test")
        engine().wait(job, 30)
