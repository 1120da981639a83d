"""Texts in the reader's language. Msgids are English; Italian is the default language.

Catalogues are read as they are written (`portal/translations/it/*.po`): no compiled
files to forget. One catalogue for each top folder keeps two people's changes apart.
"""

from __future__ import annotations

import datetime
from functools import cache
from pathlib import Path
from typing import Any

from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, has_request_context, request
from flask_babel import Babel, Domain, format_decimal, get_locale
from flask_login import current_user

from appliance.state.faults import Fault
from portal.core.po import as_mo

FOLDER = Path(__file__).resolve().parent.parent / "translations"
LANGUAGES = {"it": "Italiano", "en": "English"}
LOCALES = {"it": "it_IT", "en": "en_GB"}
"""Language -> locale. Flask-Security's own catalogues bear the country in their names."""


class Catalogue(Domain):
    """All catalogues of the reader's language as one."""

    def get_translations(self) -> NullTranslations:
        locale = get_locale()
        return translations(locale.language if locale else "it")


@cache
def translations(language: str) -> NullTranslations:
    """The merged catalogues of a language; English needs none."""
    merged = NullTranslations()
    for path in sorted((FOLDER / language).glob("*.po")):
        with path.open("rb") as file:
            found = Translations(as_mo(read_po(file, locale=language)))
        merged = merged.merge(found) if isinstance(merged, Translations) else found
    return merged


domain = Catalogue()
_ = domain.gettext
_n = domain.ngettext
_l = domain.lazy_gettext


def language() -> str:
    """The reader's language: the account's, else the cookie's, else the browser's, else Italian."""
    if not has_request_context():
        return "it"
    if current_user and current_user.is_authenticated and current_user.language in LANGUAGES:
        return current_user.language
    chosen = request.cookies.get("language", "")
    if chosen in LANGUAGES:
        return chosen
    return request.accept_languages.best_match(list(LANGUAGES), "it") or "it"


def init_app(app: Flask) -> None:
    """Choose the language for each request and give templates `_` and `_n`."""
    app.config["BABEL_DEFAULT_LOCALE"] = "it_IT"
    Babel(
        app,
        locale_selector=lambda: LOCALES[language()],
        timezone_selector=lambda: "Europe/Rome",
        default_domain=domain,
    )
    # Templates call these as plain functions, so that values are escaped like any other.
    app.jinja_env.globals |= {"_": _, "_n": _n}


def fault_text(fault: Fault) -> str:
    """A fault's sentence in the reader's language, without its place."""
    return translated(fault.text, dict(fault.values))


def translated(template: str, values: dict[str, Any] | None = None) -> str:
    """A template of the engine with its values. Values of a known vocabulary are translated."""
    text = domain.get_translations().ugettext(template) if template else ""
    if not values:
        return text
    words = {name: _word(name, value) for name, value in values.items()}
    return text % words


def _word(name: str, value: Any) -> Any:
    if name in {"kind", "unit"} and isinstance(value, str):
        return domain.get_translations().ugettext(value.replace("_", " "))
    return value


def decimal(value: float, digits: int = 1) -> str:
    """A number with so many digits after the comma, as the reader's language writes it."""
    text: str = format_decimal(value, format="#,##0" + "." * bool(digits) + "0" * digits)
    return text


def in_zone(moment: datetime.datetime) -> datetime.datetime:
    """A moment in the zone of this request."""
    from flask_babel import to_user_timezone

    return to_user_timezone(moment)
