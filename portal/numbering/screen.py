"""The screen of the numbering plan."""

from __future__ import annotations

from typing import Any

from appliance.services.numbering import State
from portal.core.forms import Choice, Lines, StateForm, Text
from portal.core.i18n import _l
from portal.core.settings_screens import SettingsScreen

DISPLAYS = (
    ("national", _l("as at home (0522 …)")),
    ("international", _l("international (+39 0522 …)")),
)


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


class Numbering(SettingsScreen):
    name = service = "numbering"
    form = NumberingForm
    title = _l("How people dial")
    lead = _l("The same for every telephone, for forwards and for calls by a click.")
    icon = "dialpad"
    section = "lines"


SCREEN = Numbering()
