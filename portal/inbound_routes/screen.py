"""The screen of rules for calls from outside. The first that fits takes the call."""

from __future__ import annotations

from typing import Any

from appliance.services.inbound_routes import InboundRoute
from portal.core.destinations import called
from portal.core.forms import Choice, Joined, Lines, StateForm, Target, Text
from portal.core.i18n import _, _l
from portal.core.outside_numbers import prefix
from portal.core.screens import Column, Part, Record, Screen
from portal.dids.ranges import ends_or_one, written

CALLERS = (
    ("any", _l("everybody")),
    ("anonymous", _l("those who withhold their number")),
    ("listed", _l("those whose number begins as listed")),
)


class Beginnings(Lines):
    """Beginnings of numbers, one a line, however they are typed."""

    def plain(self) -> Any:
        return [prefix(line) for line in super().plain()]


class InboundRouteForm(StateForm):
    parts = {"": InboundRoute}  # noqa: RUF012

    label = Text(_l("Name"))
    numbers = Joined(
        _l("Number"),
        ("first", "last"),
        written,
        ends_or_one,
        hint=_l("One of the company's own, or several in one line: 0522 123400-409."),
    )
    destination = Target(_l("Rings at"))
    callers = Choice(_l("For callers"), CALLERS)
    caller_prefixes = Beginnings(
        _l("Beginnings of their numbers"), hint=_l("One a line, e.g. +39 059 or 0044.")
    )


def _numbers(record: Record) -> Any:
    each = record.objects[""]
    return written(each.first, each.last)


def _destination(record: Record) -> Any:
    target = record.objects[""].destination
    return called(target.kind, target.id)


def _callers(record: Record) -> Any:
    return dict(CALLERS)[record.objects[""].callers]


class InboundRoutes(Screen):
    name = "inbound_routes"
    kind = "inbound_route"
    parts = {"": Part("inbound_routes", "routes")}  # noqa: RUF012
    form = InboundRouteForm
    columns = (
        Column("first", _l("Number"), show=_numbers),
        Column("label", _l("Name"), main=True),
        Column("destination", _l("Rings at"), show=_destination, sort=False),
        Column("callers", _l("For callers"), show=_callers, narrow=False),
    )
    title = _l("Incoming rules")
    noun = _l("incoming rule")
    add_label = _l("Add a rule")
    lead = _l(
        "The first that fits takes the call, from top to bottom. Then comes direct dialling, then "
        "what the block says of its other numbers."
    )
    empty = _l(
        "No rule yet. Numbers ring by direct dialling; a rule sends a number somewhere else, "
        "for example the main number to a ring group."
    )
    icon = "arrow-down-left"
    section = "lines"
    bulk = ("destination", "callers")
    match = ("label",)
    ordered = True
    presets = {"operator": ("view",)}  # noqa: RUF012

    def label(self, record: Record) -> str:
        """By its name, or by the number."""
        return record.objects[""].label or str(_numbers(record))

    def wanted_id(self, part: str, held: Any) -> str:
        """Rules are named after their number."""
        return f"n{held.first.removeprefix('+')}" if held.first else _("rule")


SCREEN = InboundRoutes()
