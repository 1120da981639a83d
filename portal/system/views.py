"""What runs here, in which version, and whether somebody changed files by hand."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from flask import Blueprint, render_template

from appliance import product
from appliance.apply.client import EngineError, EngineUnreachable
from portal.core import engine
from portal.core.db import db
from portal.core.i18n import _l
from portal.core.permissions import Guarded, requires
from portal.core.security import PASSKEYS

PAGES = Blueprint("system", __name__, url_prefix="/system")
GUARDED = (Guarded("system", _l("System"), verbs=("view",)),)
LIBRARIES = ("flask", "sqlalchemy", "flask-security-too", "wtforms", "cryptography")


@PAGES.get("/")
@requires("system.view")
def index() -> str:
    """The page."""
    return render_template(
        "system/index.html",
        product_version=product.VERSION,
        python=platform.python_version(),
        libraries=[(name, _version(name)) for name in LIBRARIES],
        database=db.engine.dialect.name,
        passkeys=PASSKEYS,
        engine=engine.status(),
        drift=_drift(),
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "–"


def _drift() -> dict[str, Any] | None:
    """Path -> changed | missing; None when the engine does not answer."""
    try:
        return engine.engine().drift()
    except (EngineUnreachable, EngineError):
        return None
