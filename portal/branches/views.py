"""The pages of branches: lines, routers, delivery, curves, drills, history."""

from __future__ import annotations

import datetime
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)

from appliance.apply.client import EngineError, EngineUnreachable
from appliance.branches import files
from appliance.services.organisation import Site
from appliance.system import vpn
from portal.branches import desk, drawing, drills, overview, sound, words
from portal.branches.forms import BranchForm, ServerForm
from portal.branches.models import Drill, DrillPlan, RouterCode
from portal.core import audit, draft
from portal.core.db import db, now, transaction
from portal.core.draft import Edit, Stale
from portal.core.engine import engine
from portal.core.i18n import _, _l, fault_text, translated
from portal.core.permissions import Guarded, access, requires
from portal.core.screen_views import saved, version_seen
from portal.core.shapes import Place, locate

PAGES = Blueprint("branches", __name__, url_prefix="/branches")
GUARDED = (
    Guarded(
        "branches",
        _l("Branches and their lines"),
        verbs=("view", "edit", "profile"),
        presets={"operator": ("view",)},
    ),
)

STATES = {
    "none": (_l("No router yet"), "info"),
    "draft": (_l("To be applied"), "info"),
    "waiting": (_l("Router not seen yet"), "info"),
    "silent": (_l("Says nothing"), "bad"),
    "down": (_l("Cut off"), "bad"),
    "bad": (_l("A line has a fault"), "warn"),
    "good": (_l("All lines good"), "good"),
}
COLOURS = {"good": "green", "warn": "yellow", "bad": "red", "info": "blue"}


# ── list and map ──────────────────────────────────────────────────────────────────────


FORMS = (BranchForm, ServerForm)


@PAGES.get("/")
@requires("branches.view")
def index() -> Any:
    """All branches on a map and in a list, and the sites that could become one."""
    sites = _sites()
    known = _branches()
    views = [overview.view(sites[id], b, with_curves=False) for id, b in known.items()]
    views.sort(key=lambda each: each.site.name.casefold())
    picture = drawing.map_of(
        [
            (v.site.id, v.site.name, v.state, [(e.line.label, e.state, e.active) for e in v.lines])
            for v in views
        ]
    )
    settings, _version = draft.settings("vpn")
    return render_template(
        "branches/index.html",
        views=views,
        others=[site for id, site in sites.items() if id not in known],
        map=picture,
        addresses=settings.addresses,
        **_words(),
    )


@PAGES.route("/server", methods=["GET", "POST"])
@requires("branches.edit")
def server() -> Any:
    """The appliance's own end of the tunnels."""
    held, version = draft.settings("vpn")
    form = ServerForm({"": held})
    place = Place("vpn")
    if form.validate_on_submit():
        edit = Edit(place, form.objects[""], _number(version_seen(), version))
        if (answer := _save(form, edit, _("Tunnels"), "branches.index")) is not None:
            return answer
    status = 422 if request.method == "POST" else 200
    return render_template("branches/server.html", form=form, version=version), status


# ── one branch ────────────────────────────────────────────────────────────────────────


@PAGES.get("/<site>")
@requires("branches.view")
def branch(site: str) -> Any:
    """One branch."""
    return _page(site)


@PAGES.route("/<site>/edit", methods=["GET", "POST"])
@requires("branches.edit")
def edit(site: str) -> Any:
    """Change a branch, or make a site one."""
    place = Place("vpn", "branches", site)
    where, row = _site(site), draft.find(place)
    taken = frozenset(each.number for each in _branches(everywhere=True).values())
    held = draft.instance(row) if row else overview.new_branch(where, taken)
    version = row.version if row else 0
    form = BranchForm({"": held})
    differences = None
    if form.validate_on_submit():
        change = Edit(place, form.objects[""], _number(version_seen(), version))
        if (answer := _save(form, change, where.name, "branches.branch", site=site)) is not None:
            return answer
        differences = form.changes({"": held})
    page = render_template(
        "branches/edit.html",
        form=form,
        site=where,
        new=row is None,
        version=version,
        differences=differences,
        row=row,
        faults=_faults(site) if row else [],
    )
    return page, 412 if differences is not None else 422 if request.method == "POST" else 200


@PAGES.route("/<site>/delete", methods=["GET", "POST"])
@requires("branches.edit")
def delete(site: str) -> Any:
    """Ask, then make a branch a site without tunnels again."""
    where = _site(site)
    row = draft.find(Place("vpn", "branches", site)) or abort(404)
    if request.method == "GET":
        return render_template("branches/delete.html", site=where)
    with transaction():
        entry = draft.commit([Edit(row.place, None)], "draft.delete", where.name)
    saved(_("“%(label)s” is no branch any more.", label=where.name), entry)
    return redirect(url_for("branches.index"))


