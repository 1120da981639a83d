"""Updates: a file is taken in and checked, installed beside what runs, and tried once.

The machine itself does the work and remembers it, also across its own restart; this page
shows where it stands and hands on what is asked.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import to_utc
from flask_login import current_user

from appliance.apply.client import EngineError
from appliance.services.web_front import LARGEST_UPDATE_MB
from appliance.state.faults import Fault, StateError
from portal.core import audit, engine, uploads
from portal.core.db import transaction
from portal.core.i18n import _, _l
from portal.core.permissions import Guarded, requires
from portal.core.sentences import fault_text

PAGES = Blueprint("updates", __name__, url_prefix="/updates")
GUARDED = (Guarded("updates", _l("Updates"), verbs=("view", "apply")),)

FOLDER = "uploads"
SUFFIX = ".update"
LARGEST = LARGEST_UPDATE_MB * 1024 * 1024

STEPS = {
    "beginning": _l("Beginning"),
    "waiting": _l("Waiting for its hour"),
    "fetching": _l("Fetching the update"),
    "checking": _l("Checking signature and version"),
    "system": _l("Writing the system"),
    "reading_back": _l("Reading it back"),
    "start_files": _l("Writing the start files"),
}
VERBS = {
    "find": _l("Looking for updates"),
    "check": _l("Checking the update"),
    "install": _l("Installing the update"),
    "start": _l("Starting the other system"),
}
EVENTS = {
    "installed": _l("Version %(version)s was installed beside the running system."),
    "not_installed": _l("Version %(version)s was not installed."),
    "started": _l("Version %(version)s was started on trial."),
    "kept": _l("Version %(version)s works and was kept."),
    "returned": _l(
        "Version %(version)s did not come up in time; version %(from_version)s is back."
    ),
    "not_started": _l("Version %(version)s did not start; version %(from_version)s is back."),
}
WHEN = ("now", "quiet", "at")


@PAGES.get("/")
@requires("updates.view")
def index() -> Any:
    """Both systems, what is under way, and what happened."""
    state = engine.engine().updates()
    work = _shown_work(state)
    return render_template(
        "updates/index.html",
        state=state,
        work=work,
        events=[_shown_event(event) for event in state["history"]],
        back=_is_older(state),
        readable=_reads_our_data(state),
    )


@PAGES.get("/work")
@requires("updates.view")
def work() -> Any:
    """How far the work is; fetched again until it has ended, then the whole page is."""
    shown = _shown_work(engine.engine().updates())
    if shown is None or shown["done"]:
        return "", 204, {"HX-Refresh": "true"}
    return render_template("updates/work_part.html", work=shown)


@PAGES.post("/upload")
@requires("updates.apply")
@uploads.takes_upload(FOLDER, LARGEST)
def upload() -> Any:
    """Take a file in and have it checked."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        flash(_("Choose a file first."), "warning")
        return _back()
    if not sent.filename.endswith(SUFFIX):
        flash(_("The name of an update ends in .update."), "warning")
        return _back()
    name = uploads.keep(sent, FOLDER, SUFFIX)
    return _asked("updates.check", name, lambda by: _check({"kind": "upload", "name": name}, by))


@PAGES.post("/check")
@requires("updates.apply")
def check() -> Any:
    """Have an update of another place checked."""
    source = _source()
    return _asked("updates.check", _named(source), lambda by: _check(source, by))


@PAGES.post("/find")
@requires("updates.apply")
def find() -> Any:
    """Look at plugged-in disks and in the folder for updates."""
    return _asked("updates.find", "", lambda by: engine.engine().find_updates(by))


@PAGES.post("/install")
@requires("updates.apply")
def install() -> Any:
    """Begin to write an update beside the running system."""
    source = _source()
    subject = f"{_named(source)} {request.form.get('version', '')}"[:80].strip()
    return _asked("updates.install", subject, lambda by: engine.engine().install_update(source, by))


@PAGES.post("/start")
@requires("updates.apply")
def start() -> Any:
    """Start the other system on trial: now, when nobody talks, or at a time."""
    when = request.form.get("when", "")
    if when not in WHEN:
        abort(400)
    not_before = _moment(request.form.get("at", "")) if when == "at" else ""
    if not_before is None:
        flash(_("Say the day and the hour."), "warning")
        return redirect(url_for("updates.index"))
    old_data = request.form.get("old_data") == "yes"
    return _asked(
        "updates.start",
        request.form.get("version", "")[:40],
        lambda by: engine.engine().start_other_system(
            by, not_before=not_before, quiet=when != "now", old_data=old_data
        ),
    )


