"""Reads Asterisk's configuration files the way Asterisk's documentation says, for tests.

Written from the rules, not from our renderer, so that the two can be compared: sections in
brackets, `name = value` or `name => value`, `;` begins a comment unless a backslash stands
before it, `;--` begins a comment of many lines, `#` at the beginning of a line is a
directive, blanks at both ends of a value do not count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field


class NotUnderstood(ValueError):
    """A line that Asterisk would warn about or take for something else."""


@dataclass
class Section:
    name: str
    options: str = ""
    lines: list[tuple[str, str]] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        """The last value of a name, as AST_CONFIG() gives it."""
        return dict(self.lines)[name]


_SECTION = re.compile(r"\[([^\[\]]+)\](?:\(([^()]*)\))?$")
_SETTING = re.compile(r"([^=\[\]#][^=]*?)\s*=(?:>)?\s*(.*)$", re.S)


def read(text: str) -> list[Section]:
    """The sections of a file in order; NotUnderstood for anything that is not one of ours:
    includes, comments of many lines, lines outside a section."""
    sections: list[Section] = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = _without_comment(raw, number).strip()
        if not line:
            continue
        if line.startswith("#"):
            raise NotUnderstood(f"line {number} is a directive: {line}")
        found = _SECTION.match(line)
        if found:
            sections.append(Section(found[1], found[2] or ""))
            continue
        setting = _SETTING.match(line)
        if not setting or not sections:
            raise NotUnderstood(f"line {number}: {line}")
        sections[-1].lines.append((setting[1], setting[2].strip()))
    return sections


def _without_comment(line: str, number: int) -> str:
    kept = ""
    for index, sign in enumerate(line):
        if sign != ";":
            kept += sign
        elif kept.endswith("\\"):
            kept = kept[:-1] + ";"
        elif line[index : index + 3] == ";--":
            raise NotUnderstood(f"line {number} begins a comment of many lines")
        else:
            break
    return kept


def as_map(text: str) -> dict[str, dict[str, str]]:
    """Section -> name -> value; NotUnderstood when a section stands twice."""
    found: dict[str, dict[str, str]] = {}
    for section in read(text):
        if section.name in found:
            raise NotUnderstood(f"[{section.name}] stands twice")
        found[section.name] = dict(section.lines)
    return found
