"""The way from the draft to the running system and back.

Whoever applies does so from what they have seen: the draft's version and the revision
in force travel with the button, and when either has moved on, the page is shown anew.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user

from appliance.apply.client import EngineError
from appliance.services import registry
from appliance.state.changes import Change, changes
from appliance.state.faults import Fault, StateError
from portal.core import audit, draft, engine, pending
from portal.core.db import transaction
from portal.core.i18n import _, _l
from portal.core.permissions import Guarded, requires
from portal.core.screen_views import saved
from portal.core.sentences import SHOWN, sentences, shown_fault
from portal.lint.views import findings
from portal.network import moving

PAGES = Blueprint("changes", __name__, url_prefix="/changes")
GUARDED = (
    Guarded(
        "changes",
        _l("Changes"),
        verbs=("view", "edit", "apply"),
        presets={"hr": ("view",)},
    ),
)

CONFIRM_CHOICES_S = (120, 300, 900, 0)
REACH_THE_EDGE = frozenset(
    {"asterisk_core", "bans", "firewall", "network", "trunks", "vpn", "web_front"}
)
"""Services whose wishes are in the files of network, firewall or tunnels."""

STEPS = {
    "rendering": _l("Writing the configuration"),
    "proving": _l("Testing it on a second telephone system"),
    "switching": _l("Switching over"),
    "reloading": _l("Loading what has changed"),
    "verifying": _l("Checking that it runs as meant"),
}


@PAGES.get("/")
@requires("changes.view")
def index() -> Any:
    """The draft against the revision in force, as sentences."""
    status = engine.status()
    if status is None:
        return render_template("changes/index.html", engine=None, found=[], faults=[])
    faults = draft.faults()
    try:
        found = pending.differences(status["current"])
        said = _sentences(found, engine.running_state(status["current"]), draft.state())
    except StateError:
        found, said = (), []
    return render_template(
        "changes/index.html",
        engine=status,
        found=found,
        said=said,
        move=_move(status) if found else None,
        more=len(found) - SHOWN,
        faults=[shown_fault(fault) for fault in faults],
        findings=[] if faults or not found else findings(),
        draft_version=draft.version(),
        confirm_choices=CONFIRM_CHOICES_S,
        waits_s=_waits_s(status, found),
        drift=engine.engine().drift(),
    )


@PAGES.get("/files")
@requires("changes.view")
def files() -> Any:
    """The same as file differences."""
    status = _status()
    try:
        plan = engine.engine().plan(draft.state(), status["current"])
    except (StateError, EngineError) as error:
        faults = [shown_fault(fault) for fault in getattr(error, "faults", ())]
        return render_template("changes/files.html", plan=None, faults=faults)
    return render_template("changes/files.html", plan=plan, faults=[])


@PAGES.post("/apply")
@requires("changes.apply")
def apply() -> Any:
    """Begin to apply the draft that was looked at."""
    base, moved = _seen()
    if moved:
        return _moved_on()
    within = request.form.get("within", "120")
    if within not in map(str, CONFIRM_CHOICES_S):
        abort(400)
    try:
        wanted = draft.state()
        job = engine.engine().apply(
            wanted,
            base,
            str(current_user.email)[:80],
            request.form.get("reason", "").strip()[:80],
            confirm_within_s=int(within),
            overwrite=request.form.get("overwrite") == "yes",
        )
    except StateError:
        return redirect(url_for("changes.index"))
    _note("changes.apply", base=base, draft=draft.version())
    return redirect(url_for("changes.job", id=job))


@PAGES.post("/prove")
@requires("changes.view")
def prove() -> Any:
    """Begin to test the draft on the second telephone system."""
    try:
        job = engine.engine().prove(draft.state())
    except StateError:
        return redirect(url_for("changes.index"))
    return redirect(url_for("changes.job", id=job))


@PAGES.get("/job/<id>")
@requires("changes.view")
def job(id: str) -> Any:
    """How far a job is. The fragment is fetched again until the job has ended."""
    try:
        work = engine.engine().job(id)
    except EngineError:
        abort(404)
    if work["done"] and not work["error"] and work["verb"] != "prove":
        if request.headers.get("HX-Request"):
            return "", 204, {"HX-Redirect": url_for("changes.ended", number=work["result"])}
        return redirect(url_for("changes.ended", number=work["result"]))
    faults = _faults_of_job(work)
    steps = ("rendering", "proving") if work["verb"] == "prove" else tuple(STEPS)
    values = {"job": work, "steps": [(n, STEPS[n]) for n in steps], "faults": faults}
    applying = work["verb"] == "apply" and not work["done"]
    values["move"] = _move(_status()) if applying else None
    if request.headers.get("HX-Request"):
        return render_template("changes/job_part.html", **values)
    return render_template("changes/job.html", **values)


@PAGES.get("/ended/<int:number>")
@requires("changes.view")
def ended(number: int) -> Any:
    """After applying: wait for a decision, or say that it is done."""
    if _status()["trial"]:
        return redirect(url_for("changes.waiting"))
    flash(_("Revision %(number)d is in force.", number=number), "info")
    return redirect(url_for("changes.revision", number=number))


@PAGES.get("/waiting")
@requires("changes.view")
def waiting() -> Any:
    """The countdown: keep the new revision or take it back."""
    status = _status()
    if not status["trial"]:
        return redirect(url_for("changes.history"))
    move = moving.applied_move(status)
    return render_template("changes/waiting.html", engine=status, move=move)


@PAGES.post("/keep")
@requires("changes.apply")
def keep() -> Any:
    """Keep the revision that waits."""
    number = _number(request.form.get("number"))
    engine.engine().confirm(number)
    _note("changes.keep", number=number)
    flash(_("Revision %(number)d is kept.", number=number), "info")
    return redirect(url_for("changes.revision", number=number))


@PAGES.post("/take-back")
@requires("changes.apply")
def take_back() -> Any:
    """Take back the revision that waits."""
    former = engine.engine().undo(f"taken back by {current_user.email}"[:80])
    _note("changes.take_back", number=former)
    flash(_("Taken back. The draft still holds your changes."), "info")
    return redirect(url_for("changes.index"))


@PAGES.post("/reset")
@requires("changes.edit")
def reset() -> Any:
    """Throw the draft away: it becomes what runs. Can be undone like any other change."""
    number = _status()["current"]
    with transaction():
        entry = draft.replace(engine.running_state(number), "draft.reset", f"#{number}")
    saved(_("The draft is again what runs."), entry)
    return redirect(url_for("changes.index"))


# ── history ───────────────────────────────────────────────────────────────────────────


@PAGES.get("/history")
@requires("changes.view")
def history() -> Any:
    """All kept revisions."""
    return render_template(
        "changes/history.html", revisions=engine.engine().history(), engine=_status()
    )


@PAGES.get("/history/<int:number>")
@requires("changes.view")
def revision(number: int) -> Any:
    """One revision: who, when, why, and what it changed."""
    found = _revision(number)
    return render_template(
        "changes/revision.html",
        revision=found,
        engine=_status(),
        **_compared(found["parent"], number),
    )


@PAGES.get("/compare")
@requires("changes.view")
def compare() -> Any:
    """The difference between any two revisions."""
    first, second = (_number(request.args.get(name, "")) for name in ("from", "to"))
    return render_template(
        "changes/compare.html",
        first=first,
        second=second,
        revisions=engine.engine().history(),
        **_compared(first, second),
    )


@PAGES.post("/history/<int:number>/return")
@requires("changes.apply")
def return_to(number: int) -> Any:
    """Begin to go back to a revision; it becomes a new one."""
    _revision(number)
    job = engine.engine().return_to(number, str(current_user.email)[:80], 120)
    _note("changes.return", number=number)
    return redirect(url_for("changes.job", id=job))


@PAGES.post("/history/<int:number>/draft")
@requires("changes.edit")
def into_draft(number: int) -> Any:
    """Make the draft what a revision was, without applying it."""
    state = _state(number)
    with transaction():
        entry = draft.replace(state, "draft.revision", f"#{number}")
    saved(_("The draft is now as revision %(number)d was.", number=number), entry)
    return redirect(url_for("changes.index"))


# ── parts ─────────────────────────────────────────────────────────────────────────────


def _status() -> dict[str, Any]:
    """The engine's status; the error page when it does not answer."""
    return engine.status() or engine.engine().status()


