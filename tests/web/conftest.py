"""One Chromium for all tests of a worker; a portal of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from portal import sample
from tests.support.portal_site import Site, chromium, serving, sign_in, with_account


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def company(tmp_path) -> Iterator[Site]:
    """A portal with the sample company and an IT manager."""
    with serving(tmp_path) as site:
        with site.app.app_context():
            sample.fill()
        with_account(site)
        yield site


@pytest.fixture
def signed_in(browser, company) -> Iterator[Page]:
    """A page on which the IT manager has signed in. Errors of scripts fail the test."""
    context = browser.new_context(locale="it-IT", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    sign_in(page, company)
    yield page
    context.close()
    assert problems == []
