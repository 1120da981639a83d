"""What the pages show of a branch: wishes of the draft beside what routers say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from appliance.branches import bandwidth
from appliance.branches.plans import plan_of
from appliance.services.organisation import Site
from appliance.system import vpn
from failover_router import router_profile
from portal.branches import alarms, curves, desk, drawing
from portal.branches.models import BranchEvent, Router
from portal.core.db import db

State = Literal["none", "draft", "waiting", "silent", "down", "bad", "good"]

EVENTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class LineView:
    """A line as it is wanted, as it was reported last, and as its day was."""

    line: vpn.Line
    state: str
    active: bool
    report: Mapping[str, Any]
    plan: bandwidth.LinePlan
    curve: drawing.Curve
    day: curves.Summary | None


@dataclass(frozen=True, slots=True)
class BranchView:
    """A branch. `behind` says that its router follows an older profile."""

    site: Site
    branch: vpn.Branch
    applied: bool
    state: State
    routers: tuple[Router, ...]
    current: Router | None
    fresh: bool
    behind: bool
    lines: tuple[LineView, ...]
    plan: bandwidth.Plan

    @property
    def active(self) -> str:
        """The name of the line in use, "" when that is not known."""
        return next((each.line.label for each in self.lines if each.active), "")


def view(site: Site, branch: vpn.Branch, *, with_curves: bool = True) -> BranchView:
    """Everything about one branch."""
    running = desk.branch_in_force(branch.id)
    routers = tuple(desk.routers_of(branch.id))
    current = desk.in_place(list(routers))
    fresh = current is not None and alarms.fresh(current)
    planned = plan_of(branch)
    lines = tuple(
        _line(line, planned.lines[i], current if fresh else None, branch.id, with_curves)
        for i, line in enumerate(branch.lines)
    )
    return BranchView(
        site=site,
        branch=branch,
        applied=running is not None,
        state=_state(running is not None, routers, current, fresh, lines),
        routers=routers,
        current=current,
        fresh=fresh,
        behind=_behind(current) if current and running is not None else False,
        lines=lines,
        plan=planned,
    )


def _line(
    line: vpn.Line, plan: bandwidth.LinePlan, router: Router | None, branch: str, drawn: bool
) -> LineView:
    status: Mapping[str, Any] = (router.status if router else None) or {}
    report = next((each for each in status.get("lines", ()) if each["name"] == line.id), {})
    minutes = desk.day_of(branch, line.id) if drawn else []
    return LineView(
        line=line,
        state=alarms.line_state(report) if report else "unknown",
        active=bool(report) and line.id in (status.get("active"), *status.get("tunnels", ())),
        report=report,
        plan=plan,
        curve=drawing.curve(minutes),
        day=curves.summary(minutes),
    )


def _state(
    applied: bool,
    routers: tuple[Router, ...],
    current: Router | None,
    fresh: bool,
    lines: tuple[LineView, ...],
) -> State:
    if not applied:
        return "draft"
    if current is None:
        return "waiting" if any(not r.ended_at for r in routers) else "none"
    if not fresh:
        return "silent"
    states = [each.state for each in lines]
    if "good" not in states:
        return "down"
    return "good" if all(state == "good" for state in states) else "bad"


def _behind(router: Router) -> bool:
    followed = (router.status or {}).get("profile", "")
    return bool(followed) and followed != router_profile.digest(desk.profile_now(router))


def events(branch: str, page: int = 1) -> tuple[list[BranchEvent], bool]:
    """A page of a branch's history, newest first, and whether there is more."""
    query = (
        db.select(BranchEvent)
        .filter_by(branch=branch)
        .order_by(BranchEvent.at.desc(), BranchEvent.id.desc())
        .limit(EVENTS_SHOWN + 1)
        .offset((page - 1) * EVENTS_SHOWN)
    )
    found = list(db.session.scalars(query))
    return found[:EVENTS_SHOWN], len(found) > EVENTS_SHOWN


def new_branch(site: Site, taken: frozenset[int]) -> vpn.Branch:
    """What the form of a new branch begins with: two lines, networks after its number, and the
    ports of our router's image in their order."""
    number = next(n for n in range(1, vpn.MOST_BRANCHES + 1) if n not in taken)
    base = f"10.{20 + number // 250}.{number % 250}"
    return vpn.Branch(
        id=site.id,
        number=number,
        lan=vpn.Lan(f"{base}.0/24", f"{base}.1", f"{base}.50", f"{base}.199", interface="eth2"),
        lines=(
            vpn.Line("main", "Fibra", "fibre", "eth0", priority=10),
            vpn.Line("reserve", "4G", "4g", "eth1", priority=20, metered=True),
        ),
    )
