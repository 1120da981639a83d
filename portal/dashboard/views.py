"""The overview page and its live part."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, make_response, redirect, render_template, url_for

from portal.core import draft, live
from portal.core.db import db
from portal.core.engine import status
from portal.core.i18n import _l
from portal.core.permissions import Guarded, access, requires, signed_in
from portal.core.screens import screens

PAGES = Blueprint("dashboard", __name__)
GUARDED = (
    Guarded(
        "dashboard",
        _l("Overview"),
        verbs=("view",),
        presets={"hr": ("view",), "department_head": ("view",), "operator": ("view",)},
    ),
)


@PAGES.get("/")
@signed_in
def home() -> Any:
    """Everybody's first page: the overview, or one's own account."""
    if not access().allows("dashboard.view"):
        return redirect(url_for("me.index"))
    if access().everything and not draft.settings("organisation")[0].name:
        return redirect(url_for("wizard.step", name="company"))
    return redirect(url_for("dashboard.index"))


@PAGES.get("/overview")
@requires("dashboard.view")
def index() -> Any:
    """The overview, with a token for what is live in it."""
    page = render_template(
        "dashboard/index.html",
        engine=status(),
        faults=draft.faults(),
        counts=_counts(),
    )
    return live.allow(make_response(page))


@PAGES.post("/overview/live")
@requires("dashboard.view")
def renew() -> Any:
    """Let an open page go on listening to the live hub."""
    return live.allow(make_response("", 204))


def _counts() -> list[tuple[Any, int]]:
    """(screen, number of records) for each list that the account may see."""
    found = []
    for screen in screens().values():
        if access().allows(f"{screen.name}.view"):
            query = db.select(db.func.count(draft.DraftObject.id)).filter_by(
                service=screen.main.service, collection=screen.main.collection
            )
            found.append((screen, db.session.scalar(query) or 0))
    return found
