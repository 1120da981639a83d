"""Reads a Cisco flat profile as a multiplatform phone does (Provisioning Guide)."""

from __future__ import annotations

import datetime
import re
import xml.etree.ElementTree as ET

from tests.support.vendors import Clock, NotUnderstood, ReadAccount, ReadKey, ReadPhone

_CODECS = {"G711a": "alaw", "G711u": "ulaw", "G722": "g722"}
_RANKS = ("Preferred_Codec", "Second_Preferred_Codec", "Third_Preferred_Codec")


def profile(content: bytes) -> dict[str, str]:
    """Element -> text; of two with one name the last counts."""
    root = ET.fromstring(content)
    if root.tag != "flat-profile":
        raise NotUnderstood(root.tag)
    found = {}
    for element in root:
        if len(element) or element.get("ua") not in ("na", "ro", "rw"):
            raise NotUnderstood(element.tag)
        found[element.tag] = element.text or ""
    return found


def read(content: bytes, mac: str) -> ReadPhone:
    """What a Cisco with this MAC makes of the file."""
    given = profile(content)
    numbers = {int(m[1]) for name in given if (m := re.match(r"Line_Enable_(\d+)_$", name))}
    on = sorted(n for n in numbers if given[f"Line_Enable_{n}_"] == "Yes")
    keys, idle = _keys(given)
    return ReadPhone(
        accounts=tuple(_account(given, n) for n in on),
        off=frozenset(numbers - set(on)),
        keys=keys,
        idle=idle,
        clock=clock(given) if "Time_Zone" in given else Clock(0),
        language=given.get("Language_Selection", ""),
        ntp_server=given.get("Primary_NTP_Server", ""),
        web_password=given.get("Admin_Password", ""),
        voicemail=given.get("Voice_Mail_Number", ""),
        authority=given["Custom_CA_Rule"],
        next_url=given["Profile_Rule"].replace("$MA", mac.lower()),
        refresh_s=int(given["Resync_Periodic"]),
        names=frozenset(given),
    )


def _account(given: dict[str, str], n: int) -> ReadAccount:
    match = re.fullmatch(r"(\[[0-9a-f:]+\]|[^:]+):(\d+)", given[f"Proxy_{n}_"])
    if not match or given[f"Register_{n}_"] != "Yes":
        raise NotUnderstood(given[f"Proxy_{n}_"])
    ranked = [given[f"{rank}_{n}_"] for rank in _RANKS]
    return ReadAccount(
        index=n,
        server=match[1].strip("[]"),
        port=int(match[2]),
        transport={"UDP": "udp", "TCP": "tcp", "TLS": "tls"}[given[f"SIP_Transport_{n}_"]],
        user=given[f"User_ID_{n}_"],
        auth=given[f"Auth_ID_{n}_"],
        secret=given[f"Password_{n}_"],
        name=given[f"Display_Name_{n}_"],
        codecs=tuple(_CODECS[codec] for codec in ranked if codec != "Unspecified"),
        srtp={"Required": True, "Optional": False}[given[f"Secure_Call_Option_{n}_"]],
        expires_s=int(given[f"Register_Expires_{n}_"]),
        retry_s=int(given["Reg_Retry_Intvl"]),
    )


_FUNCTION = re.compile(r"fnc=([a-z+]+);(?:sub|ext)=([^;@]+)@\$PROXY;nme=([^;]*)")
_FUNCTIONS = {frozenset({"blf", "sd", "cp"}): "blf", frozenset({"sd"}): "speed_dial"}


def _keys(given: dict[str, str]) -> tuple[dict[tuple[int, int], ReadKey], frozenset]:
    keys, idle = {}, set()
    for name, extension in given.items():
        match = re.fullmatch(r"Extension_(\d+)_", name)
        if not match:
            continue
        n = int(match[1])
        label, function = given[f"Short_Name_{n}_"], given[f"Extended_Function_{n}_"]
        if extension != "Disabled":
            keys[0, n] = ReadKey("line", int(extension), "", label)
        elif not function:
            idle.add((0, n))
        else:
            found = _FUNCTION.fullmatch(function)
            if not found:
                raise NotUnderstood(function)
            kind = _FUNCTIONS[frozenset(found[1].split("+"))]
            pickup = given["Call_Pickup_Code"] if kind == "blf" else ""
            keys[0, n] = ReadKey(kind, 1, found[2], label, pickup)
    return keys, frozenset(idle)


def clock(given: dict[str, str]) -> Clock:
    """Zone and rule: a positive day means the weekday on or after it, -1 the last one."""
    match = re.fullmatch(r"GMT(?:([+-])(\d\d):(\d\d))?", given["Time_Zone"])
    if not match:
        raise NotUnderstood(given["Time_Zone"])
    size = int(match[2] or 0) * 3600 + int(match[3] or 0) * 60
    offset = -size if match[1] == "-" else size
    if given["Daylight_Saving_Time_Enable"] == "No":
        return Clock(offset)
    parts = dict(part.split("=") for part in given["Daylight_Saving_Time_Rule"].split(";"))
    hours, minutes, seconds = map(int, parts["save"].split(":"))

    def change(year: int, which: str) -> datetime.datetime:
        month, day, weekday, time = parts[which].split("/")
        hour, minute, second = map(int, time.split(":"))
        if not 0 <= hour <= 23:
            raise NotUnderstood(time)
        date = _on_or_after(year, int(month), int(day), int(weekday))
        return datetime.datetime.combine(date, datetime.time(hour, minute, second))

    return Clock(offset, hours * 3600 + minutes * 60 + seconds, change)


def _on_or_after(year: int, month: int, day: int, weekday: int) -> datetime.date:
    one = datetime.timedelta(1)
    if day > 0:
        date = datetime.date(year, month, day)
        while date.isoweekday() != weekday:
            date += one
        return date
    date = datetime.date(year + month // 12, month % 12 + 1, 1) + datetime.timedelta(day)
    while date.isoweekday() != weekday:
        date -= one
    return date
