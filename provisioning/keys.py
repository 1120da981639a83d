"""Programmable keys: which stand where, and which do not fit on the phone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provisioning.catalogue import Model


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `position` counts from 1 over the phone and then its side modules.

    `kind` is `line`, `blf` or `speed_dial`; `line` the account it uses; `value` the
    number it dials or watches.
    """

    position: int
    kind: str
    line: int
    value: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a position is: `module` 0 is the phone itself; `key` counts from 1 there."""

    module: int
    key: int


def arranged(wanted: tuple[Key, ...], accounts: int) -> tuple[Key, ...]:
    """The keys by position, with one line key for each account where none was asked for.

    Those take the first positions that are free, so that a phone without any wish of
    its owner can still choose among its lines.
    """
    if any(key.kind == "line" for key in wanted):
        return tuple(sorted(wanted, key=lambda key: key.position))
    taken = {key.position for key in wanted}
    free = (position for position in range(1, 300) if position not in taken)
    lines = (Key(next(free), "line", account) for account in range(1, accounts + 1))
    return tuple(sorted((*wanted, *lines), key=lambda key: key.position))


def place(model: Model, position: int) -> Place:
    """The key that a position means; positions beyond the phone go on in its modules."""
    beyond = position - model.facts.keys - 1
    if beyond < 0 or model.facts.expansion is None:
        return Place(0, position)
    return Place(beyond // model.facts.expansion.keys + 1, beyond % model.facts.expansion.keys + 1)


def fitting(keys: tuple[Key, ...], model: Model, modules: int) -> dict[int, Key]:
    """Position -> key for those that the phone has room for."""
    capacity = model.capacity(modules)
    return {key.position: key for key in keys if key.position <= capacity}


def homeless(keys: tuple[Key, ...], model: Model, modules: int) -> Iterator[Key]:
    """Yield the keys beyond the phone's capacity that somebody asked for.

    The line keys that `arranged` adds to a model without programmable keys are not
    missed: such a phone has its line without a key.
    """
    capacity = model.capacity(modules)
    for key in keys:
        if key.position > capacity and (key.kind != "line" or capacity):
            yield key
