"""Typed state <-> plain data (JSON), with every fault named by its place.

Decoding is strict: unknown fields, missing fields, wrong types and values against a
field's rule are all faults, and all of them are reported at once. The root daemon
decodes what it is handed, so this is also where hostile input ends.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from appliance.state.decoding import decode_with_faults, fields, key_of
from appliance.state.faults import StateError
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
    """Plain data for `value`: dicts, lists, strings, numbers, booleans and None.

    What is plain data already is left as it is.
    """
    kind: Any = type(value)
    if kind in _PLAIN:
        return value
    if kind is Secret:
        return secrets(where, value)
    if kind is tuple:
        return [
            encode(item, secrets, _join(where, key_of(item, i))) for i, item in enumerate(value)
        ]
    if not hasattr(kind, "__dataclass_fields__"):
        return value
    return {
        name: encode(getattr(value, name), secrets, _join(where, name)) for name in fields(kind)
    }


_PLAIN = frozenset({str, int, bool, type(None)})


def decode(kind: type[T], data: Any, where: str = "") -> T:
    """The value of type `kind` that `data` describes; StateError with every fault."""
    value, faults = decode_with_faults(kind, data, where)
    if faults:
        raise StateError(faults)
    return typing.cast(T, value)


def canonical_json(data: Any) -> bytes:
    """One byte string per value: sorted keys, no blanks, UTF-8, a line end."""
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"


def field_types(kind: Any) -> dict[str, Any]:
    """Name -> resolved type (with rules) of a dataclass's fields."""
    return {name: hint for name, (hint, _required) in fields(kind).items()}


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
