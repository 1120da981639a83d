"""The one place where secrets are made."""

from __future__ import annotations

import itertools
import secrets
import string

from appliance.state.fields import Secret

SHORTEST_WEB_PASSWORD = 12
LONGEST_WEB_PASSWORD = 32
"""Signs of the password of a phone's own web pages; some makers cut longer ones silently."""

_SIGNS = string.ascii_letters + string.digits

_READABLE = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_GROUPS, _GROUP = 4, 4
"""16 signs of 32: 80 bits. No 0, O, 1 or I, which look alike on a console."""


def new_secret(length: int = 24) -> Secret:
    """A random text of letters and digits: 24 signs carry 142 bits.

    No other signs, so that every phone, file format and shell takes it as it is.
    """
    return Secret("".join(secrets.choice(_SIGNS) for _ in range(length)))


def new_code() -> str:
    """A random code to be typed from a screen, such as 7KQM-2XWD-9FHT-R4BV."""
    groups = ("".join(secrets.choice(_READABLE) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def new_pin(length: int = 6) -> Secret:
    """Random digits, never the same digit throughout and never a plain row such as 1234."""
    while True:
        text = "".join(secrets.choice(string.digits) for _ in range(length))
        if not guessable_pin(text):
            return Secret(text)


def guessable_pin(text: str) -> bool:
    """Whether all digits are equal or each follows the one before, upwards or downwards."""
    steps = {(int(b) - int(a)) % 10 for a, b in itertools.pairwise(text)}
    return len(steps) <= 1 and steps <= {0, 1, 9}


def plain_secret(secret: Secret, least: int, most: int) -> bool:
    """Whether a secret has `least` to `most` ASCII letters, digits, - or _ and no other.

    Every phone, file format and shell takes such a secret as it is.
    """
    text = secret.reveal()
    plain = text.isascii() and all(sign.isalnum() or sign in "-_" for sign in text)
    return plain and least <= len(text) <= most
