"""Backups: the recovery code, what there is and whether it was rehearsed, and the way back.

The machine makes, proves and restores them; this page shows it and hands on what is asked.
The recovery code passes through here twice, when it is made and when it is typed, and is
kept nowhere.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)

from appliance import product
from appliance.apply.client import EngineError
from appliance.services.web_front import LARGEST_BACKUP_MB
from portal.core import audit, draft, engine, uploads
from portal.core.db import db, transaction
from portal.core.draft import Edit
from portal.core.i18n import _, _l, decimal
from portal.core.permissions import Guarded, requires
from portal.core.screen_views import saved
from portal.core.shapes import Place

PAGES = Blueprint("backups", __name__, url_prefix="/backups")
GUARDED = (Guarded("backups", _l("Backups"), verbs=("view", "edit", "apply"), presets={}),)

FOLDER = "backups"
SUFFIX = ".backup"
LARGEST = LARGEST_BACKUP_MB * 1024 * 1024

STEPS = {
    "collecting": _l("Gathering everything"),
    "writing": _l("Writing and encrypting"),
    "rehearsing": _l("Restoring it for a rehearsal"),
    "fetching": _l("Fetching the backup"),
    "unpacking": _l("Opening and unpacking"),
    "checking": _l("Checking every file"),
    "proving": _l("Starting it on a second telephone system"),
    "calling": _l("Making test calls on it"),
    "ordered": _l("Ready to be put in place"),
    "trying": _l("Writing, reading back and deleting a small file"),
}
COURSES = {
    "rehearse": ("unpacking", "proving", "calling"),
    "restore_backup": ("unpacking", "checking", "proving", "ordered"),
    "try_target": ("trying",),
    "backups_at": (),
}
TITLES = {
    "rehearse": _l("Rehearsing the backup"),
    "restore_backup": _l("Preparing to restore"),
    "try_target": _l("Trying the place"),
    "backups_at": _l("Asking what is there"),
}
REASONS = {
    "wrongcode": _l("The recovery code is mistyped, or is not the one of this backup."),
    "badbackup": _l("The file is no backup, is cut off, or was changed."),
    "toonew": _l("The backup was made by a newer version. Update this machine first."),
    "noroom": _l("The disk has no room for it."),
    "nocode": _l("Make the recovery code first: without one no backup is made."),
    "busy": _l("A backup or a restore is under way. Wait until it has ended."),
    "notrehearsed": _l("The backup could not be restored in the rehearsal."),
    "not_proved": _l("The restored configuration does not run on this machine."),
    "faults": _l("Something that was typed is not right."),
    "targetfailed": _l("A place for copies did not take it."),
}
PROVED = {
    "whole": _l("every file as it was"),
    "database": _l("databases sound"),
    "state": _l("configuration readable"),
    "asterisk": _l("telephony starts with it"),
    "calls": _l("test calls arrive"),
}
CALLS = {
    "registration": _l("Telephone %(number)s signs in with its password"),
    "internal": _l("Inside call to %(number)s, heard there"),
    "inbound": _l("Call from outside to %(number)s"),
    "voicemail": _l("Message with sound in the voicemail of %(number)s"),
}


@PAGES.get("/")
@requires("backups.view")
def index() -> Any:
    """Everything about backups on one page."""
    found = engine.engine().backups()
    return render_template(
        "backups/index.html",
        found=found,
        step=_step(found["step"]),
        problem=_problem(found["last"]),
        rows=[_row(each) for each in found["backups"]],
        targets=_targets(),
        settings=draft.settings("backups")[0],
        postgresql=db.engine.dialect.name == "postgresql",
        proved=PROVED,
        free=decimal(found["free"] / 1_000_000_000),
    )


@PAGES.get("/step")
@requires("backups.view")
def step() -> Any:
    """How far the backup is; asked again until it has ended, then the whole page is."""
    said = _step(engine.engine().backups()["step"])
    if not said:
        return "", 204, {"HX-Refresh": "true"}
    return render_template("backups/step_part.html", step=said)


@PAGES.post("/now")
@requires("backups.edit")
def now() -> Any:
    """Begin to make a backup."""
    return _asked("backup.now", "", lambda: engine.engine().backup_now())


@PAGES.post("/rehearse")
@requires("backups.edit")
def rehearse() -> Any:
    """Begin to restore a backup into a throw-away machine."""
    name = _name()
    return _job("backup.rehearse", name, lambda: engine.engine().rehearse_backup(name))


@PAGES.route("/delete", methods=["GET", "POST"])
@requires("backups.edit")
def delete() -> Any:
    """Ask, then delete a backup from this machine; its copies elsewhere stay."""
    if request.method == "GET":
        name = request.args.get("name", "")[:220]
        found = next((e for e in engine.engine().backups()["backups"] if e["name"] == name), None)
        return render_template("backups/delete.html", row=_row(found)) if found else abort(404)
    name = _name()
    return _asked("backup.delete", name, lambda: engine.engine().delete_backup(name))


@PAGES.get("/file/<name>")
@requires("backups.apply")
def download(name: str) -> Any:
    """Hand a backup over; without the recovery code it is of no use to anybody."""
    known = {each["name"] for each in engine.engine().backups()["backups"] if each["here"]}
    folder: Path = current_app.extensions["settings"].backups
    if name not in known or not (folder / name).is_file():
        abort(404)
    with transaction():
        audit.record("backup.download", name)
    return send_file(folder / name, as_attachment=True, download_name=name, conditional=False)


# ── the recovery code ─────────────────────────────────────────────────────────────────


@PAGES.get("/code")
@requires("backups.apply")
def code() -> Any:
    """What a recovery code is, before one is made."""
    has_one = engine.engine().backups()["code"]
    return render_template("backups/code.html", code="", has_one=has_one, wrong=False)


@PAGES.post("/code")
@requires("backups.apply")
def make_code() -> Any:
    """Make a code and show it, this once."""
    made = engine.engine().propose_backup_code()
    return _private(render_template("backups/code.html", code=made, has_one=False, wrong=False))


@PAGES.post("/code/file")
@requires("backups.apply")
def code_file() -> Any:
    """The code that is on the page, as a file to keep elsewhere."""
    shown = request.form.get("code", "")[:80]
    text = _("Recovery code of the backups of %(name)s:", name=product.NAME)
    answer = make_response(f"{text}\n\n{shown}\n")
    answer.headers["Content-Type"] = "text/plain; charset=utf-8"
    answer.headers["Content-Disposition"] = 'attachment; filename="recovery-code.txt"'
    return _private(answer)


@PAGES.post("/code/accept")
@requires("backups.apply")
def accept_code() -> Any:
    """Let the code count for who has written it down."""
    try:
        engine.engine().accept_backup_code(request.form.get("last", "")[:20])
    except EngineError as error:
        if error.kind not in ("wrongcode", "faults"):
            raise
        shown = request.form.get("code", "")[:80]
        page = render_template("backups/code.html", code=shown, has_one=False, wrong=True)
        return _private(page), 422
    with transaction():
        audit.record("backup.code")
    flash(_("The recovery code counts from now on. Make the first backup."), "info")
    return redirect(url_for("backups.index"))


def _private(page: Any) -> Any:
    answer = make_response(page)
    answer.headers["Cache-Control"] = "no-store"
    return answer


# ── restoring ─────────────────────────────────────────────────────────────────────────


@PAGES.post("/upload")
@requires("backups.apply")
@uploads.takes_upload(FOLDER, LARGEST)
def upload() -> Any:
    """Take a backup in, to restore it."""
    name = take_upload()
    if not name:
        return _to(url_for("backups.index"))
    return _to(url_for("backups.restore", kind="upload", name=name))


def take_upload() -> str:
    """Keep the backup that was sent; "" when it is none by its name, which was told then."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        flash(_("Choose a file first."), "warning")
        return ""
    if not sent.filename.endswith(SUFFIX):
        flash(_("The name of a backup ends in .backup."), "warning")
        return ""
    return uploads.keep(sent, FOLDER, SUFFIX)


