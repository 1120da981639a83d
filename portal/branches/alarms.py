"""What is wrong with branches, in the words of the alarms that the engine keeps."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from appliance.apply.client import EngineError, EngineUnreachable
from failover_router.report import SILENT_AFTER_S
from portal.branches import desk, drills
from portal.branches.models import BranchEvent, Drill, Router
from portal.core.db import db, now
from portal.core.engine import engine

log = logging.getLogger("portal.branches")

LOSSY_PERMILLE = 50


def found() -> list[dict[str, Any]]:
    """Everything that is wrong now, for `branch_alarms` of the engine."""
    return list(_alarms())


def tell() -> None:
    """Tell the engine, if anything changed; it must not keep a router from its answer."""
    try:
        engine().branch_alarms(found(), _seen())
    except (EngineUnreachable, EngineError) as error:
        log.warning("alarms of branches were not told: %s", error)


def _alarms() -> Iterator[dict[str, Any]]:
    state = desk.in_force()
    names = {site.id: site.name for site in state["organisation"].sites}
    for branch in state["vpn"].active:
        label = names.get(branch.id, branch.id)
        lines = {line.id: line for line in branch.lines}
        routers = desk.routers_of(branch.id)
        if any(desk.contested(router) for router in routers):
            yield _alarm("router-twice", label)
        current = desk.in_place(routers)
        if current is not None and fresh(current):
            for alarm in _of_lines(label, lines, current):
                yield {**alarm, "site": branch.id}
        if _last_drill_failed(branch.id):
            yield _alarm("drill-failed", label)
    if _guessed():
        yield _alarm("router-codes-guessed", "VPN")


def _seen() -> dict[str, int]:
    """When the router of each branch has reported last; the engine's clock misses the next."""
    current = {b.id: desk.in_place(desk.routers_of(b.id)) for b in desk.in_force()["vpn"].active}
    return {
        branch: int(router.seen_at.timestamp())
        for branch, router in current.items()
        if router is not None and router.seen_at is not None
    }


def _of_lines(label: str, lines: Any, router: Router) -> Iterator[dict[str, Any]]:
    status = router.status or {}
    first = min(lines.values(), key=lambda line: line.priority, default=None)
    if status.get("active") and first and status["active"] != first.id:
        yield _alarm("site-on-reserve", label)
    for each in status.get("lines", ()):
        line = lines.get(each["name"])
        if line is not None and line_state(each) != "good":
            yield _alarm("branch-line-bad", f"{label}: {line.label}"[:80], line=line.label)


def line_state(report: dict[str, Any]) -> str:
    """`down`, `bad` or `good`, from a line's part of a report."""
    if not report["up"]:
        return "down"
    return "good" if report["good"] and report["loss_permille"] <= LOSSY_PERMILLE else "bad"


def fresh(router: Router) -> bool:
    """Whether a router has reported lately."""
    at = router.seen_at
    return at is not None and (now() - at).total_seconds() < SILENT_AFTER_S


def _last_drill_failed(branch: str) -> bool:
    query = db.select(Drill).filter(Drill.branch == branch, Drill.state == "done")
    last = db.session.scalar(query.order_by(Drill.wanted_at.desc()).limit(1))
    return last is not None and not drills.passed(last)


def _guessed() -> bool:
    query = db.select(BranchEvent.id).filter(
        BranchEvent.kind == "guessed", BranchEvent.at > now() - desk.CODE_LASTS
    )
    return db.session.scalar(query.limit(1)) is not None


def _alarm(name: str, subject: str, **values: str) -> dict[str, Any]:
    return {"name": name, "subject": subject, "values": values}
