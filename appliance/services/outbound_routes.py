"""Outbound routes: which lines calls of a kind take; and the whole policy as maps.

The first route that fits a call decides; without any, all lines are tried by priority.
The maps written here are `gather.policy()` and nothing else, so the dialplan and
`decide()` work on the same tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from appliance.asterisk import names
from appliance.policy import gather
from appliance.policy.countries import CATEGORIES, Category
from appliance.policy.model import DAYS, Route, Window
from appliance.render.environments import render_asterisk
from appliance.render.fileset import File
from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.fields import NumberPrefix, ObjectId, OptionalLabel
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.verify.probes import NOT_IN_MAP, Probe


@dataclass(frozen=True, slots=True)
class OutboundRoute:
    """Calls of these kinds, to numbers with these beginnings, from these sites, take
    `trunks` in this order. An empty list of kinds, beginnings or sites means all."""

    id: ObjectId
    trunks: tuple[ObjectId, ...]
    label: OptionalLabel = ""
    categories: tuple[Category, ...] = ()
    prefixes: tuple[NumberPrefix, ...] = ()
    sites: tuple[ObjectId, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    routes: tuple[OutboundRoute, ...] = ()


def references(state: State) -> Iterator[Reference]:
    """Yield the routes in their order."""
    for route in state.routes:
        facts = Route(
            route.id,
            frozenset(route.categories),
            tuple(prefix[1:] for prefix in route.prefixes),
            frozenset(route.sites),
            route.trunks,
        )
        yield Reference("outbound_route", route.id, route.label or route.id, facts=facts)


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield faults of routes without a line and of names that name nothing."""
    yield from duplicate_ids("outbound_routes", state.routes)
    for route in state.routes:
        where = f"outbound_routes/{route.id}"
        if not route.trunks:
            yield Fault(f"{where}/trunks", "must name at least one trunk")
        for trunk in route.trunks:
            yield from references.missing(f"{where}/trunks", "trunk", trunk)
        for site in route.sites:
            yield from references.missing(f"{where}/sites", "site", site)


def files(_state: State, references: References, _machine: Machine) -> Iterator[File]:
    """Yield the policy as maps, and the dialplan that reads them."""
    policy = gather.policy(references)
    values = {
        "policy": policy,
        "names": names,
        "categories": CATEGORIES,
        "timings": timings,
        "longest_exception": max(
            (len(e.prefix) for each in policy.classes.values() for e in each.exceptions), default=0
        ),
    }
    for name in (
        names.CLASSES_MAP,
        names.WINDOWS_MAP,
        names.ROUTES_MAP,
        names.CALLERS_MAP,
        names.PLACES_MAP,
    ):
        content = render_asterisk("outbound_routes", name, **values)
        yield File(f"etc/asterisk/{name}", content, group="asterisk")
    for name in ("extensions_policy.conf", "extensions_outbound.conf"):
        content = render_asterisk("outbound_routes", name, **values)
        yield File(f"etc/asterisk/{name}", content, ("dialplan",), group="asterisk")


def timings(window: Window) -> Iterator[str]:
    """The openings as GotoIfTime reads them. Its ends are included, ours are not."""
    for each in window.openings:
        last = each.end - 1
        hours = f"{_clock(each.begin)}-{_clock(last)}"
        for day in DAYS:
            if day in each.days:
                yield f"{hours},{day},*,*"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def probes(_state: State, references: References) -> Iterator[Probe]:
    """Ask for the class of every caller, the lines of every route, and the program."""
    policy = gather.policy(references)
    for context in (names.POLICY, names.OUTBOUND):
        yield Probe(
            "outbound_routes", f"dialplan show {context}", (f"Context '{context}' created",)
        )
    for caller in policy.callers.values():
        yield Probe(
            f"extensions/{caller.number}/class_of_service",
            f"dialplan eval function AST_CONFIG({names.CALLERS_MAP},{caller.number},class)",
            (f"Result: {caller.class_id}",),
            absent=NOT_IN_MAP,
        )
    for index, route in enumerate(policy.routes, 1):
        yield Probe(
            f"outbound_routes/{route.id}",
            f"dialplan eval function AST_CONFIG({names.ROUTES_MAP},{index},id)",
            (f"Result: {route.id}",),
            absent=NOT_IN_MAP,
        )
