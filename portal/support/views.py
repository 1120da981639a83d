"""Writing and fetching the support file."""

from __future__ import annotations

import datetime
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for

from appliance import product
from appliance.apply.client import EngineError
from portal.core import audit, engine
from portal.core.db import transaction
from portal.core.i18n import _l
from portal.core.permissions import Guarded, requires

PAGES = Blueprint("support", __name__, url_prefix="/support")
GUARDED = (Guarded("support", _l("Support file"), verbs=("edit",)),)

STEPS = {
    "machine": _l("Looking at the machine"),
    "processes": _l("Looking at the services"),
    "configuration": _l("Collecting the configuration without its secrets"),
    "telephony": _l("Asking the telephone system"),
    "logs": _l("Collecting the logs"),
    "packing": _l("Packing"),
}


@PAGES.get("/")
@requires("support.edit")
def index() -> str:
    """What goes in, and the choice of logs."""
    return render_template("support/index.html")


@PAGES.post("/write")
@requires("support.edit")
def write() -> Any:
    """Begin to write the file."""
    logs = request.form.get("logs", "")
    job = engine.engine().write_support_file(
        logs=logs in ("masked", "whole"), numbers=logs == "whole"
    )
    with transaction():
        audit.record("support.write", "", logs=logs[:10])
    return redirect(url_for("support.job", id=job))


@PAGES.get("/job/<id>")
@requires("support.edit")
def job(id: str) -> Any:
    """How far it is."""
    try:
        work = engine.engine().job(id)
    except EngineError:
        abort(404)
    part = request.headers.get("HX-Request")
    return render_template(
        f"support/{'job_part' if part else 'job'}.html", job=work, steps=STEPS.items()
    )


@PAGES.post("/file")
@requires("support.edit")
def file() -> Response:
    """The file that was written last."""
    pieces = engine.engine().support_pieces()
    try:
        first = next(pieces)
    except EngineError:
        abort(404)
    with transaction():
        audit.record("support.download")

    def content() -> Any:
        yield first
        yield from pieces

    made = Response(content(), mimetype="application/gzip")
    name = f"{product.SLUG}-support-{datetime.date.today():%Y%m%d}.tar.gz"
    made.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return made
