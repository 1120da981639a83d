"""Snom D3xx, D7xx, D8xx: one XML file of settings and function keys.

Sources: Snom Service Hub (configuration files, functionKeys tag, auto provisioning). An
absent element keeps what the phone has, so what is not wanted is switched off by name.
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

LABEL = "Snom"
OUIS = frozenset({"000413", "00acdc"})
CONTENT_TYPE = "text/xml; charset=utf-8"
ESCAPE = escape.xml
NOTIFY = "check-sync"
TRANSPORTS = frozenset({"udp", "tcp", "tls"})

FILE = re.compile(r"(?:snom[a-z0-9]{2,8}-)?[0-9a-f]{12}\.(?:xml|htm)", re.I | re.ASCII)
FILE_NAME_MACRO = "{mac}.xml"
"""The phone puts its MAC, in capitals, where the braces are."""

AGENT = re.compile(r"\b(?P<model>snom\w+)-SIP\s+(?P<firmware>[\d.]+)", re.I | re.ASCII)
_AGENT_MAC = re.compile(r"\b([0-9A-F]{12})\b", re.I | re.ASCII)

_CODECS = {"g722": "g722", "alaw": "pcma", "ulaw": "pcmu", "g729": "g729", "opus": "opus"}
_LANGUAGES = {"it": "Italiano", "en": "English"}


def agent_mac(user_agent: str) -> str | None:
    """The MAC; firmware before 8.7.5 sends none."""
    found = _AGENT_MAC.search(user_agent)
    return found[1] if found else None


def file_name(mac: str) -> str:
    return f"{mac.upper()}.xml"


def values(phone: Phone, rule: ZoneRule) -> Mapping[str, Any]:
    """What the template writes besides the phone itself."""
    host = f"[{phone.server}]" if is_ip_address(phone.server) and ":" in phone.server else ""
    return {
        "outbound": f"{host or phone.server}:{phone.port};transport={phone.transport}",
        "codecs": ",".join((*(_CODECS[codec] for codec in phone.codecs), "telephone-event")),
        "unused_accounts": range(len(phone.accounts) + 1, phone.model.facts.accounts + 1),
        "language": _LANGUAGES[phone.language],
        "tones": tones.SNOM.get(phone.country),
        "offset": rule.offset_s,
        "clock": _clock(rule),
        "keys": tuple(_keys(phone)),
        "webserver": "webserver" in phone.model.facts.options,
        "file": f"{phone.address.reveal()}{FILE_NAME_MACRO}",
    }


def can_express(rule: ZoneRule) -> bool:
    """Whether summer time fits month.week.weekday and a time of that same day."""
    return all(change.day_shift == 0 for change in rule.changes or ())


def _clock(rule: ZoneRule) -> str:
    """Seconds saved, beginning and end; empty where there is no summer time."""
    if rule.changes is None:
        return ""
    start, end = rule.changes
    return f"{rule.saving_s} {_moment(start)} {_moment(end)}"


def _moment(change: ClockChange) -> str:
    """Month.week.weekday and the time; week 5 is the last, Monday is 1 and Sunday 7."""
    hours, minutes, seconds = change.clock
    day = f"{change.month:02d}.{change.week:02d}.{change.monday_weekday:02d}"
    return f"{day} {hours:02d}:{minutes:02d}:{seconds:02d}"


def _keys(phone: Phone) -> Iterator[Mapping[str, Any]]:
    """Every key; `idx` counts from 0 and goes on into the side modules."""
    placed = keys.fitting(phone.keys, phone.model, phone.modules)
    for position in range(1, phone.model.capacity(phone.modules) + 1):
        key = placed.get(position)
        yield {
            "idx": position - 1,
            "context": str(key.line) if key else "active",
            "label": key.label if key else "",
            "action": _action(phone, key),
        }


def _action(phone: Phone, key: keys.Key | None) -> str:
    if key is None:
        return "none"
    if key.kind == "blf":
        pickup = phone.codes.pickup
        return f"blf {key.value}|{pickup}" if pickup else f"blf {key.value}"
    return f"speed {key.value}" if key.kind == "speed_dial" else "line"


def problems(phone: Phone) -> Iterator[Problem]:
    """What this family cannot do as wished."""
    if phone.country not in tones.SNOM:
        text = "tones stay as the phone has them: none are known for %(country)s"
        yield Problem(text, {"country": phone.country})
