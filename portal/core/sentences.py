"""Differences and places as sentences that an owner reads without knowing the model."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from appliance.services.registry import SERVICES
from appliance.state.changes import Change
from appliance.state.faults import Fault
from appliance.state.system_state import SystemState
from portal.core import draft
from portal.core.field_names import NOUNS
from portal.core.i18n import _, fault_text, translated
from portal.core.screens import screen_at, screen_over
from portal.core.shapes import Place, collections, locate, title_of
from portal.core.spots import spot
from portal.core.values import Values

SHOWN = 500
"""Sentences on one page; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One difference. `kind` is added, removed or changed; `link` leads to the object."""

    kind: str
    thing: str
    label: str
    field: str = ""
    before: str = ""
    after: str = ""
    link: str = ""

    def __str__(self) -> str:
        values = {"thing": self.thing, "label": self.label}
        if self.kind == "added":
            return _("Added: %(thing)s “%(label)s”", **values)
        if self.kind == "removed":
            return _("Removed: %(thing)s “%(label)s”", **values)
        values |= {"field": self.field, "before": self.before, "after": self.after}
        return _("%(thing)s “%(label)s”: %(field)s, from %(before)s to %(after)s", **values)


@dataclass(frozen=True, slots=True)
class ShownFault:
    """A fault with the way to the field that it is about."""

    text: str
    thing: str
    label: str
    link: str = ""


def sentences(found: Iterable[Change], before: SystemState, after: SystemState) -> list[Sentence]:
    """Each difference as a sentence, in the order given."""
    values = Values(before, after)
    return [_sentence(change, values) for change in found]


def grouped(found: Iterable[Sentence]) -> list[list[Sentence]]:
    """Neighbours of the same kind about the same sort of thing, together."""
    groups = itertools.groupby(found, key=lambda each: (each.kind, each.thing))
    return [list(group) for _key, group in groups]


def shown_fault(fault: Fault, state: SystemState | None = None) -> ShownFault:
    """A fault as a person reads it."""
    located = locate(fault.where)
    if located is None:
        return ShownFault(fault_text(fault), "", fault.where)
    values = Values(state) if state is not None else None
    thing, label = _called(located.place, values)
    field = located.field.split("/")[0]
    if located.field and not located.place.id and not field:
        label = located.field
    return ShownFault(fault_text(fault), thing, label, link_to(located.place, field))


def link_to(place: Place, field: str = "") -> str:
    """The address of the page that shows a place, at the field; "" when none does."""
    found = screen_at(place)
    if found is None:
        return ""
    screen, id = found
    return screen.address(id, field if field in dir(screen.form) else None)


def _sentence(change: Change, values: Values) -> Sentence:
    located = locate(change.where)
    if located is None:
        return Sentence(change.kind, change.where, "")
    place, field = located
    thing, label = _called(place, values)
    if change.kind != "changed" and place.id and not field:
        whole = change.after if change.after is not None else change.before
        if label == place.id and isinstance(whole, Mapping):
            label = title_of(whole)  # an entry of the audit log, and the object is long gone
        link = link_to(place) if change.kind == "added" else ""
        return Sentence(change.kind, thing, label, link=link)
    if not place.id and field in collections(place.service):
        return Sentence("changed", thing, label, _("order"), "…", "…")
    at = spot(place, field)
    link = link_to(place, at.names[0])
    sides = values.both(at, change.before, change.after)
    return Sentence("changed", thing, label, values.label(at), *sides, link)


def _called(place: Place, values: Values | None) -> tuple[str, str]:
    """(what it is, what it is called)."""
    found = screen_over(place)
    noun = found.noun if found else NOUNS.get(f"{place.service}/{place.collection}")
    thing = str(noun or service_label(place.service))
    if not place.id:
        return _("settings"), str(found.title) if found else service_label(place.service)
    return thing, values.of(place) if values else _in_draft(place)


def _in_draft(place: Place) -> str:
    """What the draft calls an object: while it has faults there is no state to ask."""
    row = draft.find(place)
    return (title_of(row.data) if row is not None else "") or place.id


def service_label(service: str) -> str:
    """A service's name for people."""
    return translated(service.replace("_", " ")) if service in SERVICES else service
