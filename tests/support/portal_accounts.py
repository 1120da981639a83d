"""Signed-in sessions of the portal without the pages of signing in."""

from __future__ import annotations

import re
import time
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from portal.core.accounts import account_of

BASE = "https://localhost"


class Browser(FlaskClient):
    """A client on HTTPS that sends the page's token with each form, as browsers do."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("base_url", BASE)
        return super().open(*args, **kwargs)

    def token(self, path: str = "/me/") -> str:
        """The token of a page's forms."""
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get(path).text)
        assert found, f"{path} has no form"
        return found[1]

    def send(self, path: str, data: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        """Send a form from a page of ours."""
        self._token = getattr(self, "_token", "") or self.token()
        headers = {"Referer": f"{BASE}/", "X-CSRFToken": self._token}
        return self.post(path, data=data or {}, headers=headers, **kwargs)


def session_of(app: Flask, email: str) -> Browser:
    """A browser in which the account has signed in."""
    client = Browser(app)
    with app.app_context():
        account = account_of(email)
        assert account is not None
        identity = account.fs_uniquifier
    with client.session_transaction(base_url=BASE) as session:
        session["_user_id"] = identity
        session["_fresh"] = True
        session["fs_paa"] = time.time()
        session["fs_cc"] = "set"
        session["identity.id"] = identity
    return client
