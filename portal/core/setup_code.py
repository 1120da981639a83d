"""The one-time code with which the first account is made. No default account exists."""

from __future__ import annotations

import hmac
import os
from pathlib import Path

from appliance.state.tokens import new_code
from portal.core.accounts import any_account


def ensure(path: Path) -> str:
    """The code, made when there is no account yet; "" when the portal has been set up."""
    if any_account():
        path.unlink(missing_ok=True)
        return ""
    if not path.exists():
        _write(path, new_code())
    return path.read_text().strip()


def matches(path: Path, typed: str) -> bool:
    """Whether `typed` is the code; case, blanks and hyphens do not matter."""
    try:
        wanted = _plain(path.read_text())
    except FileNotFoundError:
        return False
    return bool(wanted) and hmac.compare_digest(wanted.encode(), _plain(typed).encode())


def _plain(text: str) -> str:
    return "".join(sign for sign in text.upper() if sign.isalnum())


def _write(path: Path, code: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(f"{code}\n")
