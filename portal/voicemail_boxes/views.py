"""A voicemail box for each extension that has none, in one step and with one undo."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from appliance.services.voicemail_boxes import VoicemailBox
from appliance.state.references import Destination
from portal.core import draft
from portal.core.db import transaction
from portal.core.draft import Edit
from portal.core.i18n import _, _n
from portal.core.permissions import requires
from portal.core.screen_views import saved
from portal.core.screens import free_id
from portal.core.shapes import Place
from portal.voicemail_boxes.screen import SCREEN

PAGES = Blueprint("voicemail_for_all", __name__, url_prefix="/voicemail-for-all")


@PAGES.get("/")
@requires("voicemail_boxes.edit")
def ask() -> str:
    """Say how many boxes would be made."""
    return render_template("voicemail_boxes/all.html", count=len(SCREEN.without_box()))


@PAGES.post("/")
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
