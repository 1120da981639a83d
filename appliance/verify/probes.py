"""A probe: one question to Asterisk's console, or to the machine, and what its answer must hold."""

from __future__ import annotations

import re
from dataclasses import dataclass

NOT_IN_MAP = "Return Value: Failure"
"""How the console answers AST_CONFIG() for a section that does not exist."""

NO_SUCH_OBJECT = "Unable to find object"
"""How the console answers `pjsip show …` for an object that does not exist."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One question about one object.

    `where` is the portal object that is to blame when the answer is wrong, e.g.
    `devices/reception`. Blanks in answers are folded, so `holds` can be written as
    `context : from-phone`. `absent` is what the answer holds once the object is gone.
    `meaning` says what is wrong when the answer is, for answers that nobody should read.
    `target` is "" for Asterisk, else the reload name (`network`, `firewall` …) of what the
    machine itself is asked about, and `command` then one of
    `appliance.system.actions.QUESTIONS`. `within_s` is how long the answer may take to
    become right, for daemons that do their work after they have said yes.
    """

    where: str
    command: str
    holds: tuple[str, ...]
    absent: str = ""
    meaning: str = ""
    target: str = ""
    within_s: float = 0.0

    def mismatch(self, answer: str) -> str:
        """What is missing in the answer, or "" when everything is there."""
        text = folded(answer)
        missing = [part for part in self.holds if folded(part) not in text]
        return (self.meaning if missing else "") or ", ".join(missing)

    def still_there(self, answer: str) -> bool:
        """Whether an object that was removed still answers."""
        return bool(self.absent) and folded(self.absent) not in folded(answer)


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def folded(text: str) -> str:
    """The text without colours, with every run of blanks as a single one."""
    return " ".join(_COLOUR.sub("", text).split())
