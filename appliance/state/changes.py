"""What differs between two states, object by object and field by field.

The portal turns these into sentences; the revision list keeps them. Values are compared
as they are and masked when they are written down, so a changed secret shows as changed,
never as text.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from appliance.state.codec import encode, mask
from appliance.state.decoding import key_of
from appliance.state.system_state import SystemState

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
    return tuple(
        change
        for name, state in after.services.items()
        for change in _differences(name, before[name], state)
    )


def _differences(where: str, old: Any, new: Any) -> Iterator[Change]:
    """Walk down only where something differs; equal parts cost one comparison."""
    if old == new:
        return
    if type(old) is type(new) and dataclasses.is_dataclass(old):
        for field in dataclasses.fields(old):
            place = f"{where}/{field.name}"
            yield from _differences(place, getattr(old, field.name), getattr(new, field.name))
    elif _objects(old) and _objects(new):
        before, after = _by_key(old), _by_key(new)
        yield from _named(where, before, after)
        yield from _moved(where, before, after)
    else:
        yield Change("changed", where, encode(old, mask), encode(new, mask))


def _named(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in [*old, *(name for name in new if name not in old)]:
        place = f"{where}/{name}"
        if name not in new:
            yield Change("removed", place, before=encode(old[name], mask))
        elif name not in old:
            yield Change("added", place, after=encode(new[name], mask))
        else:
            yield from _differences(place, old[name], new[name])


def _moved(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Another order of the objects that stayed; for rules and routes the order counts."""
    before = [name for name in old if name in new]
    after = [name for name in new if name in old]
    if before != after:
        yield Change("changed", where, before, after)


def _objects(value: Any) -> bool:
    """Whether `value` is a row of objects that carry an id."""
    return isinstance(value, tuple) and all(hasattr(item, "id") for item in value)


def _by_key(items: tuple[Any, ...]) -> dict[str, Any]:
    return {key_of(item, index): item for index, item in enumerate(items)}