@PAGES.get("/<site>/history")
@requires("branches.view")
def history(site: str) -> Any:
    """Everything that happened at a branch."""
    text = request.args.get("page", "1")
    page = int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 6 else 1
    found, more = overview.events(site, max(page, 1))
    return render_template(
        "branches/history.html",
        site=_site(site),
        events=found,
        page=page,
        more=more,
        names=_line_names(site),
        **_words(),
    )


# ── delivery ──────────────────────────────────────────────────────────────────────────


@PAGES.post("/<site>/code")
@requires("branches.profile")
def code(site: str) -> Any:
    """Open a one-time code; it is shown on this one page and never again."""
    where = _applied(site)
    with transaction():
        text, until = desk.open_code(site)
        audit.record("branch.code", where.name, branch=site)
    return _page(site, code=text, until=until)


@PAGES.post("/<site>/code/close")
@requires("branches.profile")
def close(site: str) -> Any:
    """End the open code."""
    where = _site(site)
    with transaction():
        if desk.close_code(site):
            audit.record("branch.code_close", where.name, branch=site)
    flash(_("The code is closed."), "info")
    return redirect(url_for("branches.branch", site=site))


@PAGES.post("/<site>/file/<kind>")
@requires("branches.profile")
def file(site: str, kind: str) -> Any:
    """A file for another maker's router, with its private key in it; who took it is recorded."""
    where = _applied(site)
    form = files.FORMS.get(kind) or abort(404)
    _fits(site, kind)
    maker = "routeros" if kind == "routeros" else "openwrt"
    with transaction():
        issued = desk.issue(site, maker)
        made = form(issued.profile)
        audit.record("branch.file", where.name, branch=site, kind=kind)
    headers = {
        "Content-Disposition": f'attachment; filename="{made.name}"',
        "Cache-Control": "no-store",
    }
    return Response(made.content, mimetype=made.mimetype, headers=headers)


@PAGES.post("/<site>/end")
@requires("branches.profile")
def end(site: str) -> Any:
    """Shut out all routers of a branch, or those before the newest."""
    where = _site(site)
    routers = desk.routers_of(site)
    if not routers:
        abort(404)
    newest = routers[0].generation
    below = newest if request.form.get("which") == "former" else 0
    with transaction():
        count = desk.end_before(site, routers[0].name, below)
        audit.record("branch.end", where.name, branch=site, below=below)
    flash(_("Shut out: %(count)d. Their tunnels are closed.", count=count), "info")
    return redirect(url_for("branches.branch", site=site))


# ── drills ────────────────────────────────────────────────────────────────────────────


@PAGES.post("/<site>/drill")
@requires("branches.edit")
def drill(site: str) -> Any:
    """Have the router cut a line at its next report."""
    where, line = _applied(site), _line(site)
    with transaction():
        drills.order(site, line, within=drills.BEGIN_WITHIN)
        audit.record("branch.drill", where.name, branch=site, line=line)
    flash(_("The router cuts the line as soon as it asks, within some seconds."), "info")
    return redirect(url_for("branches.branch", site=site))


@PAGES.post("/<site>/drill/stop")
@requires("branches.edit")
def stop(site: str) -> Any:
    """End a drill."""
    where = _site(site)
    with transaction():
        if drills.stop(site):
            audit.record("branch.drill_stop", where.name, branch=site)
    flash(_("The drill is being ended."), "info")
    return redirect(url_for("branches.branch", site=site))


@PAGES.post("/<site>/plan")
@requires("branches.edit")
def plan(site: str) -> Any:
    """A drill that comes again, or none any more."""
    where = _applied(site)
    with transaction():
        old = db.session.get(DrillPlan, site)
        if request.form.get("every") == "0":
            if old is not None:
                db.session.delete(old)
        else:
            made = old or DrillPlan(branch=site)
            made.line = _line(site)
            made.weekday = _one_of("weekday", range(7))
            made.hour = _one_of("hour", range(24))
            made.every_weeks = _one_of("every", (1, 4, 13))
            made.seconds = drills.SECONDS
            made.next_at = drills.next_time(made, where, now())
            db.session.add(made)
        audit.record("branch.drill_plan", where.name, branch=site)
    flash(_("The schedule of drills is saved."), "info")
    return redirect(url_for("branches.branch", site=site))


@PAGES.get("/<site>/drills/<id>.pdf")
@requires("branches.view")
def record(site: str, id: str) -> Any:
    """The record of a drill."""
    _site(site)
    found = db.session.get(Drill, id)
    if found is None or found.branch != site or not found.certificate:
        abort(404)
    name = f"drill-{site}-{found.wanted_at:%Y-%m-%d}.pdf"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(found.certificate, mimetype="application/pdf", headers=headers)


# ── parts ─────────────────────────────────────────────────────────────────────────────


