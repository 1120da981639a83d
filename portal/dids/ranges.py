"""Numbers and ranges of numbers as people write them: one line for a whole block.

`0522 123456`, `0522 123400-499`, `+39 0522 123400 – +39 0522 123499`.
"""

from __future__ import annotations

import re

from portal.core.outside_numbers import e164

_CLEAR = re.compile(r"\s*(?:…|\.\.+|–|—|→|\s-+\s)\s*")
"""Signs that can only stand between two ends; a bare hyphen may also stand inside a number."""


def written(first: str, last: str) -> str:
    """Both ends as one text, the second shortened to the digits that differ."""
    if not last or last == first:
        return first
    if len(last) != len(first):
        return f"{first} – {last}"
    same = next(i for i, (a, b) in enumerate(zip(first, last, strict=True)) if a != b)
    return f"{first}-{last[min(same, len(first) - 2) :]}"


def ends(text: str) -> tuple[str, str]:
    """(first, last) in E.164; what is no number stays as typed, and the State's rule says so."""
    text = text.strip()
    left, right = _halves(text)
    first = e164(left)
    return first, _last(first, right) if right else first


def _halves(text: str) -> tuple[str, str]:
    parts = _CLEAR.split(text, maxsplit=1)
    if len(parts) == 2:
        return parts[0], parts[1]
    left, hyphen, right = text.rpartition("-")
    if hyphen and right.strip() and e164(left).startswith("+"):
        return left, right
    return text, ""


def _last(first: str, typed: str) -> str:
    """The second end: a whole number, or the digits that replace the last ones of the first."""
    whole = e164(typed)
    digits = re.sub(r"[\s./]", "", typed)
    begins = typed.strip().startswith(("+", "0"))
    if begins and whole.startswith("+") and len(whole) == len(first):
        return whole
    if digits.isascii() and digits.isdigit() and first.startswith("+") and len(digits) < len(first):
        return first[: -len(digits)] + digits
    return whole


def ends_or_one(text: str) -> tuple[str, str]:
    """The same for a State in which an empty last number means a single one."""
    first, last = ends(text)
    return first, "" if last == first else last
