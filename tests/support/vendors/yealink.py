"""Reads a Yealink configuration file as the phone does (Auto Provisioning Guide)."""

from __future__ import annotations

import datetime
import re

from tests.support.vendors import (
    Clock,
    NotUnderstood,
    ReadAccount,
    ReadKey,
    ReadPhone,
    nth_weekday,
)

_LINE = re.compile(r"([A-Za-z0-9_.]+) = (.*)")
_MAY_REPEAT = {"static.security.user_password"}
_CODECS = {"pcma": "alaw", "pcmu": "ulaw", "g722": "g722", "g729": "g729", "opus": "opus"}
_TRANSPORTS = {"0": "udp", "1": "tcp", "2": "tls"}
_KINDS = {"15": "line", "16": "blf", "13": "speed_dial"}


def parameters(content: bytes) -> dict[str, str]:
    """Name -> value; `%NULL%` is the reset to nothing. NotUnderstood for a broken file."""
    lines = content.decode("utf-8").split("\n")
    if lines[0] != "#!version:1.0.0.1" or lines[-1] != "":
        raise NotUnderstood("first line or line end")
    found: dict[str, str] = {}
    for line in lines[1:-1]:
        match = _LINE.fullmatch(line)
        if not match:
            raise NotUnderstood(f"line {line!r}")
        name, value = match[1], match[2]
        if value == "" or value != value.strip() or "\r" in value:
            raise NotUnderstood(f"value of {name}: {value!r}")
        if name in found and name not in _MAY_REPEAT:
            raise NotUnderstood(f"{name} stands twice")
        found[name] = "" if value == "%NULL%" else value
    return found


def read(content: bytes, mac: str) -> ReadPhone:
    """What a Yealink with this MAC makes of the file."""
    given = parameters(content)
    numbers = {int(m[1]) for n in given if (m := re.match(r"account\.(\d+)\.enable$", n))}
    on = sorted(n for n in numbers if given[f"account.{n}.enable"] == "1")
    keys, idle = _keys(given)
    folder = given["static.auto_provision.server.url"]
    return ReadPhone(
        accounts=tuple(_account(given, n) for n in on),
        off=frozenset(numbers - set(on)),
        keys=keys,
        idle=idle,
        clock=clock(given) if "local_time.time_zone" in given else Clock(0),
        language=given.get("lang.gui", ""),
        ntp_server=given.get("local_time.ntp_server1", ""),
        web_password=given.get("static.security.user_password", "admin:").removeprefix("admin:"),
        voicemail=given.get("voice_mail.number.1", ""),
        authority=given["static.trusted_certificates.url"],
        next_url=f"{folder}{mac}.cfg",
        refresh_s=60 * int(given["static.auto_provision.repeat.minutes"]),
        names=frozenset(given),
    )


def _account(given: dict[str, str], n: int) -> ReadAccount:
    own = {
        name.removeprefix(f"account.{n}."): value
        for name, value in given.items()
        if name.startswith(f"account.{n}.")
    }
    ranked = sorted(
        (int(own[f"codec.{name}.priority"]), codec)
        for name, codec in _CODECS.items()
        if own[f"codec.{name}.enable"] == "1"
    )
    return ReadAccount(
        index=n,
        server=own["sip_server.1.address"],
        port=int(own["sip_server.1.port"]),
        transport=_TRANSPORTS[own["sip_server.1.transport_type"]],
        user=own["user_name"],
        auth=own["auth_name"],
        secret=own["password"],
        name=own["display_name"],
        codecs=tuple(codec for _rank, codec in ranked),
        srtp={"0": False, "2": True}[own["srtp_encryption"]],
        expires_s=int(own["sip_server.1.expires"]),
        retry_s=int(own["reg_fail_retry_interval"]),
    )


_KEY = re.compile(r"(?:linekey\.(\d+)|expansion_module\.(\d+)\.key\.(\d+))\.type")


def _keys(given: dict[str, str]) -> tuple[dict[tuple[int, int], ReadKey], frozenset]:
    keys, idle = {}, set()
    for name, value in given.items():
        match = _KEY.fullmatch(name)
        if not match:
            continue
        place = (int(match[2] or 0), int(match[1] or match[3]))
        if value == "0":
            idle.add(place)
            continue
        base = name.removesuffix("type")
        keys[place] = ReadKey(
            _KINDS[value],
            int(given[f"{base}line"]),
            given[f"{base}value"],
            given[f"{base}label"],
            given[f"{base}extension"],
        )
    return keys, frozenset(idle)


def clock(given: dict[str, str]) -> Clock:
    """The time settings; the hour of a change is 0 to 23, the week 1 to 5 (the last)."""
    match = re.fullmatch(r"(?:0|([+-])(\d{1,2})(?::(\d{2}))?)", given["local_time.time_zone"])
    if not match:
        raise NotUnderstood(given["local_time.time_zone"])
    size = int(match[2] or 0) * 3600 + int(match[3] or 0) * 60
    offset = -size if match[1] == "-" else size
    if given["local_time.summer_time"] == "0":
        return Clock(offset)
    if given["local_time.summer_time"] != "1" or given["local_time.dst_time_type"] != "1":
        raise NotUnderstood("summer time")

    def change(year: int, which: str) -> datetime.datetime:
        month, week, weekday, hour = map(int, given[f"local_time.{which}_time"].split("/"))
        if not (1 <= week <= 5 and 1 <= weekday <= 7 and 0 <= hour <= 23):
            raise NotUnderstood(given[f"local_time.{which}_time"])
        day = nth_weekday(year, month, week, weekday)
        return datetime.datetime.combine(day, datetime.time(hour))

    return Clock(offset, 60 * int(given["local_time.offset_time"]), change)