@PAGES.route("/restore", methods=["GET", "POST"])
@requires("backups.apply")
def restore() -> Any:
    """Ask for the code and for a typed word, then begin."""
    source = _source()
    word = _("RESTORE")
    wrong = ""
    if request.method == "POST":
        wrong = "" if request.form.get("word", "").strip() == word else _("Type the word.")
        if not wrong:
            begun, wrong = begin_restore(source)
            if begun:
                with transaction():
                    audit.record("backup.restore", source["name"])
                return redirect(url_for("backups.job", id=begun))
    page = render_template(
        "backups/restore.html", source=source, word=word, wrong=wrong, calls=_calls()
    )
    return page, 422 if wrong else 200


def begin_restore(source: dict[str, str]) -> tuple[str, str]:
    """(the job, "") or ("", why it cannot begin) for what the form asks."""
    identity = "take" if request.form.get("identity") == "take" else "keep"
    try:
        return engine.engine().restore_backup(source, request.form.get("code", ""), identity), ""
    except EngineError as error:
        return "", _reason(error.kind, error.message)


def _calls() -> int:
    calls: int = engine.engine().backups()["calls"]
    return calls


def _source() -> dict[str, str]:
    values = request.form if request.method == "POST" else request.args
    kind = values.get("kind", "")
    if kind not in ("here", "upload", "target"):
        abort(404)
    found = {"kind": kind, "name": values.get("name", "")[:220]}
    return {**found, "target": values.get("target", "")[:63]} if kind == "target" else found


