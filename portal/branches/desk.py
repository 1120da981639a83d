"""What happens at the door for routers: codes are spent, profiles handed over, reports taken.

Everything is inside the caller's transaction unless a function says otherwise.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from flask import current_app

from appliance.services import registry
from appliance.state.fields import Secret
from appliance.state.system_state import SystemState
from appliance.system import branch_profile, vpn
from failover_router import spoken_code
from failover_router.decoding import encode
from failover_router.report import Report, Switch
from failover_router.router_profile import PhoneClass, RouterProfile
from portal.branches import curves, identity
from portal.branches.models import BranchEvent, LineHour, Router, RouterCode
from portal.core import audit
from portal.core.db import db, now
from portal.core.engine import engine, running_state, status
from provisioning import dhcp
from provisioning.phones import Door

CODE_LASTS = datetime.timedelta(hours=1)
MOST_MISSES = 50
"""Wrong codes from everybody together while one is open; then all open ones are ended."""

CONTESTED_FOR = datetime.timedelta(minutes=10)
EVENTS_KEPT = datetime.timedelta(days=400)
DOOR = "/branch-router"
NOT_HERE = "-----BEGIN {0}-----\nkept by the router\n-----END {0}-----\n"
"""Stands in a profile for what only the router has."""

Kind = Literal["own", "openwrt", "routeros"]


class Refused(RuntimeError):
    """A router is not let in; `reason` is the word that it is told."""

    def __init__(self, reason: str, status: int = 403) -> None:
        self.reason, self.status = reason, status
        super().__init__(reason)


# ── the configuration in force ────────────────────────────────────────────────────────


def in_force() -> SystemState:
    """The state that runs: routers follow it, not the draft."""
    return running_state((status() or {}).get("current", 0))


def branch_in_force(id: str) -> vpn.Branch | None:
    """A branch of the configuration in force that may connect."""
    return next((branch for branch in in_force()["vpn"].active if branch.id == id), None)


# ── codes ─────────────────────────────────────────────────────────────────────────────


def open_code(branch: str) -> tuple[str, datetime.datetime]:
    """A new code for a branch, as it is read out, and its end. A former one ends."""
    secret = spoken_code.new_secret()
    until = now() + CODE_LASTS
    close_code(branch)
    db.session.add(
        RouterCode(branch=branch, digest=_digest(secret), until=until, opened_by=audit.author())
    )
    return spoken_code.Code(secret, _fingerprint()).text, until


def close_code(branch: str) -> bool:
    """End a branch's open code; returns whether there was one."""
    done = db.session.execute(db.delete(RouterCode).where(RouterCode.branch == branch))
    return bool(done.rowcount)


def spend(secret: str) -> str:
    """The branch that a code is for; the code is used up. Refused for every other text."""
    db.session.execute(db.delete(RouterCode).where(RouterCode.until <= now()))
    found = db.session.scalar(db.select(RouterCode).filter_by(digest=_digest(secret)))
    if found is None:
        _note_miss()
        raise Refused("code")
    db.session.delete(found)
    return found.branch


def _note_miss() -> None:
    """Count a wrong code against every open one; too many end them all."""
    for code in db.session.scalars(db.select(RouterCode)):
        code.misses += 1
        if code.misses >= MOST_MISSES:
            note(code.branch, "guessed")
            db.session.delete(code)


def _digest(secret: str) -> str:
    key = current_app.extensions["settings"].keys.routers.encode()
    return hmac.new(key, f"code {secret}".encode(), hashlib.sha256).hexdigest()


def _fingerprint() -> str:
    """Of the authority in force; worked out once, since it costs a second."""
    authority = engine().vpn_vouch()["authority"]
    known: dict[str, str] = current_app.extensions.setdefault("authority_fingerprints", {})
    if authority not in known:
        known[authority] = spoken_code.fingerprint(authority)
    return known[authority]


