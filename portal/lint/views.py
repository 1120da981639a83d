"""The page of checks."""

from __future__ import annotations

from flask import Blueprint, render_template

from portal.core import draft
from portal.core.i18n import _l
from portal.core.permissions import Guarded, requires
from portal.core.sentences import shown_fault

PAGES = Blueprint("lint", __name__, url_prefix="/checks")
GUARDED = (Guarded("lint", _l("Checks"), verbs=("view",), presets={"hr": ("view",)}),)


@PAGES.get("/")
@requires("lint.view")
def index() -> str:
    """All faults of the draft, each leading to the field concerned."""
    return render_template("lint/index.html", faults=[shown_fault(f) for f in draft.faults()])
