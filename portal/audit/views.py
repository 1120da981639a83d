"""Who did what and when, both sides of each change, and taking a change back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for

from appliance.state.changes import Change
from portal.core import draft
from portal.core.audit import AuditEntry
from portal.core.db import db, transaction
from portal.core.draft import CannotUndo
from portal.core.i18n import _, _l
from portal.core.keys import masked
from portal.core.permissions import Guarded, access, requires, signed_in
from portal.core.screen_views import saved
from portal.core.screens import screens
from portal.core.sentences import sentences
from portal.core.shapes import Place

PAGES = Blueprint("audit", __name__, url_prefix="/audit")
GUARDED = (Guarded("audit", _l("Audit log"), verbs=("view",)),)
PAGE_SIZE = 50

ACTIONS = {
    "draft.begin": _l("Draft begun"),
    "draft.edit": _l("Changed"),
    "draft.delete": _l("Deleted"),
    "draft.bulk": _l("Changed many"),
    "voicemail.unlock": _l("Voicemail box unlocked"),
    "mail.test": _l("Test mail sent"),
    "draft.import": _l("Imported"),
    "draft.undo": _l("Undone"),
    "draft.reset": _l("Draft thrown away"),
    "draft.revision": _l("Draft taken from a revision"),
    "draft.wizard": _l("Wizard"),
    "changes.apply": _l("Applied"),
    "changes.keep": _l("Kept"),
    "changes.take_back": _l("Taken back"),
    "changes.return": _l("Returned to a revision"),
    "updates.check": _l("Update checked"),
    "updates.find": _l("Looked for updates"),
    "updates.install": _l("Update installed"),
    "updates.start": _l("Other system started"),
    "updates.cancel": _l("Update stopped"),
    "updates.address": _l("Address of updates changed"),
    "account.sign_in": _l("Signed in"),
    "account.add": _l("Account added"),
    "account.edit": _l("Account changed"),
    "account.restart": _l("Account given a new start"),
    "account.recovery": _l("Became administrator by a code of the console"),
    "account.password": _l("Password changed"),
    "account.second_factor": _l("Second factor changed"),
    "account.guessing": _l("Too many attempts"),
    "account.view_as": _l("Viewed as"),
    "profile.edit": _l("Permission profile changed"),
    "profile.delete": _l("Permission profile deleted"),
    "branch.code": _l("Router code opened"),
    "branch.code_close": _l("Router code closed"),
    "branch.file": _l("Router file downloaded"),
    "branch.end": _l("Routers shut out"),
    "branch.drill": _l("Drill ordered"),
    "branch.drill_stop": _l("Drill ended by hand"),
    "branch.drill_plan": _l("Schedule of drills changed"),
    "ban.lift": _l("Let in again"),
    "list_token.make": _l("Token for shared bans made"),
    "list_token.delete": _l("Token for shared bans taken away"),
    "alarm.acknowledge": _l("Alarm acknowledged"),
    "service.restart": _l("Service restarted"),
    "logs.download": _l("Logs downloaded"),
    "capture.start": _l("Capture begun"),
    "capture.download": _l("Capture downloaded"),
    "capture.delete": _l("Capture deleted"),
    "support.write": _l("Support file written"),
    "support.download": _l("Support file downloaded"),
    "alarm.mail": _l("Mails about alarms changed"),
    "certificate.renew": _l("Certificate renewed"),
    "certificate.upload": _l("Certificate brought"),
    "certificate.request": _l("Signing request made"),
    "certificate.automatic": _l("Automatic certificates changed"),
    "certificate.obtain": _l("Authority asked for a certificate"),
}


@PAGES.get("/")
@requires("audit.view")
def index() -> str:
    """The newest entries, searched by author and subject."""
    text = request.args.get("q", "").strip()[:80]
    before = request.args.get("before", "")
    query = db.select(AuditEntry).order_by(AuditEntry.id.desc()).limit(PAGE_SIZE + 1)
    if text:
        fields = (AuditEntry.author, AuditEntry.subject, AuditEntry.action)
        query = query.filter(db.or_(*(f.icontains(text, autoescape=True) for f in fields)))
    if before.isascii() and before.isdigit():
        query = query.filter(AuditEntry.id < int(before))
    entries = list(db.session.scalars(query))
    return render_template(
        "audit/index.html",
        entries=entries[:PAGE_SIZE],
        more=len(entries) > PAGE_SIZE,
        query=text,
        actions=ACTIONS,
    )


@PAGES.get("/<int:id>")
@requires("audit.view")
def entry(id: int) -> str:
    """One entry with both sides of everything that it changed."""
    found = db.session.get(AuditEntry, id) or abort(404)
    changes = [_change(made) for made in found.edits]
    state = draft.state() if not draft.faults() else None
    said = sentences(_fields(changes), state, state) if changes else []
    undone = db.session.scalar(db.select(AuditEntry.id).filter_by(undoes=id).limit(1))
    return render_template(
        "audit/entry.html", entry=found, said=said[:200], actions=ACTIONS, undone=undone
    )


@PAGES.post("/<int:id>/undo")
@signed_in
def undo(id: int) -> Any:
    """Take back what an entry did, if nothing of it was changed again since."""
    found = db.session.get(AuditEntry, id) or abort(404)
    undoable = found.edits and found.action != "draft.begin"
    if not undoable or not all(_may_change(Place.parse(m["place"])) for m in found.edits):
        abort(403)
    try:
        with transaction():
            made = draft.undo(found)
    except CannotUndo as error:
        names = ", ".join(str(place) for place in error.places[:3])
        flash(
            _("This cannot be undone: it was changed again since (%(places)s).", places=names),
            "warning",
        )
    else:
        saved(_("Taken back."), made)
    return redirect(_back())


def _may_change(place: Place) -> bool:
    """Whether the account may change the object at a place, as it is and as it was."""
    if access().everything:
        return True
    row = draft.find(place)
    for screen in screens().values():
        for part in screen.parts.values():
            if (part.service, part.collection) == (place.service, place.collection):
                inside = row is None or access().covers(row.department, row.site)
                return access().allows(f"{screen.name}.edit") and inside
    return False


def _back() -> str:
    """The page that the button was on; only a path of this portal."""
    from urllib.parse import urlsplit

    before = urlsplit(request.headers.get("Referer", ""))
    if before.netloc == request.host and before.path.startswith("/"):
        return before.path
    return url_for("dashboard.home")


def _change(made: dict[str, Any]) -> Change:
    before, after = masked(made["before"]), masked(made["after"])
    kind = "added" if before is None else "removed" if after is None else "changed"
    return Change(kind, made["place"], before, after)


def _fields(found: list[Change]) -> list[Change]:
    """Changed objects taken apart into their fields."""
    apart: list[Change] = []
    for change in found:
        if change.kind != "changed":
            apart.append(change)
            continue
        for name in change.after:
            before, after = change.before.get(name), change.after[name]
            if before != after:
                apart.append(Change("changed", f"{change.where}/{name}", before, after))
    return apart