# ── routers and their profiles ────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Issued:
    """A new router and its profile, which holds secrets."""

    router: Router
    profile: RouterProfile


def issue(branch: str, kind: Kind, request: str = "", hardware: str = "") -> Issued:
    """The next router of a branch. The ones before it stay good until it has come."""
    wanted = branch_in_force(branch)
    if wanted is None:
        raise Refused("gone")
    papers = engine().vpn_issue(wanted.identity, request)
    record = papers["record"]
    router = Router(
        branch=branch,
        name=record["name"],
        generation=record["generation"],
        kind=kind,
        serial=record["serial"],
        certificate=papers["certificate"],
        authority=papers["authority"],
        hardware=hardware,
        made_by=audit.author(),
    )
    db.session.add(router)
    note(branch, "issued", generation=router.generation, how=kind)
    return Issued(router, _profile(wanted, router, papers))


def profile_now(router: Router) -> RouterProfile:
    """The profile that a router should follow, without what only it has."""
    wanted = branch_in_force(router.branch)
    if wanted is None:
        raise Refused("gone", 410)
    return _profile(wanted, router, {})


def _profile(branch: vpn.Branch, router: Router, papers: Mapping[str, Any]) -> RouterProfile:
    state = in_force()
    tunnels: vpn.State = state["vpn"]
    material = branch_profile.Material(
        generation=router.generation,
        authority=router.authority,
        certificate=router.certificate,
        key=Secret(papers.get("key") or NOT_HERE.format("PRIVATE KEY")),
        tls_crypt_v2=Secret(papers.get("tls_crypt") or NOT_HERE.format("OpenVPN key")),
        probe_key=Secret(papers.get("probe_key") or "0" * 64),
        phones=_phones(tunnels),
        portal=f"https://{tunnels.inner_address}{DOOR}",
        portal_key=Secret(portal_key(router)),
    )
    return branch_profile.build(tunnels, branch, registry.references(state), material)


def _phones(tunnels: vpn.State) -> tuple[PhoneClass, ...]:
    """What DHCP at the branch tells telephones: our own server's first stage, inside the VPN."""
    return tuple(
        PhoneClass(each.vendor, each.ouis, each.holds, each.url)
        for each in dhcp.told(Door(tunnels.inner_address))
    )


def portal_key(router: Router) -> str:
    """What this router and the portal sign with; derived, so that it is kept nowhere here."""
    key = current_app.extensions["settings"].keys.routers.encode()
    said = f"router {router.name} {router.generation} {router.serial}".encode()
    return hmac.new(key, said, hashlib.sha256).hexdigest()


def router_named(name: str, generation: int) -> Router | None:
    return db.session.scalar(db.select(Router).filter_by(name=name, generation=generation))


def routers_of(branch: str) -> list[Router]:
    """A branch's routers, the newest first."""
    query = db.select(Router).filter_by(branch=branch).order_by(Router.generation.desc())
    return list(db.session.scalars(query))


def in_place(routers: list[Router]) -> Router | None:
    """The one of a branch's routers that is in charge."""
    return next((each for each in routers if each.enrolled_at and not each.ended_at), None)


def take_place(router: Router) -> None:
    """A router has come for the first time: those before it are shut out."""
    router.enrolled_at = now()
    note(router.branch, "enrolled", generation=router.generation, hardware=router.hardware)
    end_before(router.branch, router.name, router.generation)


def end_before(branch: str, name: str, generation: int = 0) -> int:
    """Shut out the routers before a generation, or all; returns how many that were."""
    ended = engine().vpn_revoke(name, generation)
    numbers = {record["generation"] for record in ended}
    for router in routers_of(branch):
        if router.generation in numbers and router.ended_at is None:
            router.ended_at = now()
            note(branch, "ended", generation=router.generation)
    return len(numbers)


