"""The models of telephones: one data file each, read once.

A model's id is `<vendor>-<file name>`, e.g. `yealink-t54w` for
`provisioning/yealink/models/t54w.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from appliance.state.codec import decode
from appliance.state.fields import Between, Label, Pattern

FOLDER = Path(__file__).resolve().parent

Count = Annotated[int, Between(0, 200)]


@dataclass(frozen=True, slots=True)
class Expansion:
    """Side modules with further keys: their name, keys of each, how many may be joined."""

    name: Label
    keys: Count
    modules: Count


@dataclass(frozen=True, slots=True)
class Facts:
    """What a model's file says.

    `agent` is how the model calls itself in its HTTP User-Agent. `accounts` are the SIP
    accounts it can hold, `keys` the programmable keys on the phone itself. `options`
    are words that the family's template understands.
    """

    name: Label
    family: Annotated[str, Pattern(r"[a-z][a-z0-9_]{0,20}", "the name of a template")]
    agent: Label
    accounts: Count
    keys: Count
    expansion: Expansion | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """One model of one vendor."""

    id: str
    vendor: str
    facts: Facts

    @property
    def name(self) -> str:
        return self.facts.name

    def capacity(self, modules: int) -> int:
        """Programmable keys with this many side modules, as many as the model takes."""
        more = self.facts.expansion
        return self.facts.keys + (more.keys * min(modules, more.modules) if more else 0)


@cache
def models() -> Mapping[str, Model]:
    """Every model by id, in the order of vendors and file names."""
    return MappingProxyType({model.id: model for model in _read_all()})


def model(id: str) -> Model | None:
    """The model of this id; None when the catalogue has none."""
    return models().get(id)


def by_agent(vendor: str, agent: str) -> Model | None:
    """The model that calls itself `agent`, whatever the case of its letters."""
    wanted = agent.casefold()
    for each in models().values():
        if each.vendor == vendor and each.facts.agent.casefold() == wanted:
            return each
    return None


def _read_all() -> Iterator[Model]:
    for path in sorted(FOLDER.glob("*/models/*.toml")):
        vendor = path.parent.parent.name
        data: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        yield Model(f"{vendor}-{path.stem}", vendor, decode(Facts, data, path.stem))