def _page(site: str, code: str = "", until: datetime.datetime | None = None) -> Any:
    where = _site(site)
    row = draft.find(Place("vpn", "branches", site))
    if row is None:
        if access().allows("branches.edit"):
            return redirect(url_for("branches.edit", site=site))
        abort(404)
    found, more = overview.events(site)
    query = db.select(Drill).filter_by(branch=site).order_by(Drill.wanted_at.desc()).limit(10)
    return render_template(
        "branches/branch.html",
        view=overview.view(where, draft.instance(row)),
        sound=_sound(site),
        code=code,
        seconds=int((until - now()).total_seconds()) if until else 0,
        open_code=db.session.get(RouterCode, site),
        addresses=desk.in_force()["vpn"].addresses,
        drill=drills.open_drill(site),
        drills=list(db.session.scalars(query)),
        passed=drills.passed,
        plan=db.session.get(DrillPlan, site),
        events=found[:8],
        names=_line_names(site),
        more=more or len(found) > 8,
        limits=files.LIMITS,
        said=translated,
        may_edit=access().allows("branches.edit"),
        may_profile=access().allows("branches.profile"),
        faults=_faults(site),
        **_words(),
    )


def _sound(site: str) -> sound.SoundView | None:
    """How its calls sounded; None when no call has ended, or the engine does not say."""
    try:
        days = engine().call_sound()["days"]
    except (EngineUnreachable, EngineError):
        return None
    return sound.view(days, site, int(now().timestamp()))


def _line_names(site: str) -> dict[str, str]:
    """What the lines of a branch are called, by their ids."""
    row = draft.find(Place("vpn", "branches", site))
    return {line.id: line.label for line in draft.instance(row).lines} if row else {}


def _words() -> dict[str, Any]:
    return {
        "states": STATES,
        "colours": COLOURS,
        "line_states": words.LINE_STATES,
        "kinds": words.KINDS,
        "carries": words.CARRIES,
        "causes": words.CAUSES,
        "drill_states": words.DRILL_STATES,
        "drill_why": words.DRILL_WHY,
        "delivery": words.DELIVERY,
        "modes": words.MODES,
        "weekdays": words.WEEKDAYS,
    }


def _sites() -> dict[str, Site]:
    """The sites that the account may see."""
    rows = draft.objects("organisation", "sites")
    return {row.key: draft.instance(row) for row in rows if access().covers("", row.key)}


def _site(id: str) -> Site:
    return _sites().get(id) or abort(404)


def _applied(id: str) -> Site:
    """A site whose branch is in force; who asks for another is told what to do first."""
    where = _site(id)
    if desk.branch_in_force(id) is None:
        abort(409, _("Apply the changes first: a router follows the configuration in force."))
    return where


def _fits(site: str, kind: str) -> None:
    """Refuse a file that could not connect: the branch is set to another router."""
    running = desk.branch_in_force(site)
    wanted = "routeros" if kind == "routeros" else "own"
    if running is None or running.router != wanted:
        abort(409, _("Choose this router under “Lines and network” and apply the changes first."))


def _branches(*, everywhere: bool = False) -> dict[str, vpn.Branch]:
    """The branches of the draft."""
    rows = draft.objects("vpn", "branches")
    return {
        row.key: draft.instance(row) for row in rows if everywhere or access().covers("", row.key)
    }


def _line(site: str) -> str:
    """The line that a form names; 404 for one that the branch does not have."""
    running = desk.branch_in_force(site)
    wanted = request.form.get("line", "")
    if running is None or wanted not in {line.id for line in running.lines}:
        abort(404)
    return wanted


def _one_of(name: str, allowed: Any) -> int:
    text = request.form.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 3 or int(text) not in allowed:
        abort(400)
    return int(text)


def _number(text: str | None, current: int) -> int:
    """The version that the editor saw; one that is none matches nothing."""
    if text is None:
        return current
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def _save(form: Any, change: Edit, label: str, endpoint: str, **where: str) -> Any:
    """Save in the draft and go on; None when somebody else was faster."""
    try:
        with transaction():
            entry = draft.commit([change], "draft.edit", label)
    except Stale:
        form.other_faults.append(_("Somebody has changed this meanwhile: save again to put yours."))
        return None
    if entry is None:
        flash(_("Nothing was changed."), "info")
    else:
        saved(_("“%(label)s” is saved in the draft.", label=label), entry)
    return redirect(url_for(endpoint, **where))


def _faults(site: str) -> list[str]:
    """What stops the draft from being applied and is about this branch."""
    place = Place("vpn", "branches", site)
    found = []
    for fault in draft.faults():
        at = locate(fault.where)
        if at is not None and at.place in (place, Place("vpn")):
            found.append(fault_text(fault))
    return found