def heard_of_ended(router: Router) -> None:
    """A router that was shut out still speaks: it was replaced while it was on."""
    if not contested(router):
        note(router.branch, "replaced_speaks", generation=router.generation)
    router.contested_at = now()


# ── reports ───────────────────────────────────────────────────────────────────────────


def take_report(router: Router, report: Report) -> None:
    """Keep what a router says. Refused for a second machine with the same identity."""
    seen = identity.Seen(router.boot, router.sequence, tuple(router.boots or ()))
    verdict, after = identity.judge(seen, report.boot, report.sequence)
    moment = now()
    if verdict == "duplicate":
        if not contested(router):
            note(router.branch, "twice", generation=router.generation)
        router.contested_at = moment
        raise Refused("duplicate", 409)
    if router.enrolled_at is None:
        take_place(router)
    router.seen_at = moment
    if verdict == "repeated":
        return
    if verdict == "started":
        router.switches = 0
        note(router.branch, "started", generation=router.generation, version=report.version)
    router.boot, router.sequence, router.boots = after.boot, after.sequence, list(after.former)
    _note_switches(router, report, moment)
    _note_lines(router, report, moment)
    router.status = _kept(report)


def contested(router: Router) -> bool:
    """Whether a second machine with this identity was heard of lately."""
    at = router.contested_at
    return at is not None and now() - at < CONTESTED_FOR


def _kept(report: Report) -> dict[str, Any]:
    kept: dict[str, Any] = encode(replace(report, switches=(), drill=None))
    return kept


def _note_switches(router: Router, report: Report, moment: datetime.datetime) -> None:
    for switch in report.switches:
        if switch.number > router.switches:
            _note_switch(router.branch, switch, moment)
            router.switches = switch.number


def _note_switch(branch: str, switch: Switch, moment: datetime.datetime) -> None:
    note(
        branch,
        "switch",
        at=moment - datetime.timedelta(milliseconds=switch.ago_ms),
        before=switch.before,
        after=switch.after,
        cause=switch.cause,
        gap_ms=switch.gap_ms,
    )


def _note_lines(router: Router, report: Report, moment: datetime.datetime) -> None:
    """Put the report into the curves; the row of an hour that is over is never touched again."""
    seconds = int(moment.timestamp())
    hour, index = seconds // curves.HOUR_S, seconds % curves.HOUR_S // curves.MINUTE_S
    known = {line.id for line in _lines(router.branch)}
    for line in report.lines:
        if line.name not in known:
            continue
        row = db.session.get(LineHour, (router.branch, line.name, hour))
        if row is None:
            row = LineHour(branch=router.branch, line=line.name, hour=hour, data=curves.EMPTY_HOUR)
            db.session.add(row)
            _prune(router.branch, hour)
        active = line.name in (report.active, *report.tunnels)
        row.data = curves.noted(row.data, index, curves.minute_of(line, active=active))


def _lines(branch: str) -> tuple[vpn.Line, ...]:
    found = branch_in_force(branch)
    return found.lines if found else ()


def _prune(branch: str, hour: int) -> None:
    """Once an hour: drop what is older than a day, and events older than a year."""
    old = db.delete(LineHour).where(
        LineHour.branch == branch, LineHour.hour < hour - curves.KEPT_HOURS
    )
    db.session.execute(old)
    db.session.execute(db.delete(BranchEvent).where(BranchEvent.at < now() - EVENTS_KEPT))


def note(branch: str, kind: str, at: datetime.datetime | None = None, **detail: Any) -> BranchEvent:
    """Put something into the history of a branch."""
    event = BranchEvent(branch=branch, kind=kind, detail=detail, at=at or now())
    db.session.add(event)
    return event


def day_of(branch: str, line: str) -> list[curves.Minute]:
    """The last 24 hours of a line."""
    rows = db.session.scalars(db.select(LineHour).filter_by(branch=branch, line=line))
    return curves.day({row.hour: row.data for row in rows}, int(now().timestamp()))
