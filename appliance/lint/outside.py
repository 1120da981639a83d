"""Rules about lines, outside numbers and who may call what."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import replace

from appliance.lint.rule import Facts, Rule, Spot, destinations
from appliance.policy.decide import Request, at_best, decide
from appliance.policy.gather import SYSTEM
from appliance.policy.inbound import Rule as InboundRule
from appliance.policy.inbound import resolve
from appliance.policy.model import ALWAYS, Caller
from appliance.policy.numbers import outside_number
from appliance.services.trunks import QUALIFY_TIMEOUT_S, Trunk
from appliance.state.references import EXTERNAL

NOTICED_WITHIN_S = 6
"""How soon a call goes on over the next line when its line has died."""

MANY_CALLS_ABROAD = 10

_MOMENT = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)


def _trunks(facts: Facts) -> list[Trunk]:
    return [trunk for trunk in facts["trunks"].trunks if trunk.enabled]


def emergency_unreachable(facts: Facts) -> Iterator[Spot]:
    """Every class must reach every emergency number over at least one line."""
    if not facts["trunks"].trunks:
        return
    for rules in facts.policy.classes.values():
        site = next(iter(facts.policy.places))
        callers = {**facts.policy.callers, "?": Caller("?", rules.id, site)}
        for number in sorted(facts.policy.emergency):
            policy = replace(facts.policy, callers=callers)
            decision = decide(Request("?", policy.rules.prefix + number, _MOMENT), policy)
            if not decision.allowed or not decision.attempts:
                values = {"class": rules.label, "number": number}
                text = "class “%(class)s” cannot reach %(number)s over any line"
                yield Spot(f"classes_of_service/classes/{rules.id}", text, values)


def no_outside_line(facts: Facts) -> Iterator[Spot]:
    if not _trunks(facts):
        yield Spot("trunks", "there is no line: nobody can call outside, not even 112")


def single_line(facts: Facts) -> Iterator[Spot]:
    if len(_trunks(facts)) == 1:
        yield Spot("trunks", "there is one line only: when it fails, nobody can call outside")


def emergency_list_without_112(facts: Facts) -> Iterator[Spot]:
    if "112" not in facts.policy.emergency:
        yield Spot("numbering/emergency", "112 is not among the emergency numbers")


def did_unassigned(facts: Facts) -> Iterator[Spot]:
    """Numbers that a carrier delivers and that ring nowhere."""
    for home in facts.inbound.ranges:
        lost = [n for n in home.numbers() if resolve(n, "+1", facts.inbound).destination is None]
        if lost:
            values = {"count": len(lost), "all": home.size, "first": lost[0]}
            text = "%(count)d of %(all)d numbers lead nowhere, the first is %(first)s"
            yield Spot(f"dids/{home.id}", text, values)


def inbound_route_shadowed(facts: Facts) -> Iterator[Spot]:
    """A route that never gets a call, because earlier ones take all of its numbers."""
    rules = facts.inbound.rules
    for index, rule in enumerate(rules):
        for earlier in rules[:index]:
            covers = len(earlier.first) == len(rule.first) and (
                earlier.first <= rule.first and rule.last <= earlier.last
            )
            if covers and (earlier.callers == "any" or _same_callers(earlier, rule)):
                values = {"earlier": facts.references.label("inbound_route", earlier.id)}
                text = "never gets a call: “%(earlier)s” stands before it and takes them all"
                yield Spot(f"inbound_routes/{rule.id}", text, values)
                break


def _same_callers(one: InboundRule, other: InboundRule) -> bool:
    return bool(one.callers == other.callers and set(one.prefixes) >= set(other.prefixes))


def trunk_without_number(facts: Facts) -> Iterator[Spot]:
    for trunk in _trunks(facts):
        if not trunk.number:
            text = "has no number of its own: callers without one show nothing or are refused"
            yield Spot(f"trunks/{trunk.id}/number", text)


def trunk_without_dids(facts: Facts) -> Iterator[Spot]:
    served = {home.line for home in facts.inbound.ranges}
    for trunk in _trunks(facts):
        if trunk.id not in served:
            text = "no number range belongs to it: its incoming calls are all refused"
            yield Spot(f"trunks/{trunk.id}", text)


def trunk_slow_to_notice(facts: Facts) -> Iterator[Spot]:
    lines = _trunks(facts)
    for trunk in lines if len(lines) > 1 else ():
        slow = trunk.qualify_s + QUALIFY_TIMEOUT_S
        if not trunk.qualify_s or slow > NOTICED_WITHIN_S:
            values = {"seconds": slow if trunk.qualify_s else 32}
            text = "when it dies, calls wait up to %(seconds)d s before the next line is tried"
            yield Spot(f"trunks/{trunk.id}/qualify_s", text, values)


def trunk_in_the_clear(facts: Facts) -> Iterator[Spot]:
    for trunk in _trunks(facts):
        if trunk.transport == "tls" and not trunk.encrypt_media:
            text = "signalling is encrypted but what people say is not"
            yield Spot(f"trunks/{trunk.id}/encrypt_media", text)


def route_without_live_line(facts: Facts) -> Iterator[Spot]:
    alive = {trunk.id for trunk in _trunks(facts)}
    for route in facts["outbound_routes"].routes:
        if not alive & set(route.trunks):
            text = "all of its lines are switched off: calls that take it are refused"
            yield Spot(f"outbound_routes/{route.id}/trunks", text)


def forward_above_class(facts: Facts) -> Iterator[Spot]:
    """A number outside as destination that whoever sends calls there may not dial."""
    for where, sender, target in destinations(facts):
        if target.kind != EXTERNAL:
            continue
        kind, _, id = sender.partition(":")
        known = facts.references.get(kind, id)
        caller = known.number if known and kind == "extension" else SYSTEM
        decision = at_best(facts.policy, caller, target.id)
        if not decision.allowed:
            values = {"number": target.id, "reason": decision.reason}
            yield Spot(where, "calls to %(number)s will be refused: %(reason)s", values)


def presented_number_not_ours(facts: Facts) -> Iterator[Spot]:
    for each in facts["extensions"].extensions:
        if each.presented_number and not _ours(each.presented_number, facts):
            values = {"number": each.presented_number}
            text = "%(number)s is in no range of ours: carriers refuse or replace it"
            yield Spot(f"extensions/{each.id}/presented_number", text, values)


def site_number_not_ours(facts: Facts) -> Iterator[Spot]:
    for site in facts["organisation"].sites:
        if site.number and not _ours(site.number, facts):
            values = {"number": site.number}
            text = "%(number)s is in no range of ours: emergency services could not call back"
            yield Spot(f"organisation/sites/{site.id}/number", text, values)


def _ours(number: str, facts: Facts) -> bool:
    lines = {trunk.number for trunk in facts["trunks"].trunks}
    return number in lines or any(number in home for home in facts.inbound.ranges)


def site_without_number(facts: Facts) -> Iterator[Spot]:
    for site in facts["organisation"].sites if _trunks(facts) else ():
        if not site.number:
            text = "has no number: emergency services see that of the line instead"
            yield Spot(f"organisation/sites/{site.id}/number", text)


def site_without_address(facts: Facts) -> Iterator[Spot]:
    for site in facts["organisation"].sites:
        if not site.address:
            text = "has no address to tell who answers an emergency call"
            yield Spot(f"organisation/sites/{site.id}/address", text)


def number_hides_social(facts: Facts) -> Iterator[Spot]:
    """An inside number that is dialled like a free call of social use."""
    if facts.policy.rules.prefix:
        return
    for number, claims in facts.references.by_number.items():
        if not number.isdigit():
            continue
        found = outside_number(number, facts.policy.rules)
        if not isinstance(found, str) and found.row.category == "social":
            text = "%(number)s is a free call of social use, which nobody can call now"
            yield Spot(claims[0].where, text, {"number": number})


def number_under_prefix(facts: Facts) -> Iterator[Spot]:
    prefix = facts.policy.rules.prefix
    for number, claims in facts.references.by_number.items() if prefix else ():
        if number.startswith(prefix) and number.isdigit():
            values = {"number": number, "prefix": prefix}
            text = "%(number)s begins with %(prefix)s, which is dialled for outside numbers"
            yield Spot(claims[0].where, text, values)


def class_unused(facts: Facts) -> Iterator[Spot]:
    used = {caller.class_id for caller in facts.policy.callers.values()}
    standard = {"internal", "national", "international", "unrestricted"}
    for id in facts.policy.classes:
        if id not in used | standard:
            yield Spot(f"classes_of_service/classes/{id}", "no extension has this class")


def window_never_open(facts: Facts) -> Iterator[Spot]:
    for rules in facts.policy.classes.values():
        for category, window in rules.cells.items():
            if window != ALWAYS and not facts.policy.windows[window].openings:
                values = {"category": category, "window": window}
                text = "“%(category)s” is allowed in the hours “%(window)s”, which never come"
                yield Spot(f"classes_of_service/classes/{rules.id}", text, values)


def class_abroad_without_country(facts: Facts) -> Iterator[Spot]:
    for rules in facts.policy.classes.values():
        if "foreign" in rules.cells and not rules.countries:
            text = "calls abroad are allowed, but to no country"
            yield Spot(f"classes_of_service/classes/{rules.id}/countries", text)


def costly_class_in_use(facts: Facts) -> Iterator[Spot]:
    """Premium and satellite numbers are what stolen passwords are used for."""
    for caller in facts.policy.callers.values():
        rules = facts.policy.classes[caller.class_id]
        open_ = [name for name in ("premium", "satellite") if name in rules.cells]
        if open_:
            values = {"class": rules.label, "kinds": ", ".join(open_)}
            where = f"extensions/{caller.number}/class_of_service"
            if caller.number == SYSTEM:
                where = "classes_of_service/system_class"
            yield Spot(where, "class “%(class)s” allows %(kinds)s", values)


def many_calls_abroad(facts: Facts) -> Iterator[Spot]:
    limit = facts.policy.limits.foreign_in_all
    if limit > MANY_CALLS_ABROAD:
        text = "%(limit)d calls abroad at the same time: a thief could use all of them"
        yield Spot("classes_of_service/foreign_calls_in_all", text, {"limit": limit})


RULES = (
    Rule("emergency-unreachable", "error",
         "Switch a line on, or let the class and its route reach a line.",
         emergency_unreachable, blocks=True),
    Rule("no-outside-line", "warning", "Set up a line to a carrier.", no_outside_line),
    Rule("single-line", "advice", "Set up a second line, with another carrier if possible.",
         single_line),
    Rule("emergency-list-without-112", "warning", "Add 112 to the emergency numbers.",
         emergency_list_without_112),
    Rule("did-unassigned", "error",
         "Choose where the range's other numbers go, or make an inbound route for them.",
         did_unassigned),
    Rule("inbound-route-shadowed", "warning", "Move it up, or remove it.",
         inbound_route_shadowed),
    Rule("trunk-without-number", "warning", "Enter the line's main number.",
         trunk_without_number),
    Rule("trunk-without-dids", "warning", "Enter the numbers that the carrier delivers on it.",
         trunk_without_dids),
    Rule("trunk-slow-to-notice", "warning", "Let it be asked every 4 seconds or more often.",
         trunk_slow_to_notice),
    Rule("trunk-in-the-clear", "advice", "Ask the carrier for SRTP and switch it on.",
         trunk_in_the_clear),
    Rule("route-without-live-line", "error", "Add a line that is switched on, or remove the route.",
         route_without_live_line),
    Rule("forward-above-class", "error",
         "Give the extension a class that allows the number, or choose another destination.",
         forward_above_class),
    Rule("presented-number-not-ours", "error", "Choose one of the company's own numbers.",
         presented_number_not_ours),
    Rule("site-number-not-ours", "error", "Enter a number that rings at this site.",
         site_number_not_ours),
    Rule("site-without-number", "warning",
         "Enter the number at which this site can be called back.", site_without_number),
    Rule("site-without-address", "advice", "Enter street and town of the site.",
         site_without_address),
    Rule("number-hides-outside", "error", "Give it another number.", number_hides_social),
    Rule("number-under-prefix", "error", "Give it a number that begins with another digit.",
         number_under_prefix),
    Rule("class-unused", "advice", "Remove it, or give it to the extensions it was made for.",
         class_unused),
    Rule("window-never-open", "warning", "Enter the hours, or choose another window.",
         window_never_open),
    Rule("class-abroad-without-country", "warning",
         "Name the countries that may be called, or do not allow calls abroad.",
         class_abroad_without_country),
    Rule("costly-class-in-use", "warning",
         "Keep such a class for those who need it, and forget no old extension.",
         costly_class_in_use),
    Rule("many-calls-abroad", "warning", "Lower the limit to what the company needs.",
         many_calls_abroad),
)  # fmt: skip
