"""Voicemail boxes that were locked because somebody guessed their PIN.

The dialplan counts wrong PINs in Asterisk's database, over all calls; here they are read
and taken away. What it does with them stands in `docs/telephony.md`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from appliance.asterisk.console import Console
from appliance.asterisk.names import VOICEMAIL_WRONG_PINS as FAMILY
from appliance.services.voicemail_boxes import MOST_WRONG_PINS

_LINE = re.compile(rf"^/{FAMILY}/([0-9]{{2,8}}) *: ([0-9]{{1,6}}) *$", re.M)
"""A line of `database show` (main/db.c, handle_cli_database_show: "%-50s: %-25s")."""


@dataclass(frozen=True, slots=True)
class WrongPins:
    """How often a wrong PIN was given for the box of `number` since its owner listened."""

    number: str
    tries: int

    @property
    def locked(self) -> bool:
        """Whether only its own telephones open the box."""
        return self.tries >= MOST_WRONG_PINS


def locked(console: Console) -> tuple[WrongPins, ...]:
    """The locked boxes by number; ConsoleError when Asterisk does not answer."""
    found = _LINE.findall(console.ask(f"database show {FAMILY}"))
    counts = (WrongPins(number, int(tries)) for number, tries in found)
    return tuple(sorted((each for each in counts if each.locked), key=lambda each: each.number))


def unlock(console: Console, number: str) -> bool:
    """Set the count of a box to nothing; False when it was not locked."""
    if number not in {each.number for each in locked(console)}:
        return False
    console.ask(f"database del {FAMILY} {number}")
    return True
