"""Shapes of carriers' lines, as data: what a new trunk with a known carrier begins with."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class TrunkShape:
    """One carrier's way. `fields` are fields of a Trunk; `source` is where that was read,
    `unknown` what the source does not tell."""

    id: str
    label: str
    source: str
    unknown: str
    fields: Mapping[str, Any]


@cache
def shapes() -> Mapping[str, TrunkShape]:
    """Every shape by its id."""
    path = Path(__file__).with_name("trunk_shapes.toml")
    data = tomllib.loads(path.read_text("utf-8"))
    return {id: TrunkShape(id=id, **fields) for id, fields in data.items()}
