"""Sends alarms by mail: soon, never twice without need, and never many at once."""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from appliance import product
from appliance.services.alarms import State
from appliance.system.alarms import Alarm, AlarmBook

log = logging.getLogger("alarms.mail")

SETTLE_S = 30
"""An alarm that is over within this time is not sent: a restart is no news."""

AT_MOST_EVERY_S = 300
"""Pause between two mails; what comes meanwhile goes together into the next one."""

HAND_IN_WITHIN_S = 30


@dataclass(slots=True)
class AlarmMailer:
    """Hands mails about the alarms of `book` to the relay. `command` reads one from its
    standard input; `host_name` says which machine speaks."""

    book: AlarmBook
    command: Sequence[str]
    host_name: str
    clock: Callable[[], float] = time.time
    _last: float = field(default=0.0)

    def look(self, wanted: State, sender: str) -> bool:
        """Send what is due; whether there was something. An empty `sender` means that no
        mail server is set up."""
        if not wanted.addresses or not sender or self.clock() - self._last < AT_MOST_EVERY_S:
            return False
        due = [alarm for alarm in self.book.open() if self._due(alarm, wanted)]
        over = [alarm for alarm in self.book.over() if self._to_be_called_off(alarm)]
        if not due and not over:
            return False
        self._last = self.clock()
        if self._hand_in(compose(due, over, wanted, sender, self.host_name)):
            self.book.mailed(alarm.key for alarm in due)
        return True

    def _due(self, alarm: Alarm, wanted: State) -> bool:
        now = self.clock()
        if alarm.acknowledged or (wanted.least == "critical" and alarm.kind.level != "critical"):
            return False
        if not alarm.mailed:
            return now - alarm.since >= SETTLE_S
        return now - alarm.mailed >= wanted.repeat_after_h * 3600

    def _to_be_called_off(self, alarm: Alarm) -> bool:
        """Whether it was sent, and is over since the last mail."""
        return bool(alarm.mailed) and alarm.until > self._last > 0

    def _hand_in(self, message: EmailMessage) -> bool:
        try:
            subprocess.run(
                list(self.command),
                input=message.as_bytes(),
                capture_output=True,
                check=True,
                timeout=HAND_IN_WITHIN_S,
            )
        except (OSError, subprocess.SubprocessError) as error:
            log.error("the relay does not take a mail: %s", type(error).__name__)
            return False
        return True


_SUBJECTS = {
    "it": ("%(host)s: %(count)d allarmi", "%(host)s: %(text)s", "%(host)s: allarme rientrato"),
    "en": ("%(host)s: %(count)d alarms", "%(host)s: %(text)s", "%(host)s: alarm over"),
}
_WORDS = {
    "it": {
        "critical": "GRAVE",
        "warning": "Avviso",
        "over": "Rientrati",
        "foot": "Gli allarmi aperti sono nel portale, alla pagina Allarmi.",
    },
    "en": {
        "critical": "CRITICAL",
        "warning": "Warning",
        "over": "Over",
        "foot": "Open alarms are in the portal, on the page Alarms.",
    },
}


def compose(
    due: Sequence[Alarm], over: Sequence[Alarm], wanted: State, sender: str, host_name: str
) -> EmailMessage:
    """One mail about all of these, in the wanted language."""
    language, words = wanted.language, _WORDS[wanted.language]
    message = EmailMessage()
    message["From"] = f"{product.NAME} <{sender}>"
    message["To"] = ", ".join(wanted.addresses)
    message["Subject"] = _subject(due, language, host_name)
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    # RFC 3834: nobody's absence notice answers a machine.
    message["Auto-Submitted"] = "auto-generated"
    parts = [
        f"{words[alarm.kind.level]}: {alarm.text(language)}\n{alarm.advice(language)}"
        for alarm in due
    ]
    if over:
        parts.append("\n".join([f"{words['over']}:", *(f"- {a.text(language)}" for a in over)]))
    message.set_content("\n\n".join([*parts, words["foot"]]) + "\n")
    return message


def _subject(due: Sequence[Alarm], language: str, host_name: str) -> str:
    many, one, over = _SUBJECTS[language]
    if not due:
        return over % {"host": host_name}
    if len(due) > 1:
        return many % {"host": host_name, "count": len(due)}
    return (one % {"host": host_name, "text": due[0].text(language)})[:180]
