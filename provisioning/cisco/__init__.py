"""Cisco IP Phone 6800, 7800, 8800 with multiplatform firmware: one flat XML profile.

Sources: Cisco IP Phone 6800/7800/8800 Series Multiplatform Phones Provisioning Guide. An
absent element keeps what the phone has; of two with one name the last counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from appliance.render import escape
from appliance.state.fields import is_ip_address
from provisioning import keys, tones
from provisioning.phones import Phone
from provisioning.problem import Problem
from provisioning.zones import ClockChange, ZoneRule

LABEL = "Cisco"
OUIS: frozenset[str] = frozenset()
"""Cisco owns many hundreds; guessing among a few would mislead."""

CONTENT_TYPE = "text/xml; charset=utf-8"
ESCAPE = escape.xml
NOTIFY = "resync"
TRANSPORTS = frozenset({"udp", "tcp", "tls"})

FILE = re.compile(r"[0-9a-f]{12}\.xml", re.I | re.ASCII)
FILE_NAME_MACRO = "$MA.xml"
"""The phone puts its MAC, in small letters, in the place of $MA."""

AGENT = re.compile(r"^Cisco-CP-(?P<model>\d{4})-3PCC/(?P<firmware>\S+)", re.ASCII)
_AGENT_MAC = re.compile(r"\(([0-9A-Fa-f]{12})\)")

_CODECS = {"g722": "G722", "alaw": "G711a", "ulaw": "G711u", "g729": "G729a", "opus": "OPUS"}
_RANKS = ("Preferred_Codec", "Second_Preferred_Codec", "Third_Preferred_Codec")
_LANGUAGES = {"it": ("Italian", "it-IT"), "en": ("English-UK", "en-GB")}
_NO_TIME_ZONE_RULE = "start=1/1/0/0:0:0;end=1/1/0/0:0:0;save=0:0:0"


def agent_mac(user_agent: str) -> str | None:
    found = _AGENT_MAC.search(user_agent)
    return found[1] if found else None


def file_name(mac: str) -> str:
    return f"{mac}.xml"


def values(phone: Phone, rule: ZoneRule) -> Mapping[str, Any]:
    """What the template writes besides the phone itself."""
    host = f"[{phone.server}]" if is_ip_address(phone.server) and ":" in phone.server else ""
    language, locale = _LANGUAGES[phone.language]
    return {
        "proxy": f"{host or phone.server}:{phone.port}",
        "transport": phone.transport.upper(),
        "codecs": tuple(_codecs(phone)),
        "unused_accounts": range(len(phone.accounts) + 1, phone.model.facts.accounts + 1),
        "language": language,
        "locale": locale,
        "tones": tones.CISCO.get(phone.country, {}),
        "offset": offset(rule.offset_s),
        "clock": _clock(rule),
        "keys": tuple(_keys(phone)),
        "file": f"{phone.address.reveal()}{FILE_NAME_MACRO}",
    }


def _codecs(phone: Phone) -> Iterator[tuple[str, str]]:
    """(parameter, codec) for the three ranks that a line has."""
    for index, name in enumerate(_RANKS):
        known = index < len(phone.codecs)
        yield name, _CODECS[phone.codecs[index]] if known else "Unspecified"


def offset(seconds: int) -> str:
    """GMT, GMT+01:00, GMT-03:30 …"""
    if not seconds:
        return "GMT"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"GMT{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}"


def can_express(rule: ZoneRule) -> bool:
    """Whether each change falls on a weekday on or after a date, or the month's last one."""
    return rule.offset_s % 60 == 0 and all(_day(change) for change in rule.changes or ())


def _day(change: ClockChange) -> int | None:
    """The day of the rule: -1 the last such weekday, else the first on or after that date.

    POSIX's "third Sunday" is "the first Sunday on or after the 15th", and a time beyond
    midnight moves both the date and the weekday. None where that leaves the month or
    would need "the day after the last …".
    """
    if change.week == 5:
        return -1 if change.day_shift == 0 else None
    day = 7 * (change.week - 1) + 1 + change.day_shift
    return day if 1 <= day <= 22 + 3 else None


def _clock(rule: ZoneRule) -> str:
    if rule.changes is None:
        return ""
    start, end = rule.changes
    hours, minutes = divmod(rule.saving_s // 60, 60)
    return f"start={_moment(start)};end={_moment(end)};save={hours}:{minutes}:0"


def _moment(change: ClockChange) -> str:
    """Month/day/weekday/time; Monday is 1 and Sunday 7."""
    hours, minutes, seconds = change.clock
    return f"{change.month}/{_day(change)}/{change.monday_weekday}/{hours}:{minutes}:{seconds}"


def _keys(phone: Phone) -> Iterator[Mapping[str, Any]]:
    """Every key: a line number, or a function on a key whose extension is Disabled.

    Function keys come first, line keys last, because the last of two counts.
    """
    placed = keys.fitting(phone.keys, phone.model, phone.modules)
    both = [(n, placed.get(n)) for n in range(1, phone.model.facts.keys + 1)]
    for position, key in sorted(both, key=lambda pair: (_is_line(pair[1]), pair[0])):
        is_line = _is_line(key)
        yield {
            "position": position,
            "extension": key.line if key and is_line else "Disabled",
            "name": _short_name(phone, key),
            "function": "" if key is None or is_line else _function(key),
        }


def _is_line(key: keys.Key | None) -> bool:
    return key is not None and key.kind == "line"


def _short_name(phone: Phone, key: keys.Key | None) -> str:
    if key is None:
        return ""
    if key.kind == "line" and key.line <= len(phone.accounts):
        return key.label or phone.accounts[key.line - 1].number
    return key.label or key.value


_FUNCTION_SIGNS = re.compile(r"[;$]")


def _function(key: keys.Key) -> str:
    """The extended function; `;` would begin a new part and $ a macro, so they go."""
    name = _FUNCTION_SIGNS.sub(" ", key.label or key.value).strip()
    what = ("blf+sd+cp", "sub") if key.kind == "blf" else ("sd", "ext")
    return f"fnc={what[0]};{what[1]}={key.value}@$PROXY;nme={name}"


def problems(phone: Phone) -> Iterator[Problem]:
    """What this family cannot do as wished."""
    if phone.country not in tones.CISCO:
        text = "tones stay as the phone has them: none are known for %(country)s"
        yield Problem(text, {"country": phone.country})
    if phone.modules:
        yield Problem("keys of side modules are not written for this family yet")
