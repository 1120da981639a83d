"""A screen over the settings of one service: a single page instead of a list.

It is a `Screen` with one record that is always there, so drafts, versions, two editors,
undo, permissions, differences and links to faulty fields are the same as everywhere.

    class Codes(SettingsScreen):
        name, service, form = "feature_codes", "feature_codes", CodesForm
        title, lead = _l("Codes"), _l("One setting for telephones and the exchange.")
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from flask import url_for

from portal.core import draft
from portal.core.screens import Part, Record, Screen, Search
from portal.core.shapes import Place

THE_RECORD = ""
"""The id of the only record."""


class SettingsScreen(Screen):
    """The fields of a State that are not lists of objects. Subclasses set the names below."""

    service: ClassVar[str]
    lead: ClassVar[Any] = ""
    kind = ""
    columns = ()
    noun = ""
    add_label = ""
    empty = ""
    section = "house"
    single = True
    can_add = False
    edit_template = "core/settings.html"

    def __init_subclass__(cls) -> None:
        cls.parts = {"": Part(cls.service, "")}

    def label(self, record: Record) -> str:
        """Called as the page is."""
        return str(self.title)

    def records(
        self, ids: Iterable[str] | None = None, search: Search | None = None
    ) -> list[Record]:
        """The settings, also where nobody has saved them yet."""
        found = super().records(ids, search)
        if found or draft.find(self._place):
            return found
        settings, _version = draft.settings(self.service)
        return [Record(THE_RECORD, "0", {"": settings}, {"": self._place})]

    def address(self, id: str, field: str | None = None) -> str:
        """The page itself."""
        return url_for(f"{self.name}.index", _anchor=field)

    @property
    def _place(self) -> Place:
        return Place(self.service)
