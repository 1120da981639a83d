"""From what somebody dials to one canonical number, and from there to a trunk's format.

The canonical form is E.164 with + (`+390522123456`), or the bare digits of a short code
that exists inside the country alone (`112`, `1515`). The dialplan does the same with the
same tables (`templates/asterisk/outbound_routes/`); a test keeps both equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from appliance.policy.countries import Country, DestinationTable, Row

NumberFormat = Literal["plus", "plain", "zeros", "national"]
"""How a trunk writes numbers: +390522…, 390522…, 00390522…, or as dialled in the country."""

SEPARATORS = " .-/()\u00a0\u2009\u202f"
"""Signs that people write between digits; they mean nothing and are dropped.

The last three are blanks that typesetting puts into numbers."""

LONGEST_DIALLED = 40
"""Signs that are looked at at all, separators included."""

Fault = Literal["signs", "prefix", "length", "unknown"]
"""Why a text is no number: foreign signs in it, the outside prefix is missing, too short
or too long for its kind, or of no country or range that exists."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How a company dials. `prefix` is what phones dial before an outside number."""

    country: Country
    prefix: str
    area_code: str
    destinations: DestinationTable


@dataclass(frozen=True, slots=True)
class Number:
    """A canonical number and the row that says what it is.

    `digits` begin with the country code also for a short code; prefixes of exceptions
    and routes are compared with them.
    """

    text: str
    digits: str
    row: Row


def cleaned(dialled: str) -> str | None:
    """The text without separators; None unless it is ASCII digits after at most one +.

    Digits of other scripts (Arabic-Indic, full-width) are refused, never converted:
    they look the same and would pass filters that know ASCII alone.
    """
    if len(dialled) > LONGEST_DIALLED:
        return None
    text = "".join(sign for sign in dialled if sign not in SEPARATORS)
    digits = text.removeprefix("+")
    return text if digits.isascii() and digits.isdigit() else None


def normalise(dialled: str, rules: Rules) -> Number | Fault:
    """The number that `dialled` means for a company with these rules, or what is wrong.

    With an outside prefix only numbers behind it and numbers with + lead outside.
    """
    text = cleaned(dialled)
    if text is None:
        return "signs"
    if not text.startswith("+"):
        if not text.startswith(rules.prefix):
            return "prefix"
        text = text[len(rules.prefix) :]
    return outside_number(text, rules)


def outside_number(text: str, rules: Rules) -> Number | Fault:
    """Like `normalise` for cleaned text without an outside prefix."""
    digits = _international(text, rules)
    if digits is None:
        return "unknown"
    row = rules.destinations.row(digits)
    if row is None:
        return "unknown"
    if not row.shortest <= len(digits) <= row.longest:
        return "length"
    own = rules.country.calling_code
    return Number(digits[len(own) :] if row.short else f"+{digits}", digits, row)


def _international(text: str, rules: Rules) -> str | None:
    """All digits from the country code on; None when the text cannot be completed."""
    plan = rules.country
    if text.startswith("+"):
        return text[1:]
    if text.startswith(plan.international_prefix):
        return text[len(plan.international_prefix) :]
    if plan.trunk_prefix and text.startswith(plan.trunk_prefix):
        return plan.calling_code + text[len(plan.trunk_prefix) :]
    if not plan.trunk_prefix or _is_short(text, rules):
        return plan.calling_code + text
    if plan.local_dialling and rules.area_code:
        return plan.calling_code + rules.area_code + text
    return None


def _is_short(text: str, rules: Rules) -> bool:
    digits = rules.country.calling_code + text
    row = rules.destinations.row(digits)
    return row is not None and row.short and row.shortest <= len(digits) <= row.longest


def formatted(number: str, form: NumberFormat, plan: Country) -> str:
    """A canonical number as a trunk wants it; short codes stay as they are."""
    if not number.startswith("+"):
        return number
    digits = number[1:]
    if form == "plus":
        return number
    if form == "plain":
        return digits
    if form == "national" and digits.startswith(plan.calling_code):
        return plan.trunk_prefix + digits[len(plan.calling_code) :]
    return plan.international_prefix + digits


def received(text: str, form: NumberFormat, plan: Country) -> str:
    """A number that a trunk delivers, as E.164 with +; "" for none.

    Whatever the format, a + or the international prefix is understood, and a number
    with 0 in front is one of the country: no country code begins with 0.
    """
    kept = "".join(sign for sign in text if sign in "+0123456789")[:32]
    digits = kept.lstrip("+")
    if not digits:
        return ""
    if kept.startswith("+"):
        return f"+{digits}"
    if digits.startswith(plan.international_prefix):
        return f"+{digits[len(plan.international_prefix) :]}"
    if form != "national" and not digits.startswith("0"):
        return f"+{digits}"
    return f"+{plan.calling_code}{digits.removeprefix(plan.trunk_prefix)}"


def shown(number: str, plan: Country, prefix: str) -> str:
    """An E.164 number as phones of the company show and can dial it back."""
    return prefix + formatted(number, "national", plan) if number else ""
