"""What differs between two states, object by object and field by field.

The portal turns these into sentences; the revision list keeps them. Secrets are masked
before they are compared for display, so a changed one shows as changed, never as text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from appliance.state.codec import key_of
from appliance.state.fields import Secret
from appliance.state.system_state import SystemState, encode_system

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `where` is a place such as `ring_groups/groups/sales/ring_time_s`.

    For an added or removed object `before` or `after` is None and the other holds the
    whole object as plain data.
    """

    kind: Kind
    where: str
    before: Any = None
    after: Any = None


def changes(before: SystemState, after: SystemState) -> tuple[Change, ...]:
    """Every difference between two states, in the order of the services."""
    old = encode_system(before, _fingerprint)["services"]
    new = encode_system(after, _fingerprint)["services"]
    return tuple(_masked(change) for change in _differences("", old, new))


def _differences(where: str, old: Any, new: Any) -> Iterator[Change]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _named(where, old, new)
    elif _objects(old) and _objects(new) and (old or new):
        yield from _named(where, _by_key(old), _by_key(new))
    else:
        yield Change("changed", where, old, new)


def _named(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in [*old, *(name for name in new if name not in old)]:
        place = f"{where}/{name}" if where else name
        if name not in new:
            yield Change("removed", place, before=old[name])
        elif name not in old:
            yield Change("added", place, after=new[name])
        else:
            yield from _differences(place, old[name], new[name])


def _objects(value: Any) -> bool:
    """Whether `value` is a list of objects that carry an id."""
    return isinstance(value, list) and all(isinstance(i, dict) and "id" in i for i in value)


def _by_key(items: list[Any]) -> dict[str, Any]:
    return {key_of(item, index): item for index, item in enumerate(items)}


_MARK = "\0secret:"


def _fingerprint(_where: str, secret: Secret) -> str:
    """A stand-in that differs when the secret differs and never leaves this module."""
    return _MARK + hashlib.sha256(secret.reveal().encode()).hexdigest() if secret else ""


def _masked(change: Change) -> Change:
    return Change(change.kind, change.where, _hide(change.before), _hide(change.after))


def _hide(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_MARK):
        return "••••••"
    if isinstance(value, dict):
        return {name: _hide(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_hide(item) for item in value]
    return value
