"""Reads a Snom settings file as the phone does (Service Hub: configuration files)."""

from __future__ import annotations

import datetime
import re
import xml.etree.ElementTree as ET

from tests.support.vendors import (
    Clock,
    NotUnderstood,
    ReadAccount,
    ReadKey,
    ReadPhone,
    nth_weekday,
)

_CONTAINERS = ("phone-settings", "functionKeys", "certificates")
_PERMISSIONS = {"R", "RW", "!", "$", "&", ""}
_ACTIONS = {"line", "blf", "speed", "none"}
_CODECS = {"pcma": "alaw", "pcmu": "ulaw", "g722": "g722"}


def settings(content: bytes) -> dict[tuple[str, int], str]:
    """(name, idx) -> value; idx 0 for settings of the phone as a whole."""
    root = ET.fromstring(content)
    if root.tag != "settings" or any(child.tag not in _CONTAINERS for child in root):
        raise NotUnderstood("containers")
    found: dict[tuple[str, int], str] = {}
    for element in root.iterfind("phone-settings/*"):
        if element.get("perm") not in _PERMISSIONS or len(element):
            raise NotUnderstood(element.tag)
        place = (element.tag, int(element.get("idx", "0")))
        if place in found:
            raise NotUnderstood(f"{place} stands twice")
        found[place] = element.text or ""
    return found


def read(content: bytes, mac: str) -> ReadPhone:
    """What a Snom with this MAC makes of the file."""
    given = settings(content)
    root = ET.fromstring(content)
    numbers = {idx for name, idx in given if name == "user_active"}
    on = sorted(n for n in numbers if given["user_active", n] == "on")
    keys, idle = _keys(root)
    (certificate,) = root.iterfind("certificates/certificate")
    password = given.get(("webserver_admin_password", 0), given.get(("http_pass", 0), ""))
    dkey = given.get(("dkey_retrieve", 0), "none")
    return ReadPhone(
        accounts=tuple(_account(given, n) for n in on),
        off=frozenset(numbers - set(on)),
        keys=keys,
        idle=idle,
        clock=clock(given) if ("utc_offset", 0) in given else Clock(0),
        language=given.get(("language", 0), ""),
        ntp_server=given.get(("ntp_server", 0), ""),
        web_password=password,
        voicemail="" if dkey == "none" else dkey.removeprefix("speed "),
        authority=certificate.attrib["url"],
        next_url=given["setting_server", 0].replace("{mac}", mac.upper()),
        refresh_s=int(given["prov_polling_period", 0]),
        names=frozenset(name for name, _idx in given),
    )


def _account(given: dict[tuple[str, int], str], n: int) -> ReadAccount:
    match = re.fullmatch(
        r"(\[[0-9a-f:]+\]|[^:;]+):(\d+);transport=(udp|tcp|tls)", given["user_outbound", n]
    )
    if not match:
        raise NotUnderstood(given["user_outbound", n])
    codecs = given["codec_priority_list", n].split(",")
    if codecs.pop() != "telephone-event":
        raise NotUnderstood("codec_priority_list")
    encrypted = (given["user_srtp", n], given["user_savp", n])
    return ReadAccount(
        index=n,
        server=match[1].strip("[]"),
        port=int(match[2]),
        transport=match[3],
        user=given["user_name", n],
        auth=given["user_pname", n],
        secret=given["user_pass", n],
        name=given["user_realname", n],
        codecs=tuple(_CODECS[codec] for codec in codecs),
        srtp={("on", "mandatory"): True, ("off", "off"): False}[encrypted],
        expires_s=int(given["user_expiry", n]),
        retry_s=int(given["retry_after_failed_register", 0]),
    )


def _keys(root: ET.Element) -> tuple[dict[tuple[int, int], ReadKey], frozenset]:
    keys, idle = {}, set()
    for element in root.iterfind("functionKeys/fkey"):
        place = (0, int(element.attrib["idx"]) + 1)
        action, _, argument = (element.text or "").partition(" ")
        if action not in _ACTIONS or place in keys or place in idle:
            raise NotUnderstood(f"fkey {element.attrib}")
        if action == "none":
            idle.add(place)
            continue
        value, _, pickup = argument.partition("|")
        kind = {"speed": "speed_dial"}.get(action, action)
        line = int(element.attrib["context"])
        keys[place] = ReadKey(kind, line, value, element.attrib["label"], pickup)
    return keys, frozenset(idle)


def clock(given: dict[tuple[str, int], str]) -> Clock:
    """`utc_offset` and `dst`: an empty time zone name leaves these two in charge."""
    if given["timezone", 0] != "":
        raise NotUnderstood("timezone beats utc_offset")
    offset, text = int(given["utc_offset", 0]), given["dst", 0]
    if not text:
        return Clock(offset)
    moment = r"(\d\d)\.(\d\d)\.(\d\d) (\d\d):(\d\d):(\d\d)"
    match = re.fullmatch(rf"(\d+) {moment} {moment}", text)
    if not match:
        raise NotUnderstood(text)

    def change(year: int, which: str) -> datetime.datetime:
        first = 2 if which == "start" else 8
        month, week, weekday, *time = (int(match[first + i]) for i in range(6))
        return datetime.datetime.combine(
            nth_weekday(year, month, week, weekday), datetime.time(*time)
        )

    return Clock(offset, int(match[1]), change)
