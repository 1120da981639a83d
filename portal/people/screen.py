"""The screen of people: a record is a person with the first extension that is theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from portal.core import draft
from portal.core.draft import DraftObject, Edit
from portal.core.i18n import _, _l
from portal.core.screens import Column, Part, Record, Screen
from portal.core.shapes import Place
from portal.extensions import leaving
from portal.people.forms import PersonForm


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
    bulk = ("department", "site", "language", "ring_time_s", "class_of_service")
    match = ("number", "email")
    presets = {  # noqa: RUF012
        "hr": ("view", "edit"),
        "department_head": ("view",),
        "operator": ("view",),
    }

    def further_edits(
        self, id: str, objects: Mapping[str, Any], record: Record | None
    ) -> Iterator[Edit]:
        """An extension that is taken away leaves telephones and groups that had it."""
        if record and record.objects.get("extension") and objects.get("extension") is None:
            yield from leaving.without({record.objects["extension"].id})

    def removal(self, record: Record) -> list[Edit]:
        """A person leaves with all their extensions, and these with what is theirs."""
        return self.removals([record])

    def removals(self, records: Iterable[Record]) -> list[Edit]:
        """Many people leave together: a group that loses several is changed once."""
        chosen = list(records)
        own = [place for record in chosen for place in _extensions_of(record.id)]
        edits = [Edit(place, None) for place in own]
        edits += leaving.without({place.id for place in own})
        return [*edits, *(Edit(record.places["user"], None) for record in chosen)]

    def removal_notes(self, record: Record) -> list[str]:
        """The extensions and telephones that the person leaves behind."""
        own = _extensions_of(record.id)
        notes = []
        if own:
            numbers = ", ".join(
                draft.instance(row).number for place in own if (row := draft.find(place))
            )
            notes.append(_("Extension %(numbers)s is removed as well.", numbers=numbers))
        if devices := list(leaving.without_lines({place.id for place in own})):
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


SCREEN = People()
