"""Makes the pictures of the README from the sample company: `make screenshots`.

    .venv/bin/python -m tests.web.screenshots [name …]

They are what a browser shows, nothing is drawn. Made anew whenever a page changes.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser

from portal import sample
from tests.support import branch_office
from tests.support.portal_site import Site, chromium, serving, sign_in, with_account

FOLDER = Path(__file__).resolve().parents[2] / "docs/screenshots"
DESKTOP, TELEPHONE = (1280, 800), (390, 844)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture; `size` is the window's, in CSS pixels."""

    name: str
    path: str
    size: tuple[int, int] = DESKTOP
    theme: str = "light"


PICTURES = (
    Picture("overview", "/overview"),
    Picture("people", "/people/"),
    Picture("person-on-a-telephone", "/people/chiara-nardo", TELEPHONE, "dark"),
    Picture("changes", "/changes/"),
    Picture("phone-board", "/phone-board/", DESKTOP, "dark"),
    Picture("checks", "/checks/"),
    Picture("dialling", "/dialling/?caller=215&dialled=00393381234567&number=0522123215"),
    Picture("lines", "/trunks/"),
)
OF_A_BRANCH = (
    Picture("branches", "/branches/", DESKTOP, "dark"),
    Picture("branch", "/branches/parma"),
)
"""Taken last: the branch is applied, and nothing waits any more."""


def take(browser: Browser, site: Site, picture: Picture) -> Path:
    """One picture, in Italian."""
    width, height = picture.size
    context = browser.new_context(
        locale="it-IT",
        color_scheme=picture.theme,
        viewport={"width": width, "height": height},
        reduced_motion="reduce",
    )
    page = context.new_page()
    sign_in(page, site)
    page.goto(site.address + picture.path, wait_until="networkidle")
    target = FOLDER / f"{picture.name}.png"
    page.screenshot(path=target)
    context.close()
    return target


def take_all(browser: Browser, site: Site, pictures: Iterable[Picture]) -> None:
    """Those of the pictures that the command line names, or all of them."""
    for picture in pictures:
        if not sys.argv[1:] or picture.name in sys.argv[1:]:
            made = take(browser, site, picture)
            print(f"{made.name:36}{made.stat().st_size // 1024:6} kB")


def main() -> None:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as site:
        with site.app.app_context():
            sample.fill()
        with_account(site)
        with chromium() as browser:
            take_all(browser, site, PICTURES)
            branch_office.apply(site.app)
            branch_office.watched(site.app, Path(folder))
            take_all(browser, site, OF_A_BRANCH)


if __name__ == "__main__":
    main()
