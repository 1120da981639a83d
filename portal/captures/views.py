"""The pages of captures. Sound needs a permission of its own, and every capture and every
download is in the audit log."""

from __future__ import annotations

import datetime
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user

from appliance.apply.client import EngineError
from portal.captures import ladder
from portal.core import audit, engine
from portal.core.db import transaction
from portal.core.engine import running_state, status
from portal.core.i18n import _, _l, fault_text, in_zone
from portal.core.permissions import Guarded, access, requires

PAGES = Blueprint("captures", __name__, url_prefix="/captures")
GUARDED = (
    Guarded("captures", _l("Captures of calls")),
    # Apart: a capture with sound is a recording of what people said.
    Guarded("call_sound", _l("Captures with sound"), verbs=("edit",)),
)

DURATIONS_S = {"60": _l("1 minute"), "300": _l("5 minutes"), "1800": _l("30 minutes")}
SIZES_MB = ("5", "20", "100")
DAYS = ("1", "7", "30")
REASONS = {
    "call": _l("the call has ended"),
    "hand": _l("stopped by hand"),
    "time": _l("the time was over"),
    "size": _l("the size was reached"),
    "disk": _l("the disk is nearly full"),
    "tcpdump": _l("the program that captures could not work"),
    "restart": _l("the engine was started again"),
    "error": _l("a fault of the program"),
}
MOST_LADDER_BYTES = 4 * 1024 * 1024
ENDS = 6
"""Columns of the ladder; further addresses share the last one."""


@PAGES.get("/")
@requires("captures.view")
def index() -> Any:
    """What is captured, and what could be."""
    return _page()


def _page(*, problems: tuple[str, ...] = (), code: int = 200) -> Any:
    try:
        calls = engine.engine().live_calls()
    except EngineError:
        calls = []
    state = running_state((status() or {}).get("current", 0))
    page = render_template(
        "captures/index.html",
        captures=[_shown(each) for each in engine.engine().captures()],
        calls=calls,
        trunks=[each for each in state["trunks"].trunks if each.enabled],
        durations=DURATIONS_S,
        sizes=SIZES_MB,
        days=DAYS,
        sound=access().allows("call_sound.edit"),
        problems=problems,
    )
    return page, code


@PAGES.post("/start")
@requires("captures.edit")
def start() -> Any:
    """Begin to capture."""
    audio = request.form.get("audio") == "yes"
    if audio and not access().allows("call_sound.edit"):
        abort(403)
    options = {
        "audio": audio,
        "seconds": int(_one_of("seconds", tuple(DURATIONS_S))),
        "megabytes": int(_one_of("megabytes", SIZES_MB)),
        "days": int(_one_of("days", DAYS)),
    }
    kind, by = request.args.get("kind", ""), str(current_user.email)[:80]
    client = engine.engine()
    begin = {
        "call": client.capture_call,
        "number": client.capture_extension,
        "trunk": client.capture_trunk,
    }.get(kind)
    subject = request.form.get(kind, "").strip()[:80]
    if begin is None:
        abort(400)
    try:
        id = begin(subject, by, **options)
    except EngineError as error:
        return _page(problems=_said(error), code=422)
    _note("capture.start", subject, capture=id, audio=audio)
    return redirect(url_for("captures.show", id=id))


@PAGES.get("/<id>")
@requires("captures.view")
def show(id: str) -> Any:
    """One capture; its ladder once it has ended."""
    capture = _capture(id)
    found = _messages(capture)
    ends = list(dict.fromkeys(end for each in found for end in (each.sender, each.receiver)))
    template = "captures/part.html" if request.headers.get("HX-Request") else "captures/show.html"
    return render_template(
        template,
        capture=capture,
        ends=ends[:ENDS],
        more_ends=len(ends) - ENDS,
        rows=[_row(each, ends) for each in found],
        limit=len(found) >= ladder.MOST_MESSAGES,
        reasons=REASONS,
        sound=access().allows("call_sound.edit"),
    )


@PAGES.post("/<id>/stop")
@requires("captures.edit")
def stop(id: str) -> Any:
    """End a capture."""
    engine.engine().stop_capture(_capture(id)["id"])
    return redirect(url_for("captures.show", id=id))


@PAGES.post("/<id>/delete")
@requires("captures.edit")
def delete(id: str) -> Any:
    """Delete a capture."""
    capture = _capture(id)
    try:
        engine.engine().delete_capture(id)
    except EngineError as error:
        flash(error.message, "warning")
        return redirect(url_for("captures.show", id=id))
    _note("capture.delete", capture["about"], capture=id)
    flash(_("The capture is deleted."), "info")
    return redirect(url_for("captures.index"))


@PAGES.post("/<id>/<any(signalling, packets):part>.pcap")
@requires("captures.edit")
def download(id: str, part: str) -> Response:
    """A file of a capture, for Wireshark and the like."""
    capture = _capture(id)
    if part == "packets" and not access().allows("call_sound.edit"):
        abort(403)
    if not capture[f"{part}_bytes"]:
        abort(404)
    _note("capture.download", capture["about"], capture=id, part=part)
    made = Response(
        engine.engine().capture_pieces(id, part), mimetype="application/vnd.tcpdump.pcap"
    )
    made.headers["Content-Disposition"] = f'attachment; filename="{part}-{id}.pcap"'
    return made


# ── parts ─────────────────────────────────────────────────────────────────────────────


def _one_of(name: str, allowed: tuple[str, ...]) -> str:
    value = request.form.get(name, allowed[1])
    return value if value in allowed else abort(400)


def _capture(id: str) -> dict[str, Any]:
    found = (each for each in engine.engine().captures() if each["id"] == id)
    capture = next(found, None) or abort(404)
    return _shown(capture)


def _shown(capture: dict[str, Any]) -> dict[str, Any]:
    return {
        **capture,
        "began": _moment(capture["began"]),
        "ended": _moment(capture["ended"]),
        "bytes": capture["signalling_bytes"] + capture["packets_bytes"],
        "reason": REASONS.get(capture["why"], ""),
    }


def _moment(seconds: int) -> datetime.datetime | None:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC) if seconds else None


def _messages(capture: dict[str, Any]) -> list[ladder.Message]:
    if capture["state"] == "running" or not capture["signalling_bytes"]:
        return []
    content = b""
    for piece in engine.engine().capture_pieces(capture["id"], "signalling"):
        content += piece
        if len(content) >= MOST_LADDER_BYTES:
            break
    return ladder.messages(content)


def _row(message: ladder.Message, ends: list[str]) -> dict[str, Any]:
    """A message as a line of the ladder: from which column to which."""
    columns = [min(ends.index(e), ENDS - 1) + 1 for e in (message.sender, message.receiver)]
    at = in_zone(datetime.datetime.fromtimestamp(message.at, datetime.UTC))
    return {
        "at": at,
        "left": min(columns),
        "right": max(columns),
        "back": columns[0] > columns[1],
        "message": message,
    }


def _said(error: EngineError) -> tuple[str, ...]:
    return tuple(fault_text(fault) for fault in error.faults) or (error.message,)


def _note(action: str, subject: str, **facts: Any) -> None:
    with transaction():
        audit.record(action, subject, **facts)
