"""Pieces of hold music: uploaded, heard, taken away; and the collection that plays everywhere."""

from __future__ import annotations

import dataclasses
import errno
from pathlib import Path
from typing import Any

from flask import Blueprint, abort, flash, redirect, request, send_file, url_for

from portal.core import draft
from portal.core.db import transaction
from portal.core.draft import Edit
from portal.core.engine import running_state, status
from portal.core.i18n import _, decimal
from portal.core.permissions import requires
from portal.core.screen_views import saved
from portal.core.screens import Record
from portal.core.uploads import takes_upload
from portal.music_on_hold.screen import SCREEN, chosen_edit, shelf
from portal.music_on_hold.sound import WrongFile

PAGES = Blueprint("hold_pieces", __name__, url_prefix="/music-on-hold")
FOLDER = "music-uploads"
LARGEST_FILE = 60 * 1024 * 1024
"""Below what the web server in front lets through; five minutes of a CD."""

MOST_PIECES = 100


@PAGES.post("/<id>/pieces")
@requires("music_on_hold.edit")
@takes_upload(FOLDER, LARGEST_FILE)
def add(id: str) -> Any:
    """Take one file, convert it, and put it into the collection."""
    record = _record(id)
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        flash(_("Choose a file first."), "warning")
        return _back(id)
    if len(record.objects[""].pieces) >= MOST_PIECES:
        flash(_("A collection holds at most %(most)d pieces.", most=MOST_PIECES), "warning")
        return _back(id)
    sent.stream.flush()
    try:
        piece, made = shelf().add(id, Path(sent.stream.name), Path(sent.filename).stem)
    except WrongFile as error:
        flash(_("%(file)s: %(text)s", file=Path(sent.filename).name, text=error), "warning")
        return _back(id)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        flash(_("The disk has no room for this file."), "warning")
        return _back(id)
    _put(id, piece, made.loudness)
    shelf().sweep(_used())
    return _back(id)


def _put(id: str, piece: str, loudness: float) -> None:
    with transaction():
        held = _record(id).objects[""]
        pieces = tuple(dict.fromkeys((*held.pieces, piece)))
        edit = Edit(_record(id).places[""], dataclasses.replace(held, pieces=pieces))
        entry = draft.commit([edit], "draft.edit", held.name)
    if entry is None:
        flash(_("This piece is in the collection already."), "info")
    else:
        level = decimal(loudness)
        text = _(
            "The piece is in the collection, at %(level)s LUFS like all the others.", level=level
        )
        saved(text, entry)


@PAGES.get("/<id>/pieces/<piece>.wav")
@requires("music_on_hold.view")
def hear(id: str, piece: str) -> Any:
    """A piece as callers of good lines hear it."""
    if piece not in _record(id, "view").objects[""].pieces:
        abort(404)
    path = shelf().path(id, piece, "wav16")
    if not path.exists():
        abort(404)
    return send_file(path, mimetype="audio/wav", conditional=True)


@PAGES.post("/<id>/pieces/<piece>/remove")
@requires("music_on_hold.edit")
def remove(id: str, piece: str) -> Any:
    """Take a piece out of the collection; its file stays for undo and older revisions."""
    with transaction():
        record = _record(id)
        held = record.objects[""]
        if piece not in held.pieces:
            abort(404)
        left = tuple(each for each in held.pieces if each != piece)
        edits = [Edit(record.places[""], dataclasses.replace(held, pieces=left))]
        if not left and SCREEN.is_default(record):
            edits.append(chosen_edit(None))
        entry = draft.commit(edits, "draft.edit", held.name)
    saved(_("The piece is taken out."), entry)
    return _back(id)


@PAGES.post("/<id>/everywhere")
@requires("music_on_hold.edit")
def everywhere(id: str) -> Any:
    """Play this collection wherever nothing else is chosen, or the system's own again."""
    with transaction():
        record = _record(id)
        if not record.objects[""].pieces:
            flash(_("Upload a piece first."), "warning")
            return _back(id)
        chosen = None if SCREEN.is_default(record) else id
        entry = draft.commit([chosen_edit(chosen)], "draft.edit", record.objects[""].name)
    saved(_("Saved in the draft."), entry)
    return _back(id)


def _record(id: str, verb: str = "edit") -> Record:
    record = SCREEN.get(id) or abort(404)
    if not SCREEN.allowed(record, verb):
        abort(403)
    return record


def _used() -> set[tuple[str, str]]:
    """(class, piece) of everything that the draft or the running system plays."""
    found = {(row.key, piece) for row in draft.objects("music_on_hold", "classes")
             for piece in row.data["pieces"]}  # fmt: skip
    engine = status()
    if engine and engine["current"]:
        running = running_state(engine["current"])["music_on_hold"].classes
        found |= {(each.id, piece) for each in running for piece in each.pieces}
    return found


def _back(id: str) -> Any:
    """To the collection; a script that has sent the form is told where that is."""
    address = url_for("music_on_hold.edit", id=id)
    if request.headers.get("HX-Request"):
        return "", 204, {"HX-Redirect": address}
    return redirect(address)
