"""What the State classes look like: which of their fields are lists of objects with ids.

The draft, the forms, the CSV files and the YAML files all follow these shapes, so a new
field of a State class needs no change here, and no migration.
"""

from __future__ import annotations

import dataclasses
import typing
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from appliance.services.registry import STATE_TYPES
from appliance.state.codec import field_types
from appliance.state.fields import Secret


class Place(NamedTuple):
    """One object of the draft. The settings of a service itself have neither list nor id."""

    service: str
    collection: str = ""
    id: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in self if part)

    @classmethod
    def parse(cls, text: str) -> Place:
        """The place that `str()` of it has written; LookupError for no such place."""
        found = locate(text)
        if found is None or found.field:
            raise LookupError(text)
        return found.place


class Located(NamedTuple):
    """A place and the field inside it that a fault or a difference is about."""

    place: Place
    field: str = ""


@cache
def collections(service: str) -> Mapping[str, type]:
    """Field name -> class of its objects, for each list of objects with ids of a service."""
    found = {}
    for name, hint in field_types(STATE_TYPES[service]).items():
        item = item_type(hint)
        if item is not None and "id" in field_types(item):
            found[name] = item
    return found


def item_type(hint: Any) -> type | None:
    """The dataclass inside `tuple[X, ...]`, or None."""
    if typing.get_origin(hint) is not tuple:
        return None
    inner = typing.get_args(hint)[0]
    return inner if dataclasses.is_dataclass(inner) else None


def settings_fields(service: str) -> tuple[str, ...]:
    """The fields of a State that are not lists of objects with ids."""
    lists = collections(service)
    return tuple(name for name in field_types(STATE_TYPES[service]) if name not in lists)


def kind_at(place: Place) -> type:
    """The class of the object at a place; LookupError when there is no such list."""
    if place.service not in STATE_TYPES:
        raise LookupError(str(place))
    if not place.collection:
        return STATE_TYPES[place.service]
    try:
        return collections(place.service)[place.collection]
    except KeyError:
        raise LookupError(str(place)) from None


def locate(where: str) -> Located | None:
    """The object and field that a place of a fault or of a difference names.

    Faults leave out the list where a service has a main one.
    """
    service, *rest = where.split("/")
    if service not in STATE_TYPES:
        return None
    lists = collections(service)
    if rest and rest[0] in lists:
        collection, *rest = rest
    elif rest and rest[0] not in settings_fields(service) and _main_list(service):
        collection = _main_list(service)
    else:
        return Located(Place(service), "/".join(rest))
    if not rest:
        return Located(Place(service), collection)
    return Located(Place(service, collection, rest[0]), "/".join(rest[1:]))


def _main_list(service: str) -> str:
    """The list that a place may leave out: the one with the service's name, or the only one."""
    lists = collections(service)
    if service in lists:
        return service
    return next(iter(lists)) if len(lists) == 1 else ""


@cache
def plain_fields(kind: type) -> tuple[str, ...]:
    """The fields of a class that hold plain text, in the order of the class."""
    return tuple(
        name for name, hint in field_types(kind).items() if base_type(hint) is str and name != "id"
    )


def base_type(hint: Any) -> Any:
    """The Python type below annotations and `| None`; a Literal's is that of its values."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return base_type(typing.get_args(hint)[0])
    if origin is typing.Literal:
        return type(typing.get_args(hint)[0])
    if origin is tuple:
        return tuple
    if origin is not None:
        inner = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        return base_type(inner[0])
    return hint


def holds_secret(kind: type) -> bool:
    """Whether objects of a class carry a secret anywhere inside."""
    return any(_secret_inside(hint) for hint in field_types(kind).values())


def _secret_inside(hint: Any) -> bool:
    item = item_type(hint)
    return base_type(hint) is Secret or (item is not None and holds_secret(item))


def folded(text: str) -> str:
    """A text as searches and orders compare it: no accents, no case."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in parts if not unicodedata.combining(sign)).casefold()


def title_of(data: Mapping[str, Any]) -> str:
    """How people call an object, from its plain data."""
    person = " ".join(data[name] for name in ("first_name", "last_name") if data.get(name))
    texts = (person, *(data.get(name) for name in ("name", "label", "number", "id")))
    return next((text for text in texts if isinstance(text, str) and text), "")


def search_text(kind: type, data: Mapping[str, Any]) -> str:
    """Everything in an object that a search may find, folded."""
    return folded(" ".join([str(data.get("id", "")), *_texts(kind, data)]))


def _texts(kind: type, data: Mapping[str, Any]) -> Iterator[str]:
    yield from (data[name] for name in plain_fields(kind) if data.get(name))
    for name, hint in field_types(kind).items():
        item = item_type(hint)
        for entry in data.get(name) or () if item is not None else ():
            yield from _texts(item, entry)
