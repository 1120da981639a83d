"""A backup restored onto a new machine, before anybody has an account on it.

The one-time code of the console opens the way; the recovery code opens the backup.
"""

from __future__ import annotations

from typing import Any

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)

from appliance.apply.client import EngineError
from portal.backups import views as backups
from portal.core import engine, setup_code, uploads
from portal.core.accounts import any_account
from portal.core.i18n import _
from portal.core.permissions import public

PAGES = Blueprint("restoring", __name__, url_prefix="/setup")
ALLOWED = "may_restore"


def _allowed() -> bool:
    return bool(session.get(ALLOWED)) and not any_account()


@PAGES.get("/restore")
@public
def restore() -> Any:
    """Ask for the one-time code, then for the file, then for the recovery code."""
    if any_account():
        return redirect(url_for("security.login"))
    return _page(request.args.get("name", "")[:220])


def _page(name: str, wrong: str = "") -> Any:
    values = {"allowed": _allowed(), "name": name, "wrong": wrong, "word": _("RESTORE")}
    return render_template("restoring/begin.html", **values), 422 if wrong else 200


@PAGES.post("/restore/allow")
@public
def allow_restore() -> Any:
    """Remember for this browser that it had the one-time code."""
    path = current_app.extensions["settings"].setup_code
    if any_account() or not setup_code.matches(path, request.form.get("code", "")):
        flash(_("This is not the code that the machine shows."), "warning")
        return redirect(url_for("restoring.restore"))
    session[ALLOWED] = True
    return redirect(url_for("restoring.restore"))


@PAGES.post("/upload")
@public
@uploads.takes_upload(backups.FOLDER, backups.LARGEST, _allowed)
def upload() -> Any:
    """Take the backup in."""
    name = backups.take_upload()
    address = url_for("restoring.restore", name=name or None)
    if request.headers.get("HX-Request"):
        return "", 204, {"HX-Redirect": address}
    return redirect(address)


@PAGES.post("/restore")
@public
def begin_restore() -> Any:
    """Begin, for who has both codes."""
    if not _allowed():
        abort(404)
    name = request.form.get("name", "")[:220]
    if request.form.get("word", "").strip() != _("RESTORE"):
        return _page(name, _("Type the word."))
    begun, wrong = backups.begin_restore({"kind": "upload", "name": name})
    return redirect(url_for("restoring.job", id=begun)) if begun else _page(name, wrong)


@PAGES.get("/restore/<id>")
@public
def job(id: str) -> Any:
    """How far it is."""
    if not _allowed():
        abort(404)
    try:
        work = engine.engine().job(id)
    except EngineError:
        abort(404)
    if work["verb"] != "restore_backup":
        abort(404)
    return backups.shown_job(work, "restoring.job", "restoring/job.html")
