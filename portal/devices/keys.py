"""The programmable keys of a telephone in its form: what each does, and on which line."""

from __future__ import annotations

from typing import Any

from portal.core.forms import Choice, Number, RowForm, Text
from portal.core.i18n import _l
from portal.extensions.numbers import extension_with, number_of

KINDS = (
    ("blf", _l("Lamp and pickup")),
    ("speed_dial", _l("Speed dial")),
    ("line", _l("Line")),
)


class Watched(Text):
    """The extension that a lamp watches, typed as its number."""

    def process_data(self, value: Any) -> None:
        self.data = number_of(value["id"]) or value["id"] if value else ""

    def plain(self) -> Any:
        typed = super().plain()
        return {"kind": "extension", "id": extension_with(typed) or typed} if typed else None


class KeyForm(RowForm):
    key = ("position",)

    position = Number(_l("Key"))
    kind = Choice(_l("What it does"), KINDS)
    watches = Watched(_l("Extension"))
    number = Text(_l("Number"))
    label = Text(_l("Label"))
    line = Number(_l("Line"), default="1")
