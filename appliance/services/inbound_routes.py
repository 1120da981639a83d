"""Inbound routes: where calls to outside numbers go, in an order that is plain to see.

The first route whose numbers and callers fit takes the call; then direct dialling, then
the range's own fallback. A number that leads nowhere gets "no such number" and a line in
the log, and lint calls it an error before that happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from appliance.asterisk import names
from appliance.policy import gather
from appliance.policy.inbound import Rule, blocks
from appliance.render.environments import render_asterisk
from appliance.render.fileset import File
from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.fields import E164, NumberPrefix, ObjectId, OptionalE164, OptionalLabel
from appliance.state.machine import Machine
from appliance.state.references import Destination, Reference, References
from appliance.verify.probes import NOT_IN_MAP, Probe


@dataclass(frozen=True, slots=True)
class InboundRoute:
    """Calls to `first`…`last` (empty: only `first`) go to `destination`.

    `callers` narrows it to those who withhold their number, or to numbers that begin
    with one of `caller_prefixes`.
    """

    id: ObjectId
    first: E164
    destination: Destination
    last: OptionalE164 = ""
    label: OptionalLabel = ""
    callers: Literal["any", "anonymous", "listed"] = "any"
    caller_prefixes: tuple[NumberPrefix, ...] = ()

    @property
    def rule(self) -> Rule:
        """The route as the policy sees it."""
        return Rule(
            self.id,
            self.first,
            self.last or self.first,
            self.destination,
            self.callers,
            tuple(prefix[1:] for prefix in self.caller_prefixes),
        )


@dataclass(frozen=True, slots=True)
class State:
    routes: tuple[InboundRoute, ...] = ()


def references(state: State) -> Iterator[Reference]:
    """Yield the routes in their order."""
    for route in state.routes:
        label = route.label or route.first
        yield Reference("inbound_route", route.id, label, facts=route.rule)


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield faults of routes that lead nowhere, or of numbers that are not ours."""
    yield from duplicate_ids("inbound_routes", state.routes)
    ranges = gather.inbound(references).ranges
    for route in state.routes:
        where, rule = f"inbound_routes/{route.id}", route.rule
        yield from references.unreachable(f"{where}/destination", route.destination)
        if len(rule.first) != len(rule.last) or rule.first > rule.last:
            yield Fault(f"{where}/last", "must not lie before the first number and must be as long")
        for number in dict.fromkeys((rule.first, rule.last)):
            if not any(number in each for each in ranges):
                text = "%(number)s is in none of the ranges that the carriers deliver"
                yield Fault(where, text, {"number": number})
        if (route.callers == "listed") != bool(route.caller_prefixes):
            text = "needs beginnings of numbers exactly when callers are listed"
            yield Fault(f"{where}/caller_prefixes", text)


def files(_state: State, references: References, _machine: Machine) -> Iterator[File]:
    """Yield the map of number blocks, the map of routes, and the dialplan that reads them."""
    tables = gather.inbound(references)
    values = {
        "tables": tables,
        "blocks": sorted(blocks(tables), key=lambda block: block.name),
        "entry": references.entry,
        "names": names,
        "rules": gather.rules(references),
    }
    for name in (names.DIDS_MAP, names.INBOUND_MAP):
        content = render_asterisk("inbound_routes", name, **values)
        yield File(f"etc/asterisk/{name}", content, group="asterisk")
    content = render_asterisk("inbound_routes", "extensions_inbound.conf", **values)
    yield File("etc/asterisk/extensions_inbound.conf", content, ("dialplan",), group="asterisk")


def probes(_state: State, references: References) -> Iterator[Probe]:
    """Ask where each route and each range's fallback leads."""
    tables = gather.inbound(references)
    for rule in tables.rules:
        yield _probe(f"inbound_routes/{rule.id}", f"route@{rule.id}", references, rule.destination)
    for home in tables.ranges:
        if home.otherwise:
            yield _probe(f"dids/{home.id}", f"range@{home.id}", references, home.otherwise)


def _probe(where: str, name: str, references: References, destination: Destination) -> Probe:
    return Probe(
        where,
        f"dialplan eval function AST_CONFIG({names.INBOUND_MAP},{name},entry)",
        (f"Result: {references.entry(destination)}",),
        absent=NOT_IN_MAP,
    )
