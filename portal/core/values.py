"""Values of the state as people know them: words for choices, names for ids, phrases for rows.

Words are those of the form that shows the field. Objects are called as the states that are
compared call them, so that one which is gone has its name, too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from flask_babel import get_locale

from appliance.state.decoding import key_of
from appliance.state.fields import Country, Secret
from appliance.state.references import Destination
from appliance.state.system_state import SystemState
from portal.core.choosing import Chosen
from portal.core.destinations import ENDING, EXTERNAL, called
from portal.core.field_names import REFERENCES, WORDS
from portal.core.fields import Choice, Duration, duration
from portal.core.forms import defaults
from portal.core.i18n import _
from portal.core.screens import Record, screen_of_kind, screen_over
from portal.core.shapes import Place, base_type, title_of
from portal.core.spots import Spot, label, shown_by, spot

NOTHING = "–"
LONG = 8
"""Items of a list that are told; of a longer one, only those that differ."""


class Values:
    """Texts for values of some states; where these differ, the last ones count."""

    def __init__(self, *states: SystemState | None) -> None:
        self._states = [state for state in reversed(states) if state is not None]
        self._items: dict[tuple[str, str], dict[str, Any]] = {}
        self._words: dict[str, dict[str, str]] = {}

    # ── objects ───────────────────────────────────────────────────────────────────

    def of(self, place: Place) -> str:
        """What people call the object at a place; its id when nobody knows it any more."""
        item = self._found(place)
        return self._title(place, item) if item is not None else place.id

    def _found(self, place: Place) -> Any:
        key = (place.service, place.collection)
        if key not in self._items:
            lists = [getattr(state[place.service], place.collection, ()) for state in self._states]
            self._items[key] = {item.id: item for items in reversed(lists) for item in items}
        return self._items[key].get(place.id)

    def _title(self, place: Place, item: Any) -> str:
        if (place.service, place.collection) == ("extensions", "extensions"):
            person = self.named("user", item.user) if item.user else item.label
            return f"{item.number} {person}".strip()
        for name in ("id", "extension"):  # what belongs to a site or an extension
            kind = REFERENCES.get(f"{place.service}/{place.collection}/{name}")
            if kind:
                return self.named(kind, getattr(item, name))
        screen = screen_over(place)
        if screen is not None:
            return str(screen.label(Record(item.id, "0", {next(iter(screen.parts)): item}, {})))
        return title_of(_shallow(item))

    def named(self, kind: str, id: str) -> str:
        """What an object of a kind is called."""
        screen = screen_of_kind(kind)
        return self.of(Place(*screen.main[:2], id)) if screen is not None and id else id

    def _destination(self, kind: str, id: str) -> str:
        screen = screen_of_kind(kind)
        if screen is None or kind in (EXTERNAL, ENDING):
            return called(kind, id)
        return f"{screen.by_number or screen.noun} {self.named(kind, id)}"

    # ── fields ────────────────────────────────────────────────────────────────────

    def label(self, at: Spot) -> str:
        """What a field is called, with the row that it is in."""
        if not at.keys:
            return label(at)
        rows = spot(at.place, at.names[0])
        row = f"{label(rows)} “{self._row_title(at)}”"
        return f"{row}: {label(at)}" if len(at.names) > 1 else row

    def _row_title(self, at: Spot) -> str:
        """What a row is called, also one that only an older state has."""
        key = at.keys[-1]
        for item in self._versions(at.place):
            for index, row in enumerate(getattr(item, at.names[0])):
                if key_of(row, index) == key:
                    return title_of(_shallow(row))
        return key

    def _versions(self, place: Place) -> Iterator[Any]:
        for state in self._states:
            listed = getattr(state[place.service], place.collection, ())
            yield from (item for item in listed if item.id == place.id)

    def both(self, at: Spot, before: Any, after: Any) -> tuple[str, str]:
        """The two sides of a difference. Long lists are told by what differs, and what looks
        the same, such as a password, is marked as new."""
        if isinstance(before, list) and isinstance(after, list):
            before, after = _differing(before, after)
        texts = self.text(at, before), self.text(at, after)
        if texts[0] == texts[1]:
            return texts[0], _("%(value)s (new)", value=texts[1])
        return texts

    def text(self, at: Spot, value: Any) -> str:
        """A value, plain as the codec writes it, as people read it."""
        if isinstance(value, list):
            shown = [self.text(at, item) for item in value[:LONG]]
            return (", ".join(shown) + (" …" if len(value) > LONG else "")) or NOTHING
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if isinstance(value, Mapping):
            return self._whole(at, value)
        return self._plain(at, value)

    def _plain(self, at: Spot, value: Any) -> str:
        key = "" if value is None else str(value)
        kind = REFERENCES.get(at.path)
        if kind and key and (name := self.named(kind, key)) != key:
            return name
        if at.path not in self._words:
            self._words[at.path] = _words(at)
        if key in self._words[at.path]:
            return self._words[at.path][key]
        if not key:
            return NOTHING
        if dataclasses.is_dataclass(at.kind) and at.kind is not Secret:
            return self._row_title(at._replace(keys=(key,)))
        screen = screen_over(at.place)
        if screen is not None and (name := screen.called(at.names[-1], key)):
            return name
        return _number(at, value) if isinstance(value, int) else key

    # ── rows ──────────────────────────────────────────────────────────────────────

    def _whole(self, at: Spot, value: Mapping[str, Any]) -> str:
        """An object inside an object: what it must have, then what differs from the usual."""
        if at.kind is Destination:
            return self._destination(value["kind"], value["id"])
        if not at.fields:  # of an older version
            return " · ".join(self.text(at, each) for each in value.values())
        usual = defaults(at.kind)
        must, may = [], []
        for name, below in at.fields.items():
            held = value.get(name)
            if name == "id" or base_type(below.hint) is Secret:
                continue
            if held == usual.get(name, ...) and (held is not None or "" not in _words(below)):
                continue
            if (name in usual or isinstance(held, int)) and below.kind is not Destination:
                may.append(f"{label(below)}: {self.text(below, held)}")
            else:
                (may if name in usual else must).append(self.text(below, held))
        told = " · ".join(must)
        return f"{told} ({', '.join(may)})" if told and may else told or ", ".join(may)


def _differing(before: list[Any], after: list[Any]) -> tuple[list[Any], list[Any]]:
    """Two lists, cut down to what differs when one is long."""
    if max(len(before), len(after)) <= LONG:
        return before, after
    gone = [each for each in before if each not in after]
    new = [each for each in after if each not in before]
    if gone or new:
        return gone, new
    pairs = enumerate(zip(before, after, strict=False))
    same = next((index for index, (old, now) in pairs if old != now), 0)
    return before[same:], after[same:]


def _words(at: Spot) -> dict[str, str]:
    """What the values that can be chosen are called where they are chosen."""
    found = shown_by(at)
    pairs: Any = WORDS.get(at.path, {}).items()
    if found is not None and issubclass(found.field_class, (Choice, Chosen)):
        pairs = [*pairs, *(found.args[1]() if callable(found.args[1]) else found.args[1])]
    words = {str(value): str(text) for value, text in pairs}
    locale = get_locale() if at.kind == Country else None
    return {**locale.territories, **words} if locale else words


def _number(at: Spot, value: int) -> str:
    found = shown_by(at)
    if found is None:
        return str(value)
    if issubclass(found.field_class, Duration):
        return duration(value)
    return f"{value} {found.kwargs.get('unit', '')}".strip()


def _shallow(item: Any) -> dict[str, Any]:
    return {each.name: getattr(item, each.name) for each in dataclasses.fields(item)}
