"""The pages of processes and their logs. Log text is written by strangers: it is only ever
shown as text."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for

from appliance import product
from appliance.apply.client import EngineError
from portal.core import audit, engine
from portal.core.db import transaction
from portal.core.i18n import _, _l, in_zone
from portal.core.permissions import Guarded, requires

PAGES = Blueprint("services", __name__, url_prefix="/services")
GUARDED = (
    Guarded("services", _l("Services")),
    # Apart, because logs hold telephone numbers of everybody.
    Guarded("logs", _l("Logs of the machine"), verbs=("view",)),
)

PURPOSES = {
    "engine": _l("applies configurations"),
    "asterisk": _l("telephony"),
    "mail": _l("mail that leaves the machine"),
    "live": _l("registrations and calls as they happen"),
    "portal": _l("the pages that people see"),
    "provisioning": _l("the configuration that telephones fetch"),
    "web": _l("the one door to all of them"),
}
PHASES = {
    "ready": (_l("works"), "good"),
    "starting": (_l("is starting"), "warn"),
    "preparing": (_l("is starting"), "warn"),
    "waiting": (_l("waits for others"), "warn"),
    "failing": (_l("fails"), "bad"),
    "stopped": (_l("is stopped"), "bad"),
}
LEVELS = {"info": _l("Everything"), "warning": _l("Warnings and errors"), "error": _l("Errors")}
SINCE_S = {
    "900": _l("15 minutes"),
    "3600": _l("1 hour"),
    "21600": _l("6 hours"),
    "86400": _l("1 day"),
    "604800": _l("7 days"),
    "": _l("All"),
}
SHOWN, MOST = 200, 2000
NEVER_RESTARTED = "engine"


@PAGES.get("/")
@requires("services.view")
def index() -> str:
    """Every process."""
    found = engine.engine().services()
    return render_template(
        "services/index.html",
        services=[_shown(each) for each in found["services"]],
        calls=found["calls"],
        never=NEVER_RESTARTED,
    )


@PAGES.get("/<name>/restart")
@requires("services.edit")
def ask(name: str) -> str:
    """Ask before a process is started again, with what that means."""
    found = engine.engine().services()
    process = next((each for each in found["services"] if each["name"] == name), None)
    if process is None or name == NEVER_RESTARTED:
        abort(404)
    return render_template("services/restart.html", process=_shown(process), calls=found["calls"])


@PAGES.post("/<name>/restart")
@requires("services.edit")
def restart(name: str) -> Any:
    """Start a process again."""
    calls = request.form.get("calls", "0")
    known = int(calls) if calls.isascii() and calls.isdigit() and len(calls) < 6 else 0
    try:
        engine.engine().restart_service(name, known)
    except EngineError as error:
        if "calls" in error.details:
            flash(_("There are more calls now than you have seen. Look again."), "warning")
            return redirect(url_for("services.ask", name=name))
        flash(error.message, "warning")
        return redirect(url_for("services.index"))
    with transaction():
        audit.record("service.restart", name, calls=known)
    flash(_("“%(name)s” is starting again.", name=name), "info")
    return redirect(url_for("services.index"))


@PAGES.get("/logs")
@requires("logs.view")
def logs() -> str:
    """Lines of the logs, filtered; the newest stand at the end."""
    question, problem = _question(SHOWN), ""
    try:
        answer = engine.engine().logs(**question)
    except EngineError as error:
        answer, problem = {"lines": [], "cursor": ""}, error.message
    names = [each["name"] for each in engine.engine().services()["services"]]
    return render_template(
        "services/logs.html",
        lines=_lines(answer["lines"]),
        cursor=answer["cursor"],
        problem=problem,
        names=names,
        levels=LEVELS,
        since=SINCE_S,
        chosen=request.args,
        follow=request.args.get("follow") == "yes",
    )


@PAGES.get("/logs/more")
@requires("logs.view")
def more() -> str:
    """What came after the lines that a page shows already."""
    question = {**_question(SHOWN), "after": request.args.get("cursor", "")[:300], "since": 0}
    try:
        answer = engine.engine().logs(**question)
    except EngineError:
        answer = {"lines": [], "cursor": question["after"]}
    return render_template(
        "services/log_lines.html",
        lines=_lines(answer["lines"]),
        cursor=answer["cursor"],
        follow=True,
    )


@PAGES.post("/logs.txt")
@requires("logs.view")
def download() -> Response:
    """The same lines as a file."""
    answer = engine.engine().logs(**_question(MOST))
    lines = (f"{each['at'].isoformat(' ', 'milliseconds')} {each['process']} {each['text']}\n"
             for each in _lines(answer["lines"]))  # fmt: skip
    made = Response("".join(lines), mimetype="text/plain")
    name = f"{product.SLUG}-log-{datetime.date.today():%Y%m%d}.txt"
    made.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    with transaction():
        audit.record("logs.download", request.values.get("process", "")[:31])
    return made


# ── parts ─────────────────────────────────────────────────────────────────────────────


def _question(count: int) -> dict[str, Any]:
    """What the address asks for; nonsense in it counts as no limit."""
    level, since = request.values.get("level", ""), request.values.get("since", "3600")
    question = {
        "process": request.values.get("process", "")[:31],
        "level": level if level in LEVELS else "info",
        "text": _printable(request.values.get("q", ""))[:100].strip(),
        "count": count,
    }
    if since in SINCE_S and since:
        question["since"] = int(time.time()) - int(since)
    return question


def _printable(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())


def _lines(lines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for line in lines:
        at = datetime.datetime.fromtimestamp(line["at"] / 1000, datetime.UTC)
        yield {**line, "at": in_zone(at)}


def _shown(process: dict[str, Any]) -> dict[str, Any]:
    label, colour = PHASES.get(process["phase"], (process["phase"], "none"))
    since = process["since"]
    return {
        **process,
        "purpose": PURPOSES.get(process["name"], process["purpose"]),
        "label": label,
        "colour": colour,
        "since": datetime.datetime.fromtimestamp(since, datetime.UTC) if since else None,
        "memory_mb": round(process["memory_bytes"] / 1024 / 1024),
    }
