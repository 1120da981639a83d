"""The screen of outside numbers: a block of a thousand is one line."""

from __future__ import annotations

from typing import Any

from appliance.services.dids import DidRange
from portal.core.forms import Choice, Joined, Number, StateForm, Target, Text
from portal.core.i18n import _, _l
from portal.core.screens import Column, Part, Record, Screen, choices
from portal.dids.ranges import ends, written


class DidForm(StateForm):
    parts = {"": DidRange}  # noqa: RUF012

    label = Text(_l("Name"), hint=_l("For example: block of the head office."))
    trunk = Choice(_l("Line"), lambda: choices("trunk"))
    numbers = Joined(
        _l("Numbers"),
        ("first", "last"),
        written,
        ends,
        hint=_l("One number, or a whole block in one line: 0522 123400-499."),
    )
    direct_digits = Number(
        _l("Digits that dial an extension"),
        hint=_l("3: a call to 0522 123415 rings at 415. 0: no direct dialling."),
    )
    direct_prefix = Text(
        _l("Digits put before them"), hint=_l("2: the same call rings at 2415. Usually empty.")
    )
    otherwise = Target(
        _l("All other numbers"),
        nothing=_l("nobody: number not in use"),
        hint=_l("Where a call goes that neither a rule nor direct dialling takes."),
    )


def _numbers(record: Record) -> Any:
    each = record.objects[""]
    return written(each.first, each.last)


def _count(record: Record) -> str:
    return str(record.objects[""].range.size)


def _direct(record: Record) -> str:
    each = record.objects[""]
    if not each.direct_digits:
        return _("no")
    return _("last %(count)d digits", count=each.direct_digits)


class Dids(Screen):
    name = "dids"
    kind = "did_range"
    parts = {"": Part("dids", "ranges")}  # noqa: RUF012
    form = DidForm
    columns = (
        Column("first", _l("Numbers"), show=_numbers),
        Column("count", _l("How many"), show=_count, sort=False, narrow=False),
        Column("label", _l("Name"), main=True),
        Column("trunk", _l("Line"), kind="trunk", narrow=False),
        Column("direct_digits", _l("Direct dialling"), show=_direct),
    )
    title = _l("Numbers")
    noun = _l("numbers")
    add_label = _l("Add numbers")
    lead = _l("The outside numbers that are ours. A block of a thousand is one line.")
    empty = _l("No outside number yet. Add a line first, then its numbers: a whole block at once.")
    icon = "numbers"
    section = "lines"
    edit_template = "dids/edit.html"
    bulk = ("trunk", "direct_digits", "direct_prefix", "otherwise")
    match = ("numbers",)
    presets = {"operator": ("view",), "hr": ("view",)}  # noqa: RUF012

    def label(self, record: Record) -> str:
        """By its name, or by the numbers."""
        return record.objects[""].label or _numbers(record)

    def wanted_id(self, part: str, held: Any) -> str:
        """Ranges are named after their first number."""
        return f"n{held.first.removeprefix('+')}"


SCREEN = Dids()
