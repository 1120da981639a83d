"""Which passwords are refused: too short, too common, or made of words that anybody guesses.

No rules about kinds of characters: length and not being on anybody's list is what counts
(NIST SP 800-63B-4 section 3.1.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from appliance import product
from portal.core.i18n import _

SHORTEST, LONGEST = 12, 256
"""Characters. Every account has a second factor; see the decision page on accounts."""

FORBIDDEN_WORDS = (product.NAME, product.SLUG, "asterisk", "telefono", "telephone", "password")
_LIST = Path(__file__).with_name("data") / "common_passwords.txt"
_SWAPS = str.maketrans("013457@$!", "oleastasi")


def problems(password: str, words: Iterable[str] = ()) -> list[str]:
    """Why a password is refused, in the reader's language; empty when it is good.

    `words` are those that belong to the person and the company.
    """
    if len(password) < SHORTEST:
        return [_("Use at least %(least)d characters.", least=SHORTEST)]
    if len(password) > LONGEST:
        return [_("Use at most %(most)d characters.", most=LONGEST)]
    if _common(password):
        return [_("This password is on the lists that attackers try first.")]
    if _little_beside(password, {*FORBIDDEN_WORDS, *words}):
        return [_("This password is mostly a name that others can guess.")]
    return []


def _common(password: str) -> bool:
    """Whether it is a common password, also doubled or with digits and signs around it."""
    plain = password.casefold()
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", plain)
    return (
        plain in common()
        or core in common()
        or plain.translate(_SWAPS) in common()
        or _repeats(plain)
        or _row(plain)
    )


def _repeats(text: str) -> bool:
    """Whether a piece of at most six signs makes up the whole."""
    return any(text == (text[:size] * len(text))[: len(text)] for size in range(1, 7))


_ROWS = (
    "01234567890",
    "qwertyuiopasdfghjklzxcvbnm",
    "poiuytrewqlkjhgfdsamnbvcxz",
    "abcdefghijklmnopqrstuvwxyz",
)


def _row(text: str) -> bool:
    """Whether it runs along the keyboard or the alphabet, either way."""
    rows = [row * 2 for row in _ROWS]
    return any(text in row or text in row[::-1] for row in rows)


def _little_beside(password: str, words: Iterable[str]) -> bool:
    """Whether fewer than eight signs are left without the words that anybody guesses."""
    left = password.casefold().translate(_SWAPS)
    raw = password.casefold()
    found = False
    for word in sorted((w.casefold() for w in words if len(w) >= 4), key=len, reverse=True):
        found = found or word in left or word in raw
        left, raw = left.replace(word, ""), raw.replace(word, "")
    return found and min(len(left), len(raw)) < 8


@cache
def common() -> frozenset[str]:
    """The commonest passwords of twelve and more characters."""
    return frozenset(_LIST.read_text().splitlines())
