"""A voicemail box for each extension that has none, in one step; and boxes that guesses locked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for

from appliance.apply.client import EngineError, EngineUnreachable
from appliance.services.voicemail_boxes import VoicemailBox
from appliance.state.references import Destination
from portal.core import audit, draft
from portal.core.db import transaction
from portal.core.draft import Edit
from portal.core.engine import engine
from portal.core.i18n import _, _n
from portal.core.permissions import requires
from portal.core.screen_views import saved
from portal.core.screens import free_id
from portal.core.shapes import Place
from portal.voicemail_boxes.screen import SCREEN

PAGES = Blueprint("voicemail_tools", __name__, url_prefix="/voicemail")


@PAGES.get("/for-all")
@requires("voicemail_boxes.edit")
def ask() -> str:
    """Say how many boxes would be made."""
    return render_template("voicemail_boxes/all.html", count=len(SCREEN.without_box()))


@PAGES.post("/for-all")
@requires("voicemail_boxes.edit")
def make() -> Any:
    """Make them, and send unanswered calls there where the box is ticked."""
    wanted = SCREEN.without_box()
    with transaction():
        edits = list(_edits(wanted, send=request.form.get("send") == "yes"))
        entry = draft.commit(edits, "draft.bulk", f"{SCREEN.title}: {len(wanted)}")
    if entry is None:
        flash(_("Nothing was changed."), "info")
    else:
        saved(_n("%(num)d box is made.", "%(num)d boxes are made.", len(wanted)), entry)
    return redirect(url_for("voicemail_boxes.index"))


def _edits(wanted: list[tuple[str, str]], *, send: bool) -> Iterator[Edit]:
    used: set[str] = set()
    for extension, number in wanted:
        id = free_id(SCREEN.main, number, used)
        used.add(id)
        place = Place(SCREEN.main.service, SCREEN.main.collection, id)
        yield Edit(place, VoicemailBox(id, extension), 0)
        row = draft.find(Place("extensions", "extensions", extension)) if send else None
        if row and row.data["on_no_answer"] is None:
            to = Destination("voicemail_box", id)
            yield Edit(row.place, dataclasses.replace(draft.instance(row), on_no_answer=to))


@PAGES.post("/<id>/unlock")
@requires("voicemail_boxes.edit")
def unlock(id: str) -> Any:
    """Let a box be opened with its PIN again. In force at once: nothing of the draft changes."""
    record = SCREEN.get(id) or abort(404)
    label = SCREEN.label(record)
    try:
        engine().unlock_voicemail(SCREEN.number_of(id))
    except EngineUnreachable:
        flash(_("The engine does not answer: the box stays locked for now."), "warning")
    except EngineError as error:
        flash(_("It was not unlocked: %(why)s", why=error.message), "warning")
    else:
        with transaction():
            audit.record("voicemail.unlock", label)
        flash(_("The box of %(label)s can be opened with its PIN again.", label=label), "info")
    return redirect(url_for("voicemail_boxes.index"))
