"""The screen of music for callers who wait."""

from __future__ import annotations

import dataclasses
from typing import Any

from flask import current_app

from appliance.services.music_on_hold import MusicOnHoldClass
from portal.core import draft
from portal.core.draft import Edit
from portal.core.forms import Choice, StateForm, Text
from portal.core.i18n import _, _l, _n
from portal.core.screens import Column, Part, Record, Screen
from portal.core.shapes import Place
from portal.music_on_hold.shelf import Piece, Shelf

SETTINGS = Place("music_on_hold")
ORDERS = (("random", _l("in any order")), ("by_name", _l("by name")))


class ClassForm(StateForm):
    parts = {"": MusicOnHoldClass}  # noqa: RUF012

    name = Text(_l("Name"), hint=_l("For example: winter, shop, classical."))
    order = Choice(_l("Order"), ORDERS)


def shelf() -> Shelf:
    """The uploaded music of this machine."""
    return Shelf(current_app.extensions["settings"].music)


def default_class() -> str:
    """The class that plays wherever nothing else is chosen; "" for Debian's music."""
    return draft.settings("music_on_hold")[0].default_class or ""


def _pieces(record: Record) -> str:
    count = len(record.objects[""].pieces)
    return _n("%(num)d piece", "%(num)d pieces", count) if count else _("none yet")


def _where(record: Record) -> str:
    return _("everywhere") if record.id == default_class() else "–"


class MusicOnHold(Screen):
    name = "music_on_hold"
    kind = "music_on_hold_class"
    parts = {"": Part("music_on_hold", "classes")}  # noqa: RUF012
    form = ClassForm
    columns = (
        Column("name", _l("Name"), main=True),
        Column("pieces", _l("Pieces"), show=_pieces, sort=False),
        Column("default_class", _l("Plays"), show=_where, sort=False, narrow=False),
    )
    title = _l("Hold music")
    noun = _l("hold music")
    add_label = _l("Add hold music")
    empty = _l(
        "Callers who wait hear the free music that comes with the system. For music of your own, "
        "add a collection, then upload pieces to it as WAV, MP3 or M4A."
    )
    icon = "music"
    section = "calls"
    match = ("name",)
    edit_template = "music_on_hold/edit.html"

    def pieces(self, record: Record) -> list[Piece]:
        """The pieces of a class with their lengths."""
        return [shelf().piece(record.id, id) for id in record.objects[""].pieces]

    def called(self, field: str, value: str) -> str:
        """Pieces bear the name of what was uploaded."""
        return Piece(value, None).name if field == "pieces" else ""

    def is_default(self, record: Record) -> bool:
        """Whether a class plays wherever nothing else is chosen."""
        return record.id == default_class()

    def removal(self, record: Record) -> list[Edit]:
        """The default goes back to the system's own music with its class."""
        return [*super().removal(record), *([chosen_edit(None)] if self.is_default(record) else [])]

    def removal_notes(self, record: Record) -> list[str]:
        """What callers hear afterwards."""
        if not self.is_default(record):
            return []
        return [_("Callers who wait then hear the music that comes with the system.")]


def chosen_edit(id: str | None) -> Edit:
    """The edit that makes a class the default, or none."""
    settings: Any = draft.settings("music_on_hold")[0]
    return Edit(SETTINGS, dataclasses.replace(settings, default_class=id))


SCREEN = MusicOnHold()
