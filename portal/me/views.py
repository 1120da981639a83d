"""What everybody may see and change about themselves."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user

from portal.core.db import transaction
from portal.core.i18n import LANGUAGES
from portal.core.permissions import public, signed_in
from portal.core.security import PASSKEYS

PAGES = Blueprint("me", __name__, url_prefix="/me")
YEAR_S = 365 * 24 * 3600


@PAGES.get("/")
@signed_in
def index() -> str:
    """The page of one's own account."""
    return render_template("me/index.html", passkeys=PASSKEYS)


@PAGES.post("/language")
@public
def language() -> Any:
    """Choose the language of the portal."""
    chosen = request.form.get("language", "")
    answer = redirect(_back())
    if chosen in LANGUAGES:
        if current_user.is_authenticated:
            with transaction():
                current_user.language = chosen
        answer.set_cookie("language", chosen, max_age=YEAR_S, secure=True, samesite="Lax")
    return answer


@PAGES.post("/theme")
@public
def theme() -> Any:
    """Choose light, dark, or what the computer says."""
    answer = redirect(_back())
    if request.form.get("theme") in {"light", "dark", "auto"}:
        answer.set_cookie(
            "theme", request.form["theme"], max_age=YEAR_S, secure=True, samesite="Lax"
        )
    return answer


def _back() -> str:
    """The page to go back to: only a path of this portal."""
    back = request.form.get("back", "").rstrip("?")
    plain = back.startswith("/") and not back.startswith("//") and "\\" not in back
    return back if plain else url_for("dashboard.home")
