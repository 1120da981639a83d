"""Plain data -> typed value, by decoders that are built once for each type.

A state of ten thousand extensions has about half a million fields and is decoded at
every plan, so types are taken apart once and places are put into words only for faults.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, get_args, get_origin

from appliance.state.faults import Fault
from appliance.state.fields import Secret

Place = tuple[Any, str] | None
"""Where a value stands: the place around it and its own name; None is the top."""

Faults = list[tuple[Place, str, dict[str, Any]]]

Decoder = Callable[[Any, Place, Faults], Any]


def decode_with_faults(kind: Any, data: Any, where: str) -> tuple[Any, list[Fault]]:
    """The value and every fault; the value means something only when there is none."""
    found: Faults = []
    value = decoder(kind)(data, (None, where) if where else None, found)
    return value, [Fault(_in_words(place), text, values) for place, text, values in found]


def _in_words(place: Place) -> str:
    names: list[str] = []
    while place is not None:
        place, name = place
        names.append(name)
    return "/".join(reversed(names))


def key_of(item: Any, index: int) -> str:
    """How a list item is named in places: by its id where it has one."""
    name = item.get("id") if isinstance(item, dict) else getattr(item, "id", None)
    return name if isinstance(name, str) and name else str(index)


@cache
def decoder(kind: Any) -> Decoder:
    """What decodes values of `kind`; TypeError for a kind that the codec does not know."""
    origin = get_origin(kind)
    if origin is typing.Annotated:
        return _annotated(kind)
    if origin is Literal:
        return _literal(kind)
    if origin is tuple:
        return _tuple(kind)
    if origin in (typing.Union, types.UnionType):
        return _optional(kind)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind)
    if kind is Secret:
        return _secret()
    return _scalar(kind)


def _annotated(kind: Any) -> Decoder:
    base, *rules = get_args(kind)
    inner = decoder(base)
    problems = [rule.problem for rule in rules]

    def decode(data: Any, place: Place, faults: Faults) -> Any:
        before = len(faults)
        value = inner(data, place, faults)
        if len(faults) == before:
            for problem in problems:
                found = problem(value)
                if found:
                    faults.append((place, *found))
                    break
        return value

    return decode


def _literal(kind: Any) -> Decoder:
    allowed = get_args(kind)
    kinds = {type(item) for item in allowed}
    names = ", ".join(str(item) for item in allowed)

    def decode(data: Any, place: Place, faults: Faults) -> Any:
        if type(data) not in kinds or data not in allowed:
            faults.append((place, "must be one of: %(names)s", {"names": names}))
        return data

    return decode


def _tuple(kind: Any) -> Decoder:
    (item_kind, _ellipsis) = get_args(kind)
    inner = decoder(item_kind)

    def decode(data: Any, place: Place, faults: Faults) -> Any:
        if not isinstance(data, list):
            faults.append((place, "must be a list", {}))
            return ()
        return tuple(
            [inner(item, (place, key_of(item, index)), faults) for index, item in enumerate(data)]
        )

    return decode


def _optional(kind: Any) -> Decoder:
    (inner_kind,) = (item for item in get_args(kind) if item is not type(None))
    inner = decoder(inner_kind)

    def decode(data: Any, place: Place, faults: Faults) -> Any:
        return None if data is None else inner(data, place, faults)

    return decode


def _dataclass(kind: Any) -> Decoder:
    parts = [(name, decoder(hint), required) for name, (hint, required) in fields(kind).items()]
    known = frozenset(fields(kind))

    def decode(data: Any, place: Place, faults: Faults) -> Any:
        if not isinstance(data, dict):
            faults.append((place, "must be an object with named fields", {}))
            return None
        before = len(faults)
        values: dict[str, Any] = {}
        for name, inner, required in parts:
            if name in data:
                values[name] = inner(data[name], (place, name), faults)
            elif required:
                faults.append(((place, name), "is missing", {}))
        if len(values) < len(data):
            unknown = [str(name)[:80] for name in data if name not in known]
            faults += [((place, name), "is not a known field", {}) for name in unknown]
        return kind(**values) if len(faults) == before else None

    return decode


_SCALARS: dict[Any, str] = {
    str: "must be a text",
    bool: "must be true or false",
    int: "must be a whole number",
}


def _scalar(kind: Any) -> Decoder:
    if kind not in _SCALARS:
        raise TypeError(f"the codec does not know {kind!r}")
    text = _SCALARS[kind]

    def decode(data: Any, place: Place, faults: Faults) -> Any:
        # By type and not by isinstance(): True is an int to Python, but not here.
        if type(data) is not kind or (kind is str and not _text(data)):
            faults.append((place, text, {}))
        return data

    return decode


def _secret() -> Decoder:
    inner = decoder(str)

    def decode(data: Any, place: Place, faults: Faults) -> Any:
        text = inner(data, place, faults)
        return Secret(text if isinstance(text, str) else "")

    return decode


def _text(data: str) -> bool:
    """Whether it can be written as UTF-8; JSON can escape halves of characters."""
    return data.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in data)


@cache
def fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Name -> (type, required) of a dataclass's fields, annotations resolved once."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {
        field.name: (
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
    }
