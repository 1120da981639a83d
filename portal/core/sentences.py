"""Differences and places as sentences that an owner reads without knowing the model."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from appliance.services.registry import SERVICES
from appliance.state.changes import Change
from appliance.state.faults import Fault
from appliance.state.system_state import SystemState
from portal.core.destinations import called
from portal.core.field_names import name_of_field
from portal.core.fields import Choice, NamedNumber
from portal.core.i18n import _, fault_text, translated
from portal.core.screens import Screen, screen_at, screens
from portal.core.shapes import Place, collections, locate, title_of

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
    names = _Names(before, after)
    return [_sentence(change, names) for change in found]


def grouped(found: Iterable[Sentence]) -> list[list[Sentence]]:
    """Neighbours of the same kind about the same sort of thing, together."""
    groups = itertools.groupby(found, key=lambda each: (each.kind, each.thing))
    return [list(group) for _key, group in groups]


def shown_fault(fault: Fault, state: SystemState | None = None) -> ShownFault:
    """A fault as a person reads it."""
    located = locate(fault.where)
    if located is None:
        return ShownFault(fault_text(fault), "", fault.where)
    names = _Names(state) if state is not None else None
    thing, label = _called(located.place, names)
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


class _Names:
    """What objects are called, looked up in the states from newest to oldest."""

    def __init__(self, *states: SystemState) -> None:
        self._states = [state for state in reversed(states) if state is not None]
        self._titles: dict[tuple[str, str], dict[str, str]] = {}
        self._choices: dict[tuple[str, str], dict[str, str]] = {}

    def of(self, place: Place) -> str:
        key = (place.service, place.collection)
        if key not in self._titles:
            self._titles[key] = self._all(*key)
        return self._titles[key].get(place.id, place.id)

    def value(self, place: Place, parts: list[str], value: Any) -> str:
        """A value as the form that shows the field has it: a choice by its words, a site or an
        extension by what it is called."""
        for screen in screens().values() if len(parts) == 1 and isinstance(value, str) else ():
            for name, part in screen.parts.items():
                at = (part.service, part.collection)
                if at == (place.service, place.collection) and _label_in(screen, name, parts[0]):
                    return self._chosen(screen, parts[0], value)
        return value_text(value)

    def _chosen(self, screen: Screen, field: str, value: str) -> str:
        unbound, key = getattr(screen.form, field), (screen.name, field)
        if value and issubclass(unbound.field_class, NamedNumber):
            return unbound.args[2](value) or value
        if not issubclass(unbound.field_class, Choice):
            return value_text(value)
        if key not in self._choices:
            pairs = unbound.args[1]
            listed = pairs() if callable(pairs) else pairs
            self._choices[key] = {choice: str(label) for choice, label in listed}
        return self._choices[key].get(value) or value_text(value)

    def _all(self, service: str, collection: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for state in reversed(self._states):
            for item in getattr(state[service], collection, ()):
                plain = {name: getattr(item, name) for name in item.__dataclass_fields__}
                found[item.id] = title_of(plain)
        return found


def _sentence(change: Change, names: _Names) -> Sentence:
    located = locate(change.where)
    if located is None:
        return Sentence(change.kind, change.where, "")
    place, field = located
    if change.kind != "changed" and place.id and not field:
        whole = change.after if change.after is not None else change.before
        thing, _label = _called(place, None)
        label = title_of(whole) if isinstance(whole, Mapping) else place.id
        link = link_to(place) if change.kind == "added" else ""
        return Sentence(change.kind, thing, label, link=link)
    thing, label = _called(place, names)
    if not place.id and field in collections(place.service):
        return Sentence("changed", thing, label, _("order"), "…", "…")
    parts = field.split("/")
    return Sentence(
        "changed",
        thing,
        label,
        field_label(place, parts),
        names.value(place, parts, change.before),
        names.value(place, parts, change.after),
        link_to(place, parts[0]),
    )


def _called(place: Place, names: _Names | None) -> tuple[str, str]:
    """(what it is, what it is called)."""
    found = _screen(place)
    thing = str(found.noun) if found else service_label(place.service)
    if not place.id:
        return _("settings"), str(found.title) if found else service_label(place.service)
    return thing, names.of(place) if names else place.id


def _screen(place: Place) -> Screen | None:
    for screen in screens().values():
        part = screen.main
        if (part.service, part.collection) == (place.service, place.collection):
            return screen
    return None


def service_label(service: str) -> str:
    """A service's name for people."""
    return translated(service.replace("_", " ")) if service in SERVICES else service


def field_label(place: Place, parts: list[str]) -> str:
    """A field's label from the form that shows it; the field's own name otherwise."""
    for screen in screens().values():
        for name, part in screen.parts.items():
            if (part.service, part.collection) == (place.service, place.collection):
                label = _label_in(screen, name, parts[0])
                if label:
                    return label
    return name_of_field(place, parts[0]) or translated(parts[0].replace("_", " "))


def _label_in(screen: Screen, part: str, field: str) -> str:
    unbound = getattr(screen.form, field, None)
    if unbound is None or unbound.kwargs.get("part", "") != part:
        return ""
    return str(unbound.args[0] if unbound.args else unbound.kwargs.get("label", ""))


def value_text(value: Any) -> str:
    """A plain value as people read it."""
    if value is None or value == "" or value == []:
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(value_text(item) for item in value[:8]) + (" …" if len(value) > 8 else "")
    if isinstance(value, Mapping) and set(value) == {"kind", "id"}:
        return called(value["kind"], value["id"])
    if isinstance(value, Mapping):
        shown = (value_text(item) for item in value.values() if not isinstance(item, (list, dict)))
        return " · ".join(text for text in shown if text != "–")
    return str(value)
