"""Drills: a line is cut on purpose, by the router itself, to see that nobody notices.

The order goes out in the answer to a report and comes back as news in later reports. A drill that
was not begun in time is given up, so an order never waits for a router that comes back days later.
"""

from __future__ import annotations

import datetime
import secrets
import zoneinfo

from appliance.apply.client import EngineError, EngineUnreachable
from appliance.services.organisation import Site
from failover_router.report import Command, DrillReport, Report
from portal.branches import desk
from portal.branches.models import Drill, DrillPlan, Router
from portal.core import audit
from portal.core.db import db, now
from portal.core.engine import engine

SECONDS = 60
BEGIN_WITHIN = datetime.timedelta(minutes=5)
"""How long an order waits for the router to take it."""

PLANNED_WITHIN = datetime.timedelta(hours=1)
END_WITHIN = datetime.timedelta(minutes=10)
"""After the cut: how long the router has to tell the outcome."""

OVER = frozenset({"done", "aborted", "refused", "missed"})
PASSED_OUTAGE_MS = 1000
"""A drill passes when nothing was silent for longer than this: nobody hangs up within it."""


def order(
    branch: str, line: str, *, seconds: int = SECONDS, by: str = "", within: datetime.timedelta
) -> Drill:
    """Have a line cut as soon as the router asks; a drill that is open already is returned."""
    found = open_drill(branch)
    if found is not None:
        return found
    moment = now()
    drill = Drill(
        id=secrets.token_hex(8),
        branch=branch,
        line=line,
        seconds=seconds,
        wanted_at=moment,
        wanted_by=by or audit.author(),
        not_before=moment,
        not_after=moment + within,
    )
    db.session.add(drill)
    return drill


def open_drill(branch: str) -> Drill | None:
    """The drill that is planned or going on."""
    query = db.select(Drill).filter(Drill.branch == branch, Drill.state.not_in(OVER))
    return db.session.scalar(query.order_by(Drill.wanted_at.desc()).limit(1))


def command_for(router: Router, report: Report, *, emergency: bool) -> Command | None:
    """What the router is to do now about drills; none begins while an `emergency` goes on."""
    drill = open_drill(router.branch)
    if report.drill is not None and (drill is None or report.drill.id != drill.id):
        if report.drill.state in ("waiting", "running"):
            return Command("abort", report.drill.id, report.drill.line, 0)
        return None
    if drill is None:
        return None
    if drill.state == "stopping":
        return Command("abort", drill.id, drill.line, 0)
    if report.drill is None and _too_late(drill):
        finish(drill, "missed")
        return None
    if drill.state == "planned" and not emergency:
        return Command("drill", drill.id, drill.line, drill.seconds)
    return None


def _too_late(drill: Drill) -> bool:
    """Whether a drill was not begun in time, or the router has forgotten about it."""
    if drill.state == "planned":
        return now() > drill.not_after
    began = drill.began_at or drill.wanted_at
    return now() > began + datetime.timedelta(seconds=drill.seconds) + END_WITHIN


def take_news(router: Router, news: DrillReport) -> Drill | None:
    """Keep what a router says of its drill; returns the drill when it has just ended."""
    drill = db.session.get(Drill, news.id)
    if drill is None or drill.branch != router.branch or drill.state in OVER:
        return None
    if drill.began_at is None and news.state in ("running", "done", "aborted"):
        drill.began_at = now() - datetime.timedelta(milliseconds=news.began_ago_ms)
    drill.result = {
        name: getattr(news, name)
        for name in ("lasted_ms", "outage_ms", "back_ms", "sent", "lost", "calls")
    }
    if news.state in ("waiting", "running"):
        if drill.state != "stopping":
            drill.state = news.state
        return None
    finish(drill, news.state, news.why)
    return drill


def finish(drill: Drill, state: str, why: str = "") -> None:
    """End a drill and put it into the branch's history."""
    drill.state, drill.why, drill.ended_at = state, why, now()
    desk.note(drill.branch, "drill", drill=drill.id, line=drill.line, state=state, why=why)


def stop(branch: str) -> Drill | None:
    """Have a drill ended; one that was not begun is gone at once."""
    drill = open_drill(branch)
    if drill is not None:
        if drill.state == "planned":
            finish(drill, "aborted", "told")
        else:
            drill.state = "stopping"
    return drill


def emergency_at(branch: str) -> bool:
    """Whether somebody there calls an emergency number. Who cannot be asked counts as yes while
    a drill is open: a line is not cut on a guess."""
    if open_drill(branch) is None:
        return False
    try:
        return branch in engine().emergency_sites()
    except (EngineUnreachable, EngineError):
        return True


def passed(drill: Drill) -> bool:
    """Whether the drill ran to its end and nothing was silent for long."""
    return drill.state == "done" and drill.result.get("outage_ms", 10**9) <= PASSED_OUTAGE_MS


# ── drills that come again ────────────────────────────────────────────────────────────


def next_time(plan: DrillPlan, site: Site, after: datetime.datetime) -> datetime.datetime:
    """When a plan is due next: its weekday and hour by the site's clock.

    An hour that the change to summer time leaves out comes an hour later on that day.
    """
    zone = zoneinfo.ZoneInfo(site.time_zone)
    local = after.astimezone(zone)
    days = (plan.weekday - local.weekday()) % 7
    for extra in (days, days + 7):
        date = local.date() + datetime.timedelta(days=extra)
        moment = datetime.datetime.combine(date, datetime.time(plan.hour), zone)
        if moment.astimezone(datetime.UTC) > after:
            return moment.astimezone(datetime.UTC)
    raise AssertionError("a week has every weekday")


def begin_planned(branch: str) -> None:
    """Order what is due; a plan that was missed by more than an hour waits for its next turn."""
    plan = db.session.get(DrillPlan, branch)
    if plan is None or plan.next_at > now():
        return
    due = plan.next_at
    sites = desk.in_force()["organisation"].sites
    site = next((each for each in sites if each.id == branch), Site(branch, branch))
    following = next_time(plan, site, now())
    plan.next_at = following + datetime.timedelta(weeks=plan.every_weeks - 1)
    if now() - due <= PLANNED_WITHIN:
        order(branch, plan.line, seconds=plan.seconds, by="plan", within=PLANNED_WITHIN)
