"""Whether the lines to carriers work: their registrations, and whether carriers answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from appliance.asterisk.console import Console, ConsoleError
from appliance.services.trunks import Trunk
from appliance.system.alarms import Raised

NOT_REGISTERED = "not registered / non registrata"
NO_ANSWER = "no answer / nessuna risposta"


def down(console: Console, trunks: Iterable[Trunk]) -> list[Raised] | None:
    """An alarm for each enabled trunk that does not work; None when Asterisk cannot be
    asked, which says nothing about the trunks."""
    asked = list(_questions(trunks))
    try:
        answers = list(console.ask_all(command for _trunk, command in asked))
    except ConsoleError:
        return None
    found: dict[str, Raised] = {}
    for (trunk, _command), answer in zip(asked, answers, strict=True):
        reason = _reason(trunk, answer)
        if reason:
            subject = trunk.label
            found.setdefault(trunk.id, Raised("trunk-down", subject, {"reason": reason}))
    return list(found.values())


def _questions(trunks: Iterable[Trunk]) -> Iterator[tuple[Trunk, str]]:
    for trunk in trunks:
        if not trunk.enabled:
            continue
        if trunk.registers:
            yield trunk, f"pjsip show registration {trunk.name}"
        if trunk.qualify_s:
            yield trunk, f"pjsip show aor {trunk.name}"


def _reason(trunk: Trunk, answer: str) -> str:
    """What is wrong according to one answer, "" for nothing.

    The states are those of res_pjsip_outbound_registration.c and res_pjsip/location.c; one
    that has only just begun (Unregistered, Unknown, NonQual) is no fault yet.
    """
    name = re.escape(trunk.name)
    registration = re.search(rf"^ *{name}/\S+ +\S+ +(Rejected|Stopped)\b", answer, re.M)
    if registration:
        return NOT_REGISTERED
    contact = re.search(rf"^ *Contact: +{name}/\S+ +\S+ +Unavail\b", answer, re.M)
    return NO_ANSWER if contact else ""
