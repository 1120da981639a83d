"""The overview page and its live part."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, make_response, redirect, render_template, url_for

from appliance.apply.client import EngineError, EngineUnreachable
from portal.alarms import silent
from portal.alarms.views import shown
from portal.core import draft, live
from portal.core.db import db
from portal.core.engine import engine, status
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
        alarms=_alarms(),
        silent_why={why: f"{reason} {advice}" for why, (reason, advice) in silent.WHY.items()},
        silent_lines=silent.trunk_labels(),
        silent_branches=silent.branch_sites(),
    )
    return live.allow(make_response(page))


@PAGES.post("/overview/live")
@requires("dashboard.view")
def renew() -> Any:
    """Let an open page go on listening to the live hub."""
    return live.allow(make_response("", 204))


SHOWN_ALARMS = 3


def _alarms() -> list[dict[str, Any]]:
    """The gravest open alarms that nobody has acknowledged, for those who may see them."""
    if not access().allows("alarms.view"):
        return []
    try:
        found = engine().alarms()["open"]
    except (EngineUnreachable, EngineError):
        return []
    return [shown(each) for each in found if not each["acknowledged"]][:SHOWN_ALARMS]


def _counts() -> list[tuple[Any, int]]:
    """(screen, number of records) for each list that the account may see."""
    found = []
    for screen in screens().values():
        if not screen.single and access().allows(f"{screen.name}.view"):
            query = db.select(db.func.count(draft.DraftObject.id)).filter_by(
                service=screen.main.service, collection=screen.main.collection
            )
            found.append((screen, db.session.scalar(query) or 0))
    return found
