"""The screen of the numbering plan."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import request

from appliance.services import outside
from appliance.services.numbering import State
from appliance.services.outside import Dialling, Reading
from appliance.state.faults import StateError
from portal.core import draft
from portal.core.forms import Choice, Lines, StateForm, Text
from portal.core.i18n import _, _l
from portal.core.outside_numbers import kind_called
from portal.core.settings_screens import SettingsScreen

DISPLAYS = (
    ("national", _l("as at home (0522 …)")),
    ("international", _l("international (+39 0522 …)")),
)


FAULTS = {
    "signs": _l("no number: only digits and a leading + count"),
    "prefix": _l("not outside: the digits before outside numbers are missing"),
    "length": _l("too short or too long for its kind"),
    "unknown": _l("of no country and no range that exists"),
}
"""Why something is no number outside, in words."""


class ShortNumbers(Lines):
    """Several short numbers, with blanks or commas between or one a line."""

    def plain(self) -> Any:
        return " ".join(super().plain()).replace(",", " ").split()


class NumberingForm(StateForm):
    parts = {"": State}  # noqa: RUF012

    outside_prefix = Text(
        _l("Dialled before outside numbers"), hint=_l("For example 0. Empty: nothing.")
    )
    area_code = Text(
        _l("Own area code"), hint=_l("As it follows the country code, e.g. 0522 in Italy.")
    )
    caller_display = Choice(_l("Telephones show outside callers"), DISPLAYS)
    emergency = ShortNumbers(
        _l("Emergency numbers"), hint=_l("Empty: those of the country. Nobody can ever bar them.")
    )


class Example(NamedTuple):
    """What somebody dials, and what becomes of it."""

    dialled: str
    number: str
    kind: str


def _example(read: Reading) -> Example:
    if read.fault:
        return Example(read.dialled, "–", str(FAULTS[read.fault]))
    return Example(read.dialled, read.number, kind_called(read.category))


class Numbering(SettingsScreen):
    name = service = "numbering"
    form = NumberingForm
    title = _l("How people dial")
    lead = _l("The same for every telephone, for forwards and for calls by a click.")
    icon = "dialpad"
    section = "lines"
    edit_template = "numbering/edit.html"

    def dialling(self) -> Dialling | None:
        """How the draft would let people dial; None while it has faults."""
        try:
            return outside.dialling(draft.state())
        except StateError:
            return None

    def examples(self, plan: Dialling) -> list[Example]:
        """What becomes of numbers, one of which may be typed into the page."""
        national = [plan.prefix + number for number in plan.country.examples.values()]
        abroad = f"{plan.prefix}{plan.country.international_prefix}442079460000"
        asked = request.args.get("number", "").strip()[:40]
        return [_example(plan.reading(each)) for each in (asked, *national, abroad) if each]

    def lengths(self) -> str:
        """How long the company's inside numbers are."""
        used = {len(row.number) for row in draft.objects("extensions", "extensions")}
        return ", ".join(map(str, sorted(used))) or _("none yet")


SCREEN = Numbering()
