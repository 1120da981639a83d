"""The bans that are in force: listed, and lifted by hand."""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from appliance.system.actions import ActionFailed, Actions
from appliance.system.bans import JAILS

Jail = Literal["sip", "portal", "provisioning"]

_LINE = re.compile(r"(\S+)\s+(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) \+ (-?\d+) =")


@dataclass(frozen=True, slots=True)
class Ban:
    """One banned address. `since` and `until` are seconds since 1970, UTC; `until` 0 is never.
    The jail is the reason: what was guessed at."""

    address: str
    jail: str
    since: int
    until: int


def bans(actions: Actions) -> tuple[Ban, ...]:
    """Every ban, the newest first; none where fail2ban does not run or is not ours."""
    found = [ban for jail in JAILS for ban in _of_jail(actions, jail)]
    return tuple(sorted(found, key=lambda ban: -ban.since))


def _of_jail(actions: Actions, jail: str) -> Iterator[Ban]:
    try:
        listed = actions.ask_bans("get", jail, "banip", "--with-time")
    except ActionFailed:
        return
    for address, begun, seconds in _LINE.findall(listed):
        since = int(datetime.datetime.fromisoformat(begun).timestamp())
        length = int(seconds)
        yield Ban(address, jail, since, since + length if length >= 0 else 0)


def lift(actions: Actions, jail: str, address: str) -> bool:
    """Let an address in again; whether it was banned. ActionFailed when that did not work."""
    if jail not in JAILS:
        raise ValueError("no such jail")
    plain = str(ipaddress.ip_address(address))
    return actions.ask_bans("set", jail, "unbanip", plain).strip() not in ("", "0")
