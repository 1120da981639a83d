"""The screen of people: a record is a person with the first extension that is theirs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from portal.core import draft
from portal.core.draft import DraftObject, Edit
from portal.core.i18n import _, _l
from portal.core.screens import Column, Part, Record, Screen
from portal.core.shapes import Place
from portal.people.forms import PersonForm

DEVICES = ("devices", "devices")


class People(Screen):
    name = "people"
    kind = "user"
    parts = {  # noqa: RUF012
        "user": Part("users", "users"),
        "extension": Part("extensions", "extensions", owned=True),
    }
    form = PersonForm
    columns = (
        Column("full_name", _l("Name"), main=True),
        Column("number", _l("Extension"), part="extension"),
        Column("department", _l("Department"), narrow=False),
        Column("site", _l("Site"), kind="site", narrow=False),
        Column("email", _l("E-mail"), narrow=False),
    )
    title = _l("People")
    noun = _l("person")
    add_label = _l("Add a person")
    empty = _l(
        "Nobody is here yet. Add people one by one, or take them all at once from a CSV file."
    )
    icon = "users"
    bulk = ("department", "site", "language", "ring_time_s")
    match = ("number", "email")
    presets = {  # noqa: RUF012
        "hr": ("view", "edit"),
        "department_head": ("view",),
        "operator": ("view",),
    }

    def further_edits(
        self, id: str, objects: Mapping[str, Any], record: Record | None
    ) -> Iterator[Edit]:
        """An extension that is taken away leaves the telephones that carried it."""
        if record and record.objects.get("extension") and objects.get("extension") is None:
            yield from _without_lines({record.objects["extension"].id})

    def removal(self, record: Record) -> list[Edit]:
        """A person leaves with all their extensions; telephones lose the lines of these."""
        own = _extensions_of(record.id)
        edits = [Edit(place, None) for place in own]
        edits += _without_lines({place.id for place in own})
        return [*edits, Edit(record.places["user"], None)]

    def removal_notes(self, record: Record) -> list[str]:
        """The extensions and telephones that the person leaves behind."""
        own = _extensions_of(record.id)
        notes = []
        if own:
            numbers = ", ".join(
                draft.instance(row).number for place in own if (row := draft.find(place))
            )
            notes.append(_("Extension %(numbers)s is removed as well.", numbers=numbers))
        if devices := list(_without_lines({place.id for place in own})):
            count = len(devices)
            notes.append(
                _("Telephones that lose a line: %(count)d. They stay in the list.", count=count)
            )
        return notes


def _extensions_of(person: str) -> list[Place]:
    query = draft.db.select(DraftObject).filter_by(
        service="extensions", collection="extensions", owner=person
    )
    return [row.place for row in draft.db.session.scalars(query)]


def _without_lines(extensions: set[str]) -> Iterator[Edit]:
    """The edits that take the lines of extensions from all devices."""
    if not extensions:
        return
    for row in draft.objects(*DEVICES):
        if not any(line["extension"] in extensions for line in row.data["lines"]):
            continue
        device = draft.instance(row)
        lines = tuple(line for line in device.lines if line.extension not in extensions)
        yield Edit(row.place, dataclasses.replace(device, lines=lines))


SCREEN = People()
