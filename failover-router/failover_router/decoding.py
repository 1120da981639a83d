"""JSON -> frozen dataclasses, strictly: what a router does not understand, it does not follow.

Every fault is named by its place (`lines/1/interface`), and all of them at once.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin

T = TypeVar("T")

Faults = list[str]


class DecodingError(ValueError):
    """Data that is not what it should be; `faults` says everything that is wrong."""

    def __init__(self, faults: Faults) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(faults))


def decode(kind: type[T], data: Any, where: str = "") -> T:
    """The value of dataclass `kind` that `data` describes; DecodingError with every fault.

    A dataclass may have a method `faults()` that yields what its fields mean together.
    """
    faults: Faults = []
    value = _decode(kind, data, where, faults)
    if faults:
        raise DecodingError(faults)
    return typing.cast(T, value)


def encode(value: Any) -> Any:
    """Plain data for a dataclass, ready for json.dumps()."""
    if dataclasses.is_dataclass(value):
        return {
            field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    return value


def _decode(kind: Any, data: Any, where: str, faults: Faults) -> Any:
    origin = get_origin(kind)
    if origin is Literal:
        return _literal(kind, data, where, faults)
    if origin is tuple:
        return _tuple(kind, data, where, faults)
    if origin in (typing.Union, types.UnionType):
        (inner,) = (each for each in get_args(kind) if each is not type(None))
        return None if data is None else _decode(inner, data, where, faults)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, data, where, faults)
    # By type and not by isinstance(): True is an int to Python, but not here.
    if type(data) is not kind:
        faults.append(f"{where}: must be {_WORDS[kind]}")
    return data


_WORDS = {str: "a text", int: "a whole number", bool: "true or false"}


def _literal(kind: Any, data: Any, where: str, faults: Faults) -> Any:
    allowed = get_args(kind)
    if type(data) not in {type(each) for each in allowed} or data not in allowed:
        faults.append(f"{where}: must be one of {', '.join(map(str, allowed))}")
    return data


def _tuple(kind: Any, data: Any, where: str, faults: Faults) -> Any:
    if not isinstance(data, list):
        faults.append(f"{where}: must be a list")
        return ()
    inner = get_args(kind)[0]
    return tuple(_decode(inner, item, f"{where}/{i}", faults) for i, item in enumerate(data))


def _dataclass(kind: Any, data: Any, where: str, faults: Faults) -> Any:
    if not isinstance(data, dict):
        faults.append(f"{where or 'profile'}: must be an object")
        return None
    before = len(faults)
    at = f"{where}/" if where else ""
    known = _fields(kind)
    faults += [f"{at}{str(name)[:80]}: is not known" for name in data if name not in known]
    values = {}
    for name, (hint, required) in known.items():
        if name in data:
            values[name] = _decode(hint, data[name], f"{at}{name}", faults)
        elif required:
            faults.append(f"{at}{name}: is missing")
    if len(faults) > before:
        return None
    made = kind(**values)
    found = getattr(made, "faults", None)
    if found is not None:
        faults += [f"{at}{fault}" for fault in found()]
    return made


@cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    hints = typing.get_type_hints(kind)
    return {
        field.name: (hints[field.name], field.default is dataclasses.MISSING)
        for field in dataclasses.fields(kind)
    }
