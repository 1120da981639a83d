"""A portal of its own for tests: an application in a folder, served to a real browser."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server
from werkzeug.wsgi import ClosingIterator

from portal.core.app import create_app
from portal.core.settings import Settings
from portal.core.upgrade import bring_up_to_date
from portal.preview import add_account, let_go, settings_in
from tests.support.network import Network

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
)
EMAIL, NAME, PASSWORD = "ada.fermi@example.com", "Ada Fermi", "quattro lampioni blu dondolano"


class Site:
    """A running portal. `code` is its one-time setup code, "" when it has accounts."""

    def __init__(self, app: Flask, code: str, port: int) -> None:
        self.app, self.code = app, code
        self.address = f"http://localhost:{port}"
        self.totp: dict[str, str] = {}

    @property
    def settings(self) -> Settings:
        return self.app.extensions["settings"]


@contextmanager
def served(
    app: Flask,
    host: str = "localhost",
    port: int = 0,
    *,
    inside: Network | None = None,
    **options: Any,
) -> Iterator[int]:
    """An application on a free port or this one, in threads of this process; the port. `inside`
    is the network that it listens in."""
    with inside.entered() if inside else contextlib.nullcontext():
        server = make_server(host, port, read_whole(app), threaded=True, **options)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def read_whole(app: Flask) -> Callable[[dict[str, Any], Any], list[bytes]]:
    """The same, each answer read before any of it is sent.

    A browser that goes on to the next page resets its connections, and Werkzeug 3.1 then
    leaves the file open that it was sending.
    """

    def answer(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with contextlib.closing(ClosingIterator(app(environ, start_response))) as body:
            return list(body)

    return answer


@contextmanager
def serving(folder: Path, *, pace_s: float = 0.05) -> Iterator[Site]:
    """A portal with a pretend engine, on a free port, in threads of this process."""
    app = create_app(settings_in(folder, testing=True))
    code = bring_up_to_date(app)
    app.extensions["engine"].pace_s = pace_s
    try:
        with served(app) as port:
            yield Site(app, code, port)
    finally:
        let_go(app)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A real browser without a screen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def totp(key: str, at: float | None = None) -> str:
    """The six digits that an app would show for a key (RFC 6238, SHA-1, 30 s)."""
    plain = key.replace("-", "").replace(" ", "").upper()
    secret = base64.b32decode(plain + "=" * (-len(plain) % 8))
    counter = struct.pack(">Q", int((time.time() if at is None else at) // 30))
    digest = hmac.new(secret, counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def sign_in(page: Page, site: Site, email: str = EMAIL, password: str = PASSWORD) -> None:
    """Sign in by password and second factor, as a person does; sets the latter up first."""
    site.totp[email] = sign_in_at(page, site.address, email, password, site.totp.get(email, ""))


def sign_in_at(
    page: Page, address: str, email: str = EMAIL, password: str = PASSWORD, key: str = ""
) -> str:
    """The same for any portal; returns the key of the second factor."""
    page.goto(f"{address}/login")
    page.locator("input[name=email]").fill(email)
    page.locator("input[name=password]").fill(password)
    page.locator("button[name=submit]").click()
    if "/tf-setup" in page.url:
        page.locator("form[action*=tf-setup] button").click()
        page.locator("summary").first.click()
        key = page.locator("#totp-key").inner_text().strip()
    page.locator("input[name=code]").fill(totp(key))
    page.locator("form:has(input[name=code]) button").click()
    page.wait_for_url(lambda url: "/tf-" not in url and "/login" not in url)
    return key


def with_account(site: Site, preset: str = "it_manager", email: str = EMAIL) -> None:
    """Give the portal an account without going through the setup page."""
    add_account(site.app, email, NAME, PASSWORD, preset)
