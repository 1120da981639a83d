"""What a named alarm is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Level = Literal["warning", "critical"]


@dataclass(frozen=True, slots=True)
class Words:
    """One sentence in English and Italian, in %-format; `in_language` fills it."""

    en: str
    it: str

    def in_language(self, language: str, values: Mapping[str, str]) -> str:
        """The sentence with its values; a value that was not given shows as a dash."""
        return (self.it if language == "it" else self.en) % _Dashes(values)


class _Dashes(dict[str, str]):
    def __missing__(self, _key: str) -> str:
        return "–"


@dataclass(frozen=True, slots=True)
class AlarmKind:
    """One sort of alarm: how bad it is, what it says, and what its reader can do.

    `%(subject)s` is the trunk, process or certificate that it is about.
    """

    name: str
    level: Level
    text: Words
    advice: Words
