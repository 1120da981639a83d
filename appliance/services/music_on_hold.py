"""Music on hold: what callers hear while they wait.

The class `default` always exists: Debian's free music, or one of the company's own
classes when it is chosen. The pieces of an own class lie in a folder named by its id below
the folder of uploaded music; the portal puts them there in all rates that calls use, so
that nothing is converted while they play.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from appliance.render.environments import render_asterisk
from appliance.render.fileset import File
from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.fields import Label, ObjectId
from appliance.state.machine import Layout, Machine
from appliance.state.references import Reference, References
from appliance.verify.probes import Probe

DEFAULT = "default"
DEBIANS_FOLDER = Path("moh")
"""Relative to Asterisk's data folder: the package asterisk-moh-opsound-wav."""


@dataclass(frozen=True, slots=True)
class MusicOnHoldClass:
    """A collection of music. `pieces` are file names without their endings; a class
    without any plays the default. `order` says in which order they play."""

    id: ObjectId
    name: Label
    pieces: tuple[ObjectId, ...] = ()
    order: Literal["random", "by_name"] = "random"


@dataclass(frozen=True, slots=True)
class State:
    """`default_class` is one of `classes`; None means Debian's music."""

    classes: tuple[MusicOnHoldClass, ...] = ()
    default_class: ObjectId | None = None


def references(state: State) -> Iterator[Reference]:
    """Yield every class."""
    yield Reference("music_on_hold_class", DEFAULT, DEFAULT)
    for each in state.classes:
        yield Reference("music_on_hold_class", each.id, each.name)


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield faults of classes that share an id and of a default that is not there."""
    yield from duplicate_ids("music_on_hold", state.classes)
    for each in state.classes:
        if each.id == DEFAULT:
            yield Fault(f"music_on_hold/{each.id}", "this name stands for the chosen class")
    if state.default_class is not None:
        where = "music_on_hold/default_class"
        yield from references.missing(where, "music_on_hold_class", state.default_class)
        if any(each.id == state.default_class and not each.pieces for each in state.classes):
            yield Fault(where, "has no music yet")


def folder(layout: Layout, id: str) -> Path:
    """Where the music of an own class lies."""
    return layout.music / id


@dataclass(frozen=True, slots=True)
class _Row:
    """One section of musiconhold.conf."""

    name: str
    pieces: tuple[Path, ...]
    sort: str


def _rows(state: State, layout: Layout) -> Iterator[_Row]:
    own = {each.id: _row(each, layout) for each in state.classes if each.pieces}
    chosen = own.get(state.default_class) if state.default_class else None
    yield _Row(DEFAULT, chosen.pieces, chosen.sort) if chosen else _Row(DEFAULT, (), "random")
    yield from own.values()


def _row(each: MusicOnHoldClass, layout: Layout) -> _Row:
    pieces = tuple(folder(layout, each.id) / piece for piece in each.pieces)
    return _Row(each.id, pieces, "alpha" if each.order == "by_name" else "random")


def files(state: State, _references: References, machine: Machine) -> Iterator[File]:
    """Yield musiconhold.conf."""
    rows = list(_rows(state, machine.layout))
    yield File(
        "etc/asterisk/musiconhold.conf",
        render_asterisk(
            "music_on_hold", "musiconhold.conf", classes=rows, debians_folder=DEBIANS_FOLDER
        ),
        reload=("musiconhold",),
        group="asterisk",
    )


def probes(state: State, _references: References) -> Iterator[Probe]:
    """Ask for each class."""
    for name in (DEFAULT, *(each.id for each in state.classes if each.pieces)):
        where = "music_on_hold" if name == DEFAULT else f"music_on_hold/{name}"
        yield Probe(where, "moh show classes", (f"Class: {name} ",))
