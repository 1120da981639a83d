"""The page of alarms, and the addresses that get mails about them."""

from __future__ import annotations

import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user

from appliance.apply.client import EngineError, EngineUnreachable
from appliance.services.alarms import State
from portal.alarms import silent
from portal.core import audit, draft, engine
from portal.core.db import transaction
from portal.core.draft import Edit
from portal.core.forms import LANGUAGE_CHOICES, Choice, Lines, Number, StateForm
from portal.core.i18n import _, _l, language
from portal.core.permissions import Guarded, requires
from portal.core.screen_views import saved
from portal.core.shapes import Place

PAGES = Blueprint("alarms", __name__, url_prefix="/alarms")
GUARDED = (Guarded("alarms", _l("Alarms"), presets={"operator": ("view",)}),)

LEVELS = {"critical": _l("critical"), "warning": _l("warning")}
LEAST = (("warning", _l("All alarms")), ("critical", _l("Only critical ones")))


class MailForm(StateForm):
    parts = {"": State}  # noqa: RUF012

    addresses = Lines(_l("Addresses"), hint=_l("One address a line."))
    language = Choice(_l("Language"), LANGUAGE_CHOICES)
    least = Choice(_l("Which alarms"), LEAST)
    repeat_after_h = Number(
        _l("Again after"),
        unit=_l("hours"),
        hint=_l("Until the alarm is over or somebody has acknowledged it."),
    )


FORMS = (MailForm,)


@PAGES.get("/")
@requires("alarms.view")
def index() -> Any:
    """What is wrong now, and what was."""
    try:
        found, reached = engine.engine().alarms(), True
    except EngineUnreachable:
        found, reached = {"open": [], "over": []}, False
    return render_template(
        "alarms/index.html",
        open=[shown(each) for each in found["open"]],
        over=[shown(each) for each in found["over"][:50]],
        levels=LEVELS,
        reached=reached,
        addresses=draft.settings("alarms")[0].addresses,
    )


@PAGES.get("/calls")
@requires("alarms.view")
def calls() -> Any:
    """Calls in which somebody was not heard, or did not hear."""
    try:
        rows, reached = silent.rows(), True
    except (EngineUnreachable, EngineError):
        rows, reached = [], False
    return render_template("alarms/silent.html", rows=rows, reached=reached)


@PAGES.post("/acknowledge")
@requires("alarms.edit")
def acknowledge() -> Any:
    """Say that one knows: nobody is reminded of this alarm any more."""
    name, subject = request.form.get("name", ""), request.form.get("subject", "")
    try:
        engine.engine().acknowledge_alarm(name, subject, str(current_user.email)[:80])
    except EngineError as error:
        if error.kind != "lookuperror":
            raise
        flash(_("This alarm is over already."), "info")
    else:
        with transaction():
            audit.record("alarm.acknowledge", f"{name} {subject}".strip())
    return redirect(url_for("alarms.index"))


@PAGES.route("/mail", methods=["GET", "POST"])
@requires("alarms.edit")
def mail() -> Any:
    """Who gets a mail; a part of the draft like any other setting."""
    settings, version = draft.settings("alarms")
    form = MailForm({"": settings})
    if form.validate_on_submit():
        seen = request.form.get("version", "")
        if seen != str(version):
            flash(
                _("Somebody else has changed this meanwhile. Look at it and save again."), "warning"
            )
            return redirect(url_for("alarms.mail"))
        edit = Edit(Place("alarms"), form.objects[""], version or None)
        with transaction():
            entry = draft.commit([edit], "alarm.mail", _("Mails about alarms"))
        saved(_("Saved in the draft. It takes effect when it is applied."), entry)
        return redirect(url_for("alarms.index"))
    relay = draft.settings("mail")[0]
    page = render_template("alarms/mail.html", form=form, version=version, relay=relay.server)
    return page, 422 if request.method == "POST" else 200


def shown(alarm: dict[str, Any]) -> dict[str, Any]:
    """An alarm of the engine as the page shows it: one language, moments as such."""
    words = language()
    return {
        **alarm,
        "text": alarm["text"][words],
        "advice": alarm["advice"][words],
        "since": _moment(alarm["since"]),
        "until": _moment(alarm["until"]),
    }


def _moment(seconds: int) -> datetime.datetime | None:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC) if seconds else None
