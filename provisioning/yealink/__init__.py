"""Yealink SIP-T3x, T4x, T5x: lines of `key = value`, firmware V83 and later.

Sources: Yealink Auto Provisioning Guide and Administrator's Guide (V83 to V86). An
absent or empty key keeps what the phone has, so what is not wanted is reset by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from appliance.render import escape
from provisioning import keys, tones
from provisioning.phones import Phone
from provisioning.problem import Problem
from provisioning.zones import ClockChange, ZoneRule

LABEL = "Yealink"
OUIS = frozenset(
    {
        "001565",
        "249ad8",
        "3497d7",
        "44dbd2",
        "644f56",
        "805e0c",
        "805ec0",
        "b061a9",
        "c4fc22",
        "e434d7",
        "ec1da9",
        "f01653",
    }
)
CONTENT_TYPE = "text/plain; charset=utf-8"
ESCAPE = escape.yealink_value
NOTIFY = "check-sync"
TRANSPORTS = frozenset({"udp", "tcp", "tls"})

FILE = re.compile(r"[0-9a-f]{12}\.cfg", re.I | re.ASCII)
FILE_NAME_MACRO = ""
"""Yealink is given a folder and appends the names of its files itself."""

AGENT = re.compile(
    r"^yealink\s+(?:SIP(?:\sVP)?-)?(?P<model>\w+)\s+(?P<firmware>[\d.]+)(?:\s|$)", re.I | re.ASCII
)
_AGENT_MAC = re.compile(r"\s([0-9a-fA-F:]{12,17})$")

_TRANSPORT = {"udp": 0, "tcp": 1, "tls": 2}
_CODECS = {"g722": "g722", "alaw": "pcma", "ulaw": "pcmu", "g729": "g729", "opus": "opus"}
_LANGUAGES = {"it": "Italian", "en": "English"}
_KEY_TYPES = {"line": 15, "blf": 16, "speed_dial": 13}
_NO_KEY = 0
_SRTP_COMPULSORY = 2


def agent_mac(user_agent: str) -> str | None:
    """The MAC at the end; one firmware leaves a colon out, so they are dropped anyway."""
    found = _AGENT_MAC.search(user_agent)
    return found[1] if found else None


def file_name(mac: str) -> str:
    return f"{mac}.cfg"


def values(phone: Phone, rule: ZoneRule) -> Mapping[str, Any]:
    """What the template writes besides the phone itself."""
    return {
        "transport": _TRANSPORT[phone.transport],
        "srtp": _SRTP_COMPULSORY if phone.srtp else 0,
        "codecs": _codecs(phone),
        "unused_accounts": range(len(phone.accounts) + 1, phone.model.facts.accounts + 1),
        "language": _LANGUAGES[phone.language],
        "tones": tones.YEALINK.get(phone.country),
        "offset": offset(rule.offset_s),
        "clock": _clock(rule),
        "keys": tuple(_keys(phone)),
        "modules": tuple(_modules(phone)),
        "refresh_minutes": max(1, phone.refresh_s // 60),
    }


def _codecs(phone: Phone) -> tuple[tuple[str, int], ...]:
    """(Yealink's name, rank) of each codec that the family knows; rank 0 turns it off."""
    rank = {codec: index for index, codec in enumerate(phone.codecs, 1)}
    return tuple((name, rank.get(codec, 0)) for codec, name in _CODECS.items())


def offset(seconds: int) -> str:
    """Hours from UTC as the phone writes them: +1, -3:30, +5:45, 0."""
    if not seconds:
        return "0"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    sign = "-" if seconds < 0 else "+"
    return f"{sign}{hours}:{minutes:02d}" if minutes else f"{sign}{hours}"


def can_express(rule: ZoneRule) -> bool:
    """Whether summer time fits month/week/weekday/hour: whole hours of the day named."""
    if rule.offset_s % 60 or rule.saving_s % 60:
        return False
    return all(change.time_s in range(0, 86400, 3600) for change in rule.changes or ())


def _clock(rule: ZoneRule) -> Mapping[str, Any] | None:
    if rule.changes is None:
        return None
    start, end = rule.changes
    return {"start": _moment(start), "end": _moment(end), "minutes": rule.saving_s // 60}


def _moment(change: ClockChange) -> str:
    """Month/week/weekday/hour; week 5 is the last, Monday is 1 and Sunday 7."""
    return f"{change.month}/{change.week}/{change.monday_weekday}/{change.clock[0]}"


def _keys(phone: Phone) -> Iterator[Mapping[str, Any]]:
    """Every key of the phone itself, the unused ones with type 0."""
    placed = keys.fitting(phone.keys, phone.model, phone.modules)
    for position in range(1, phone.model.facts.keys + 1):
        yield {"name": f"linekey.{position}", **_key(phone, placed.get(position))}


def _modules(phone: Phone) -> Iterator[Mapping[str, Any]]:
    placed = keys.fitting(phone.keys, phone.model, phone.modules)
    for position in range(phone.model.facts.keys + 1, phone.model.capacity(phone.modules) + 1):
        where = keys.place(phone.model, position)
        name = f"expansion_module.{where.module}.key.{where.key}"
        yield {"name": name, **_key(phone, placed.get(position))}


def _key(phone: Phone, key: keys.Key | None) -> dict[str, Any]:
    if key is None:
        return {"type": _NO_KEY, "line": None, "value": None, "label": None, "extension": None}
    return {
        "type": _KEY_TYPES[key.kind],
        "line": key.line,
        "value": key.value or None,
        "label": key.label or None,
        "extension": phone.codes.pickup if key.kind == "blf" else None,
    }


def problems(phone: Phone) -> Iterator[Problem]:
    """What this family cannot do as wished."""
    if phone.country not in tones.YEALINK:
        text = "tones stay as the phone has them: none are known for %(country)s"
        yield Problem(text, {"country": phone.country})
