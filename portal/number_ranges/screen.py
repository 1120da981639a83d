"""The screen of ranges of inside numbers: what they are meant for."""

from __future__ import annotations

from typing import Any

from appliance.services.numbering import NumberRange
from portal.core import draft
from portal.core.forms import Choice, StateForm, Text
from portal.core.i18n import _l
from portal.core.screens import Column, Part, Record, Screen, slug

PURPOSES = (
    ("people", _l("people")),
    ("groups", _l("groups and queues")),
    ("services", _l("services")),
)


class RangeForm(StateForm):
    parts = {"": NumberRange}  # noqa: RUF012

    label = Text(_l("Name"), hint=_l("May be empty."))
    purpose = Choice(_l("Meant for"), PURPOSES)
    first = Text(_l("From number"))
    last = Text(_l("To number"), hint=_l("As many digits as the first."))


def _used(record: Record) -> int:
    held: NumberRange = record.objects[""]
    return sum(row.number in held for row in draft.objects("extensions", "extensions"))


class NumberRanges(Screen):
    name = "number_ranges"
    kind = "number_range"
    parts = {"": Part("numbering", "ranges")}  # noqa: RUF012
    form = RangeForm
    columns = (
        Column("first", _l("Numbers"), show=lambda r: f"{r.objects[''].first}-{r.objects[''].last}",
               main=True),
        Column("label", _l("Name"), narrow=False),
        Column("purpose", _l("Meant for"), show=lambda r: dict(PURPOSES)[r.objects[""].purpose]),
        Column("used", _l("Extensions in it"), show=_used, sort=False, narrow=False),
    )  # fmt: skip
    title = _l("Inside numbers")
    noun = _l("range of inside numbers")
    add_label = _l("Add a range")
    lead = _l("Which inside numbers are meant for what, and how long they are.")
    empty = _l("No range yet: any number of 2 to 8 digits may be given to anybody.")
    icon = "numbers"
    section = "lines"
    bulk = ("purpose",)
    match = ("first",)

    def label(self, record: Record) -> str:
        """Called by its name, else by its numbers."""
        held: NumberRange = record.objects[""]
        return held.label or f"{held.first}-{held.last}"

    def wanted_id(self, part: str, held: Any) -> str:
        """Ranges are named after what they are called, else after their first number."""
        return slug(held.label) or slug(held.first)


SCREEN = NumberRanges()