# ── places for copies ─────────────────────────────────────────────────────────────────


@PAGES.get("/at/<id>")
@requires("backups.view")
def at(id: str) -> Any:
    """Ask a place what backups it has."""
    return _job("", id, lambda: engine.engine().backups_at(id), target=id)


@PAGES.post("/try/<id>")
@requires("backups.edit")
def try_target(id: str) -> Any:
    """Try a place as it stands in the draft."""
    target, _version = _target(id)
    return _job("", id, lambda: engine.engine().try_backup_target(target))


@PAGES.get("/recognise/<id>")
@requires("backups.edit")
def recognise(id: str) -> Any:
    """Show by which keys an SFTP server can be recognised, and this machine's own key."""
    target, version = _target(id)
    problem, keys = "", []
    try:
        keys = engine.engine().backup_host_keys(target.address, target.port or 22)
    except EngineError as error:
        problem = error.message
    return render_template(
        "backups/recognise.html",
        target=target,
        version=version,
        keys=keys,
        problem=problem,
        own=engine.engine().backup_key(),
    )


@PAGES.post("/recognise/<id>")
@requires("backups.edit")
def trust(id: str) -> Any:
    """Put the keys that were looked at into the draft."""
    target, version = _target(id)
    if request.form.get("version") != str(version):
        abort(409)
    shown = tuple(request.form.getlist("key"))[:10]
    edit = Edit(
        Place("backups", "targets", id), dataclasses.replace(target, host_keys=shown), version
    )
    with transaction():
        entry = draft.commit([edit], "backup.recognise", target.name)
    saved(_("Saved in the draft. It takes effect when it is applied."), entry)
    return redirect(url_for("backup_targets.edit", id=id))


def _target(id: str) -> tuple[Any, int]:
    row = draft.find(Place("backups", "targets", id))
    if row is None:
        abort(404)
    return draft.instance(row), row.version


def _targets() -> list[Any]:
    return [draft.instance(row) for row in draft.objects("backups", "targets")]


# ── work that takes a moment ──────────────────────────────────────────────────────────


@PAGES.get("/job/<id>")
@requires("backups.view")
def job(id: str) -> Any:
    """How far a job is; the fragment is fetched again until the job has ended."""
    try:
        work = engine.engine().job(id)
    except EngineError:
        abort(404)
    return shown_job(work, "backups.job", "backups/job.html")


