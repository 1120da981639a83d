"""Typed state <-> plain data (JSON), with every fault named by its place.

Decoding is strict: unknown fields, missing fields, wrong types and values against a
field's rule are all faults, and all of them are reported at once. The root daemon
decodes what it is handed, so this is also where hostile input ends.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin

from appliance.state.faults import Fault, StateError
from appliance.state.fields import Secret

T = TypeVar("T")

SecretWriter = Callable[[str, Secret], Any]
"""Gets the place of a secret and the secret; returns what stands in the plain data."""


def reveal(_where: str, secret: Secret) -> str:
    """Write the secret's text: for the daemon's socket and for files of mode 0600."""
    return secret.reveal()


def mask(_where: str, secret: Secret) -> str:
    """Write dots, so that a changed secret looks the same as the old one."""
    return "••••••" if secret else ""


def encode(value: Any, secrets: SecretWriter = reveal, where: str = "") -> Any:
    """Plain data for `value`: dicts, lists, strings, numbers, booleans and None."""
    if isinstance(value, Secret):
        return secrets(where, value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: encode(getattr(value, field.name), secrets, _join(where, field.name))
            for field in dataclasses.fields(value)
        }
    if isinstance(value, tuple):
        return [
            encode(item, secrets, _join(where, key_of(item, i))) for i, item in enumerate(value)
        ]
    return value


def decode(kind: type[T], data: Any, where: str = "") -> T:
    """The value of type `kind` that `data` describes; StateError with every fault."""
    faults: list[Fault] = []
    value = _decode(kind, data, where, faults)
    if faults:
        raise StateError(faults)
    return typing.cast(T, value)


def canonical_json(data: Any) -> bytes:
    """One byte string per value: sorted keys, no blanks, UTF-8, a line end."""
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"


def key_of(item: Any, index: int) -> str:
    """How a list item is named in places: by its id where it has one."""
    name = item.get("id") if isinstance(item, dict) else getattr(item, "id", None)
    return name if isinstance(name, str) and name else str(index)


def _decode(kind: Any, data: Any, where: str, faults: list[Fault]) -> Any:
    origin = get_origin(kind)
    if origin is typing.Annotated:
        return _decode_annotated(kind, data, where, faults)
    if origin is Literal:
        return _decode_literal(kind, data, where, faults)
    if origin is tuple:
        return _decode_tuple(kind, data, where, faults)
    if origin in (typing.Union, types.UnionType):
        return _decode_optional(kind, data, where, faults)
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, data, where, faults)
    return _decode_scalar(kind, data, where, faults)


def _decode_annotated(kind: Any, data: Any, where: str, faults: list[Fault]) -> Any:
    base, *rules = get_args(kind)
    before = len(faults)
    value = _decode(base, data, where, faults)
    if len(faults) > before:
        return value
    for rule in rules:
        found = rule.problem(value)
        if found:
            faults.append(Fault(where, *found))
            break
    return value


def _decode_literal(kind: Any, data: Any, where: str, faults: list[Fault]) -> Any:
    allowed = get_args(kind)
    if type(data) in {type(item) for item in allowed} and data in allowed:
        return data
    names = ", ".join(str(item) for item in allowed)
    faults.append(Fault(where, "must be one of: %(names)s", {"names": names}))
    return data


def _decode_tuple(kind: Any, data: Any, where: str, faults: list[Fault]) -> Any:
    if not isinstance(data, list):
        faults.append(Fault(where, "must be a list"))
        return ()
    (item_kind, _ellipsis) = get_args(kind)
    return tuple(
        _decode(item_kind, item, _join(where, key_of(item, index)), faults)
        for index, item in enumerate(data)
    )


def _decode_optional(kind: Any, data: Any, where: str, faults: list[Fault]) -> Any:
    if data is None:
        return None
    (inner,) = (item for item in get_args(kind) if item is not type(None))
    return _decode(inner, data, where, faults)


def _decode_dataclass(kind: Any, data: Any, where: str, faults: list[Fault]) -> Any:
    if not isinstance(data, dict):
        faults.append(Fault(where, "must be an object with named fields"))
        return None
    before = len(faults)
    values: dict[str, Any] = {}
    for name, (field_kind, required) in _fields(kind).items():
        place = _join(where, name)
        if name in data:
            values[name] = _decode(field_kind, data[name], place, faults)
        elif required:
            faults.append(Fault(place, "is missing"))
    for name in data:
        if name not in _fields(kind):
            faults.append(Fault(_join(where, str(name)[:80]), "is not a known field"))
    return kind(**values) if len(faults) == before else None


def _decode_scalar(kind: Any, data: Any, where: str, faults: list[Fault]) -> Any:
    if kind is Secret:
        if isinstance(data, str):
            return Secret(data)
        faults.append(Fault(where, "must be a text"))
    elif kind is str:
        if isinstance(data, str):
            return data
        faults.append(Fault(where, "must be a text"))
    elif kind is bool:
        if isinstance(data, bool):
            return data
        faults.append(Fault(where, "must be true or false"))
    elif kind is int:
        if isinstance(data, int) and not isinstance(data, bool):
            return data
        faults.append(Fault(where, "must be a whole number"))
    else:
        raise TypeError(f"{where}: the codec does not know {kind!r}")
    return data


@cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Name -> (type, required) of a dataclass's fields, annotations resolved once."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {
        field.name: (
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
    }


def field_types(kind: Any) -> dict[str, Any]:
    """Name -> resolved type (with rules) of a dataclass's fields."""
    return {name: hint for name, (hint, _required) in _fields(kind).items()}


def secrets_in(value: Any, where: str = "") -> Iterator[tuple[str, Secret]]:
    """Yield (place, secret) for every non-empty secret inside `value`."""
    found: list[tuple[str, Secret]] = []

    def note(place: str, secret: Secret) -> str:
        if secret:
            found.append((place, secret))
        return ""

    encode(value, note, where)
    yield from found


def _join(where: str, name: str) -> str:
    return f"{where}/{name}" if where else name
