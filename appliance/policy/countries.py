"""Numbering plans as data: one file for each country that a company can be in, and the world.

A second country is a second file below `countries/`; nothing here knows Italy.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

Category = Literal[
    "emergency",
    "social",
    "toll_free",
    "local",
    "national",
    "mobile",
    "service",
    "shared_cost",
    "premium",
    "foreign",
    "satellite",
]
"""Kinds of destination. `social` are free calls of social use, never barred; `service`
are short codes such as a carrier's help desk."""

CATEGORIES: tuple[Category, ...] = get_args(Category)

NEVER_BARRED: frozenset[Category] = frozenset({"emergency", "social"})

ABROAD: frozenset[Category] = frozenset({"foreign", "satellite"})
"""What the limits on simultaneous foreign calls count."""

_FOLDER = Path(__file__).parent / "countries"


@dataclass(frozen=True, slots=True)
class Row:
    """One prefix of international numbers and what it means.

    `prefix` begins with the country code, without +. Lengths count all digits from
    there. `short` marks codes that exist inside the country alone and are sent as they
    are. `country` is what an allow-list names, "" for none.
    """

    prefix: str
    category: Category
    country: str
    shortest: int
    longest: int
    short: bool = False


@dataclass(frozen=True, slots=True)
class Country:
    """The rules of one country's telephones; see `countries/it.toml`."""

    code: str
    calling_code: str
    international_prefix: str
    trunk_prefix: str
    local_dialling: bool
    emergency: tuple[str, ...]
    social: tuple[str, ...]
    rows: tuple[Row, ...]
    examples: Mapping[str, str]


@cache
def available() -> tuple[str, ...]:
    """The codes of the countries that a company can be in."""
    files = (path.stem for path in _FOLDER.glob("*.toml"))
    return tuple(sorted(name.upper() for name in files if name != "world"))


@cache
def country(code: str) -> Country:
    """The country's rules; LookupError for a country without a file."""
    if code not in available():
        raise LookupError(f"no numbering plan for {code}")
    data = _read(code.lower())
    calling = data["calling_code"]
    return Country(
        code=code,
        calling_code=calling,
        international_prefix=data["international_prefix"],
        trunk_prefix=data["trunk_prefix"],
        local_dialling=data["local_dialling"],
        emergency=tuple(data["emergency"]),
        social=tuple(data["social"]),
        rows=tuple(_national_row(code, calling, each) for each in data["destinations"]),
        examples=dict(data["examples"]),
    )


def _national_row(code: str, calling: str, data: Mapping[str, Any]) -> Row:
    return Row(
        calling + data["prefix"],
        data["category"],
        code,
        len(calling) + data["shortest"],
        len(calling) + data["longest"],
        data.get("short", False),
    )


@cache
def world(home: str) -> tuple[Row, ...]:
    """The rows of all other countries and of the codes of no country, seen from `home`."""
    data = _read("world")
    low, high = data["shortest"], data["longest"]
    rows = [
        Row(prefix, "foreign", code, low, high)
        for code, prefixes in data["countries"].items()
        for prefix in prefixes
        if code != home
    ]
    rows += [Row(code, category, "", low, high) for code, category in data["codes"].items()]
    rows += [
        Row(prefix, "premium", code, low, high)
        for code, prefixes in data["premium"].items()
        for prefix in prefixes
        if code != home
    ]
    return tuple(rows)


@cache
def foreign_countries() -> Mapping[str, tuple[str, ...]]:
    """Country -> its prefixes, for lists to choose from."""
    return {code: tuple(prefixes) for code, prefixes in _read("world")["countries"].items()}


@dataclass(frozen=True, slots=True)
class DestinationTable:
    """All rows of one company, found by their longest fitting prefix."""

    by_prefix: Mapping[str, Row]
    longest_prefix: int

    @classmethod
    def of(cls, rows: Iterable[Row]) -> DestinationTable:
        """Index the rows; a later one replaces an earlier one of the same prefix."""
        by_prefix = {row.prefix: row for row in rows}
        return cls(by_prefix, max((len(prefix) for prefix in by_prefix), default=0))

    def row(self, digits: str) -> Row | None:
        """The row with the longest prefix of `digits`; None when no country has it."""
        for length in range(min(len(digits), self.longest_prefix), 0, -1):
            found = self.by_prefix.get(digits[:length])
            if found is not None:
                return found
        return None


def table(plan: Country, emergency: Iterable[str], area_code: str = "") -> DestinationTable:
    """The destinations of a company in `plan`'s country.

    `emergency` replaces the country's list; `area_code` (with its zero, where the
    country keeps it) marks the numbers of the own area as local.
    """
    return DestinationTable.of(_company_rows(plan, tuple(emergency), area_code))


def _company_rows(plan: Country, emergency: tuple[str, ...], area_code: str) -> Iterator[Row]:
    yield from world(plan.code)
    yield from plan.rows
    if area_code:
        yield from _local_rows(plan, area_code)
    for category, numbers in (("social", plan.social), ("emergency", emergency)):
        for number in numbers:
            digits = plan.calling_code + number
            kind: Category = "social" if category == "social" else "emergency"
            yield Row(digits, kind, plan.code, len(digits), len(digits), True)


def _local_rows(plan: Country, area_code: str) -> Iterator[Row]:
    around = DestinationTable.of(plan.rows).row(plan.calling_code + area_code)
    if around is not None and around.category == "national":
        prefix = plan.calling_code + area_code
        yield Row(prefix, "local", plan.code, around.shortest, around.longest)


@cache
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text("utf-8"))
