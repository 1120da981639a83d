"""What is wanted and does not run yet: the draft against the revision in force."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from appliance.apply.client import EngineError, EngineUnreachable
from appliance.state.changes import Change, changes
from appliance.state.faults import StateError
from portal.core import draft, engine
from portal.core.db import db

LARGE_DRAFT = 3000
"""Objects from which on pages only say that something differs, not how much."""

MANY = -1
"""The count where counting would take too long for a page that only shows a number."""


@dataclass(slots=True)
class _Compared:
    draft_version: int
    revision: int
    found: tuple[Change, ...]


def differences(revision: int) -> tuple[Change, ...]:
    """The differences between a revision and the draft; StateError for a broken draft."""
    version = draft.version()
    known: _Compared | None = current_app.extensions.get("compared")
    if known and (known.draft_version, known.revision) == (version, revision):
        return known.found
    found = changes(engine.running_state(revision), draft.state())
    current_app.extensions["compared"] = _Compared(version, revision, found)
    return found


def count() -> int | None:
    """How many differences wait to be applied; None when the engine does not answer."""
    status = engine.status()
    if status is None:
        return None
    known: _Compared | None = current_app.extensions.get("compared")
    key = (draft.version(), status["current"])
    if known and (known.draft_version, known.revision) == key:
        return len(known.found)
    if (db.session.scalar(db.select(db.func.count(draft.DraftObject.id))) or 0) > LARGE_DRAFT:
        return MANY
    try:
        return len(differences(status["current"]))
    except (StateError, EngineError, EngineUnreachable):
        return MANY
