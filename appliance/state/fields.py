"""Field types of the desired state: each says once what a value may be.

A type is a plain Python type annotated with a rule (`Annotated[str, Pattern(...)]`), so
that a State class reads like its documentation and the codec, the portal's forms and
the importers all refuse the same values with the same words.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Protocol


class Secret:
    """A text that must not show up in logs, differences or tracebacks.

    Equality and hashing work on the text, so frozen dataclasses that hold one behave
    as usual. The text itself comes out of `reveal()` alone.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text. Every caller of this is a place to look at in a review."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)" if self._text else "Secret('')"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(("Secret", self._text))


class Rule(Protocol):
    """What stands behind a type in `Annotated`: finds the fault in a value."""

    def problem(self, value: Any) -> tuple[str, dict[str, Any]] | None:
        """The English template and its values, or None when the value is allowed."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text that matches `regex` as a whole; `meaning` completes "must be …"."""

    regex: str
    meaning: str

    def problem(self, value: Any) -> tuple[str, dict[str, Any]] | None:
        if _matcher(self.regex)(value):
            return None
        return f"must be {self.meaning}", {}


@cache
def _matcher(regex: str) -> Callable[[str], Any]:
    return re.compile(regex, re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Between:
    """A whole number within limits, both allowed; `unit` is for people."""

    low: int
    high: int
    unit: str = ""

    def problem(self, value: Any) -> tuple[str, dict[str, Any]] | None:
        if self.low <= value <= self.high:
            return None
        return "must be between %(low)d and %(high)d", {"low": self.low, "high": self.high}


# Characters that change how the text around them is read: a name that carries one can
# show something else than it is (Unicode Technical Report 36, section 2.3).
_BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


@dataclass(frozen=True, slots=True)
class Printable:
    """A text for people: letters of any script, no control or direction characters."""

    longest: int
    shortest: int = 1

    def problem(self, value: Any) -> tuple[str, dict[str, Any]] | None:
        if len(value) < self.shortest:
            return "must not be empty", {}
        if len(value) > self.longest:
            return "must have at most %(longest)d characters", {"longest": self.longest}
        if value != value.strip():
            return "must not begin or end with a blank", {}
        if value.isascii() and value.isprintable():
            return None
        for character in value:
            if character in _BIDI_CONTROLS or unicodedata.category(character) in _UNPRINTABLE:
                return "must not hold the character U+%(code)04X", {"code": ord(character)}
        return None


# Cc controls, Cf format, Cs surrogates, Co private use, Zl and Zp line separators.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class HostRule:
    """A DNS name (RFC 1123 section 2.1) or an IP address."""

    def problem(self, value: Any) -> tuple[str, dict[str, Any]] | None:
        if is_ip_address(value) or is_dns_name(value):
            return None
        return "must be a host name or an IP address", {}


@dataclass(frozen=True, slots=True)
class AddressRule:
    """An IP address without a prefix length."""

    def problem(self, value: Any) -> tuple[str, dict[str, Any]] | None:
        return None if is_ip_address(value) else ("must be an IP address", {})


@dataclass(frozen=True, slots=True)
class NetworkRule:
    """An IP network in CIDR form whose host bits are zero, e.g. 10.20.1.0/24."""

    def problem(self, value: Any) -> tuple[str, dict[str, Any]] | None:
        try:
            ipaddress.ip_network(value)
        except ValueError:
            value = "%"
        # A zone may be any text at all, and no network of ours has one.
        return ("must be a network such as 10.20.1.0/24", {}) if "%" in value else None


@dataclass(frozen=True, slots=True)
class ZoneRule:
    """A time zone of the IANA database."""

    def problem(self, value: Any) -> tuple[str, dict[str, Any]] | None:
        return None if value in time_zones() else ("must be a time zone such as Europe/Rome", {})


def is_ip_address(text: str) -> bool:
    """Whether `text` is an IPv4 or IPv6 address without scope or prefix length."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def is_dns_name(text: str) -> bool:
    """Whether `text` is a host name of letters, digits and hyphens, at most 253 long.

    A name of digits and dots only is refused: it is a mistyped address.
    """
    label = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
    if len(text) > 253 or not re.fullmatch(rf"{label}(\.{label})*", text):
        return False
    return not re.fullmatch(r"[0-9.]+", text)


@cache
def time_zones() -> frozenset[str]:
    """The names of all time zones that this machine knows."""
    return frozenset(zoneinfo.available_timezones())


ObjectId = Annotated[
    str,
    Pattern(
        r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?",
        "1 to 63 small letters, digits, dots, hyphens or underscores",
    ),
]
"""The name of an object that never changes once it is made."""

InternalNumber = Annotated[str, Pattern(r"[0-9]{2,8}", "a number of 2 to 8 digits")]
"""A number that is dialled inside the company."""

FeatureCode = Annotated[
    str, Pattern(r"[*#][*#0-9]{1,5}", "a code that begins with * or # and has 2 to 6 signs")
]
"""A code that a phone dials to use a service, e.g. *8."""

E164 = Annotated[
    str, Pattern(r"\+[1-9][0-9]{3,14}", "an international number such as +390522123456")
]
"""An external number: + and country code (ITU-T E.164)."""

OptionalE164 = Annotated[
    str,
    Pattern(r"|\+[1-9][0-9]{3,14}", "an international number such as +390522123456, or empty"),
]

NumberPrefix = Annotated[
    str, Pattern(r"\+[1-9][0-9]{0,14}", "the beginning of an international number, such as +39199")
]

DialPrefix = Annotated[str, Pattern(r"[0-9]{0,2}", "up to two digits, or empty")]
"""What phones dial before an outside number; empty when nothing is needed."""

Label = Annotated[str, Printable(80)]
"""A name for people."""

OptionalLabel = Annotated[str, Printable(80, shortest=0)]
"""A name for people that may be left out."""

Note = Annotated[str, Printable(500, shortest=0)]
"""A remark of one line."""

Host = Annotated[str, HostRule()]
OptionalHost = Annotated[
    str,
    Pattern(
        r"|[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?", "a host name, an IP address, or empty"
    ),
]
Address = Annotated[str, AddressRule()]
Network = Annotated[str, NetworkRule()]
Zone = Annotated[str, ZoneRule()]
Port = Annotated[int, Between(1, 65535)]
Mac = Annotated[str, Pattern(r"[0-9a-f]{12}", "12 hexadecimal digits in small letters")]
Email = Annotated[
    str,
    Pattern(
        r"|[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{3,253}$)"
        r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
        r"(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+",
        "an e-mail address, or empty",
    ),
]
SipUser = Annotated[
    str,
    Pattern(
        r"[A-Za-z0-9_.!~*'()+-]{1,64}", "1 to 64 letters, digits or signs that SIP allows in a user"
    ),
]
"""The user part of a SIP address without escapes (RFC 3261 section 25.1)."""

Language = Annotated[str, Pattern(r"it|en", "it or en")]
Country = Annotated[str, Pattern(r"[A-Z]{2}", "a country's two capital letters")]
