"""Sends a test mail over the mail server of the draft."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask_login import current_user

from appliance.services.mail import State
from appliance.state.codec import decode
from appliance.state.faults import StateError
from portal.core import audit, draft
from portal.core.db import transaction
from portal.core.i18n import _
from portal.core.permissions import requires
from portal.mail import trial

PAGES = Blueprint("mail_trial", __name__, url_prefix="/mail")


@PAGES.post("/test")
@requires("mail.edit")
def send() -> Any:
    """Send it and say what the server answered; nothing is changed."""
    settings: State = draft.settings("mail")[0]
    to = request.form.get("to", "").strip() or str(current_user.email)
    if not settings.server or not settings.sender:
        flash(_("Save a mail server and a sender first."), "warning")
    elif not _address(to):
        flash(_("“%(to)s” is no mail address.", to=to[:80]), "warning")
    else:
        _try(settings, to)
    return redirect(url_for("mail.index"))


def _try(settings: State, to: str) -> None:
    try:
        trial.send(settings, to)
    except trial.NotSent as error:
        flash(_("The test mail was not sent. %(why)s", why=str(error)), "warning")
        return
    with transaction():
        audit.record("mail.test", to)
    flash(
        _("%(server)s has taken the test mail for %(to)s.", server=settings.server, to=to), "info"
    )


def _address(text: str) -> bool:
    """Whether a text is a mail address, by the rule of the sender's field."""
    try:
        return bool(decode(State, {"sender": text}).sender)
    except StateError:
        return False