def shown_job(work: dict[str, Any], endpoint: str, page: str) -> Any:
    """The page or the fragment of a job about backups."""
    if work["verb"] not in COURSES:
        abort(404)
    error = work["error"]
    values = {
        "job": work,
        "endpoint": endpoint,
        "title": TITLES[work["verb"]],
        "steps": [(name, STEPS[name]) for name in COURSES[work["verb"]]],
        "reason": _reason(error["kind"], error["message"]) if error else "",
        "target": request.args.get("target", ""),
        "proved": PROVED,
        "megabytes": megabytes,
    }
    part = request.headers.get("HX-Request")
    return render_template("backups/job_part.html" if part else page, **values)


# ── parts ─────────────────────────────────────────────────────────────────────────────


def _row(record: dict[str, Any]) -> dict[str, Any]:
    """A backup as the table shows it."""
    there = [each["target"] for each in record["copies"] if not each["problem"]]
    missing = [each for each in record["copies"] if each["problem"]]
    return {**record, "there": there, "missing": missing, "shown_size": megabytes(record["size"])}


def megabytes(size: int) -> str:
    """Bytes as megabytes, in the reader's form."""
    return f"{decimal(size / 1_000_000)} MB"


@PAGES.app_template_filter("test_call")
def _test_call(call: dict[str, Any]) -> str:
    """One test call of a rehearsal in words."""
    said = str(CALLS[call["kind"]]) % {"number": call["number"]}
    if call["passed"]:
        return said
    if not call["arrived"]:
        return _("%(call)s: it did not arrive", call=said)
    return _("%(call)s: it arrived at %(where)s", call=said, where=call["arrived"])


def _step(step: str) -> str:
    """What is being done, in the reader's language; "" when nothing is."""
    name, _blank, rest = step.partition(" ")
    percent, _blank, place = rest.partition(" ")
    if name == "copying":
        return _("Copying to %(place)s: %(percent)s %%", place=place, percent=percent)
    if name == "reading":
        return _("Checking the copy at %(place)s: %(percent)s %%", place=place, percent=percent)
    return str(STEPS.get(step, step)) if step else ""


def _problem(last: dict[str, Any] | None) -> dict[str, Any] | None:
    """What was wrong with the last attempt; None when nothing was."""
    if not last or not last["kind"]:
        return None
    return {"at": last["at"], "text": _reason(last["kind"], ""), "said": last["message"]}


def _reason(kind: str, said: str) -> str:
    """Why something did not work: our sentence, and the machine's own where it adds to it."""
    known = REASONS.get(kind)
    if known is None:
        return said
    adds = kind in ("noroom", "targetfailed", "toonew", "not_proved", "notrehearsed")
    return f"{known} {said}".strip() if adds and said else str(known)


def _asked(action: str, subject: str, ask: Any) -> Any:
    """Hand something on, note who asked, and show the page again."""
    try:
        ask()
    except EngineError as error:
        if error.kind not in REASONS:
            raise
        flash(_reason(error.kind, error.message), "warning")
    else:
        with transaction():
            audit.record(action, subject)
    return redirect(url_for("backups.index"))


def _job(action: str, subject: str, ask: Any, **arguments: str) -> Any:
    """Begin a job, note who asked, and show how far it is."""
    try:
        begun = ask()
    except EngineError as error:
        if error.kind not in REASONS:
            raise
        flash(_reason(error.kind, error.message), "warning")
        return redirect(url_for("backups.index"))
    if action:
        with transaction():
            audit.record(action, subject)
    return redirect(url_for("backups.job", id=begun, **arguments))


def _name() -> str:
    return request.form.get("name", "")[:220]


def _to(address: str) -> Any:
    """To a page; a script that has sent the form is told where that is."""
    if request.headers.get("HX-Request"):
        return "", 204, {"HX-Redirect": address}
    return redirect(address)