@PAGES.post("/cancel")
@requires("updates.apply")
def cancel() -> Any:
    """Stop what is under way."""
    return _asked("updates.cancel", "", lambda _by: engine.engine().cancel_update())


@PAGES.post("/address")
@requires("updates.apply")
def address() -> Any:
    """Say where updates can be fetched."""
    given = request.form.get("address", "").strip()
    try:
        engine.engine().set_update_address(given)
    except (EngineError, StateError):
        flash(_("This is no address that begins with https://."), "warning")
    else:
        _note("updates.address", given)
        flash(_("Saved."), "info")
    return redirect(url_for("updates.index"))


# ── parts ─────────────────────────────────────────────────────────────────────────────


def _check(source: dict[str, str], by: str) -> None:
    engine.engine().check_update(source, by)


def _asked(action: str, subject: str, ask: Any) -> Any:
    """Hand something on, note who asked, and show how it goes."""
    try:
        ask(str(current_user.email)[:80])
    except EngineError as error:
        if error.kind != "refused":
            raise
        flash(_("Something is at work already. Wait for it, or stop it."), "warning")
    else:
        _note(action, subject)
    return _back()


def _back() -> Any:
    """To the page; a script that has sent the form is told where that is."""
    if request.headers.get("HX-Request"):
        return "", 204, {"HX-Redirect": url_for("updates.index")}
    return redirect(url_for("updates.index"))


def _note(action: str, subject: str) -> None:
    with transaction():
        audit.record(action, subject)


def _source() -> dict[str, str]:
    """The place that a form names; the machine checks every word of it again."""
    kind = request.form.get("kind", "")
    if kind not in ("upload", "folder", "volume", "address"):
        abort(400)
    names = {name: request.form.get(name, "")[:110] for name in ("name", "device")}
    return {"kind": kind, **names}


def _named(source: dict[str, str]) -> str:
    return Path(source.get("name", "")).name or source["kind"]


def _moment(text: str) -> str | None:
    """A browser's day and hour as a moment with its zone; None when it is none."""
    try:
        local = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    if local.tzinfo is not None:
        return None
    return to_utc(local).replace(tzinfo=datetime.UTC).isoformat()


def _shown_work(state: dict[str, Any]) -> dict[str, Any] | None:
    """The work under way or done last, with its sentences; None when there is none."""
    waiting, work = state["waiting"], state["work"]
    if waiting and (not work or work["done"]):
        work = {"verb": waiting["verb"], "step": "beginning", "percent": 0, "done": False,
                "error": None, "result": None, "source": waiting.get("source")}  # fmt: skip
    if not work:
        return None
    return {
        **work,
        "title": VERBS[work["verb"]],
        "label": STEPS.get(work.get("step", ""), ""),
        "said": _sentence(work["error"]),
        "found": [_shown_find(each) for each in work["result"] or ()]
        if work["verb"] == "find"
        else [],
    }


def _shown_find(found: dict[str, Any]) -> dict[str, Any]:
    return {**found, "said": _sentence(found["error"])}


def _sentence(error: dict[str, Any] | None) -> str:
    """What the machine says, in the reader's language."""
    return fault_text(Fault("", error["text"], error["values"])) if error else ""


def _shown_event(event: dict[str, Any]) -> dict[str, Any]:
    what = event["what"]
    if what == "returned" and not event.get("started", True):
        what = "not_started"
    values = {name: event.get(name, "") for name in ("version", "from_version")}
    said = str(EVENTS[what]) % values if what in EVENTS else what
    more = [_sentence(event["error"])] if event.get("error") else event.get("why") or []
    good = what in ("installed", "kept", "started")
    return {**event, "said": said, "more": more, "good": good}


def _is_older(state: dict[str, Any]) -> bool:
    """Whether the other system is the one from before."""
    other = state["other"]
    return bool(other) and _ordered(other["version"]) < _ordered(state["running"]["version"])


def _ordered(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]


def _reads_our_data(state: dict[str, Any]) -> bool:
    """Whether the other system can go on with today's data."""
    other = state["other"]
    if not other:
        return False
    own, theirs = state["running"]["schemas"], other["schemas"]
    return all(theirs[name] >= own[name] for name in own)
