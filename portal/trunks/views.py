"""How a line is right now, asked of the engine; and asking its carrier at once."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, url_for

from appliance.apply.client import EngineError, EngineUnreachable
from portal.core import draft
from portal.core.engine import engine
from portal.core.i18n import _, _l
from portal.core.permissions import requires
from portal.core.shapes import Place

PAGES = Blueprint("trunk_states", __name__, url_prefix="/trunk-states")

REGISTRATIONS = {
    "registered": _l("registered"),
    "refused": _l("refused by the carrier: look at user and password"),
    "trying": _l("registering …"),
    "none": _l("not registered"),
}


@PAGES.post("/<id>/ask")
@requires("trunks.view")
def ask(id: str) -> Any:
    """Ask the carrier of one line whether it is alive, and tell what it said."""
    row = draft.find(Place("trunks", "trunks", id)) or abort(404)
    label = draft.instance(row).label
    try:
        state = engine().ask_trunk(id)
    except (EngineError, EngineUnreachable):
        flash(_("The telephone system does not answer: nothing is known of its lines."), "warning")
        return redirect(url_for("trunks.edit", id=id))
    good = state["there"] and state["state"] == "up" and state["registration"] in {"", "registered"}
    flash(f"{label}: {said(state)}", "info" if good else "warning")
    return redirect(url_for("trunks.edit", id=id))


def now(id: str) -> dict[str, Any] | None:
    """How one line is; None when nobody can tell."""
    try:
        return engine().trunk_states([id])[0]
    except (EngineError, EngineUnreachable):
        return None


def said(state: dict[str, Any]) -> str:
    """A line's state as a sentence."""
    if not state["there"]:
        return _("not in service: apply the draft first, or the line is switched off.")
    words = [str(REGISTRATIONS[state["registration"]])] if state["registration"] else []
    if state["state"] == "up" and state["round_trip_ms"] is not None:
        words.append(_("the carrier answers in %(time)d ms", time=round(state["round_trip_ms"])))
    elif state["state"] == "up":
        words.append(_("the carrier answers"))
    elif state["state"] == "down":
        words.append(_("the carrier does not answer: look at server, port and internet connection"))
    else:
        words.append(_("not asked yet whether the carrier answers"))
    return ", ".join(words)