def _move(status: dict[str, Any]) -> moving.Move | None:
    """What the draft makes of the portal's address, where this machine's is ours to give."""
    before, after = engine.running_state(status["current"]), draft.state()
    found = moving.move(before, after)
    return found if found and engine.engine().network()["managed"] else None


def _waits_s(status: dict[str, Any], found: tuple[Change, ...]) -> int:
    """How long the draft waits for a confirmation even if nobody asks for one. The engine
    has to render it to know, so it is asked only where such files may differ."""
    if not any(each.where.split("/")[0] in REACH_THE_EDGE for each in found):
        return 0
    try:
        return int(engine.engine().plan(draft.state(), status["current"])["waits_s"])
    except (StateError, EngineError):
        return 0  # its faults are on the page


def _seen() -> tuple[int, bool]:
    """The revision that the page was made from, and whether something moved on since."""
    base = _number(request.form.get("base"))
    seen = _number(request.form.get("draft"))
    return base, seen != draft.version() or base != _status()["current"]


def _moved_on() -> Any:
    flash(_("Something has changed since you looked. This is how it is now."), "warning")
    return redirect(url_for("changes.index"))


def _number(text: str | None) -> int:
    if not text:
        abort(428)
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        abort(400)
    return int(text)


def _revision(number: int) -> dict[str, Any]:
    found = (each for each in engine.engine().history() if each["number"] == number)
    return next(found, None) or abort(404)


def _state(number: int) -> Any:
    try:
        return engine.revision_state(number)
    except EngineError:
        abort(404)


def _compared(first: int, second: int) -> dict[str, Any]:
    """What differs between two revisions; the older one may be gone."""
    try:
        before = engine.revision_state(first)
    except EngineError:
        before = registry.empty_state()
    after = _state(second)
    found = changes(before, after)
    return {"said": _sentences(found, before, after), "more": len(found) - SHOWN, "found": found}


def _sentences(found: tuple[Change, ...], before: Any, after: Any) -> Any:
    return sentences(found[:SHOWN], before, after)


def _faults_of_job(work: dict[str, Any]) -> list[Any]:
    """What a failed job, or a proof that found something, says is wrong."""
    error = work["error"] or {}
    given = [Fault(**fault) for fault in error.get("faults", ())]
    result = work["result"]
    if work["verb"] == "prove" and isinstance(result, dict):
        given += [Fault(where, "%(said)s", {"said": said}) for where, said in result["faults"]]
    return [shown_fault(fault) for fault in given]


def _note(action: str, **facts: Any) -> None:
    with transaction():
        audit.record(action, **facts)
