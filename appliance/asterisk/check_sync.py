"""Asks a telephone to fetch its configuration anew, but never in the middle of a call.

A NOTIFY goes to an endpoint, which is one line of one device, so no other phone of the
same extension hears it. What it says stands in pjsip_notify.conf: a check-sync that does
not restart the phone, or Cisco's own word for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from appliance.asterisk.console import Console

Event = Literal["check-sync", "resync"]
"""Names of sections in pjsip_notify.conf."""

Outcome = Literal["sent", "busy", "absent"]

_FREE = "NOT_INUSE"
_ABSENT = frozenset({"UNAVAILABLE", "INVALID", "UNKNOWN"})
_RESULT = re.compile(r"^Result: (\w+)", re.M)


def check_sync(console: Console, endpoints: Sequence[str], event: Event) -> Outcome:
    """Send `event` to the first registered one of a device's endpoints.

    "busy" when one of them rings or is in a call, "absent" when none is registered.
    ConsoleError when Asterisk does not answer.
    """
    states = {endpoint: _state(console, endpoint) for endpoint in endpoints}
    if any(state not in {_FREE, *_ABSENT} for state in states.values()):
        return "busy"
    free = [endpoint for endpoint, state in states.items() if state == _FREE]
    if not free:
        return "absent"
    console.ask(f"pjsip send notify {event} endpoint {free[0]}")
    return "sent"


def _state(console: Console, endpoint: str) -> str:
    answer = console.ask(f"dialplan eval function DEVICE_STATE(PJSIP/{endpoint})")
    found = _RESULT.search(answer)
    return found[1] if found else "UNKNOWN"
