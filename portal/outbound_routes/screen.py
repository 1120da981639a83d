"""The screen of outbound routes: which lines calls of a kind take, in which order."""

from __future__ import annotations

from typing import Any

from appliance.services.outbound_routes import OutboundRoute
from appliance.services.outside import CATEGORIES
from portal.core.choosing import Sequence, Several
from portal.core.forms import StateForm, Text
from portal.core.i18n import _, _l
from portal.core.outside_numbers import CATEGORY_LABELS
from portal.core.pages import name_of
from portal.core.screens import Column, Part, Record, Screen, choices
from portal.inbound_routes.screen import Beginnings


class OutboundRouteForm(StateForm):
    parts = {"": OutboundRoute}  # noqa: RUF012

    label = Text(_l("Name"), hint=_l("For example: mobiles over the second line."))
    categories = Several(
        _l("Calls of these kinds"),
        [(name, CATEGORY_LABELS[name]) for name in CATEGORIES],
        hint=_l("None ticked: all kinds."),
    )
    prefixes = Beginnings(
        _l("To numbers that begin with"), hint=_l("One a line, e.g. +39 02. Empty: all numbers.")
    )
    sites = Several(
        _l("From these sites"), lambda: choices("site"), hint=_l("None ticked: all sites.")
    )
    trunks = Sequence(
        _l("Lines in this order"),
        lambda: choices("trunk"),
        hint=_l("A line that is down or full is passed over."),
    )


def _kinds(record: Record) -> Any:
    each = record.objects[""]
    kinds = ", ".join(str(CATEGORY_LABELS[name]) for name in each.categories)
    parts = [kinds or _("all kinds"), ", ".join(each.prefixes)]
    return " · ".join(part for part in parts if part)


def _lines(record: Record) -> Any:
    return " → ".join(name_of("trunk", id) for id in record.objects[""].trunks)


class OutboundRoutes(Screen):
    name = "outbound_routes"
    kind = "outbound_route"
    parts = {"": Part("outbound_routes", "routes")}  # noqa: RUF012
    form = OutboundRouteForm
    columns = (
        Column("label", _l("Name"), main=True),
        Column("categories", _l("For"), show=_kinds, sort=False),
        Column("trunks", _l("Lines"), show=_lines, sort=False),
    )
    title = _l("Outgoing routes")
    noun = _l("outgoing route")
    add_label = _l("Add a route")
    empty = _l(
        "No route yet, and none is needed: calls take the lines by their priority. Add one where "
        "some calls shall take another line."
    )
    icon = "arrow-up-right"
    section = "lines"
    match = ("label",)
    bulk = ("trunks", "sites")
    ordered = True
    lead = _l("The first that fits a call says which lines it tries, from top to bottom.")

    def label(self, record: Record) -> str:
        """By its name, or by what it is for."""
        return record.objects[""].label or str(_kinds(record))


SCREEN = OutboundRoutes()
