"""Channels as Asterisk's events describe them, and the conversations they make up."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from appliance.asterisk import names

LONGEST_NAME = 80
LONGEST_NUMBER = 32

REMEMBERED_TEXTS = 4096
"""Names and numbers come again with every event of a call: each is cleaned once."""

_LEG_STATES: Mapping[str, str] = {"Ringing": "ringing", "Up": "up"}
"""ChannelStateDesc -> a leg's state; everything else is still dialling."""


@dataclass(slots=True)
class Channel:
    """One leg. `call` is Asterisk's Linkedid: the same for all legs of a conversation; `channel`
    is its name in Asterisk. `no_sound` says since when and why nothing is heard of it, or it hears
    nothing."""

    id: str
    call: str
    endpoint: str
    direction: str
    since: float
    state: str = "dialling"
    answered: float | None = None
    number: str = ""
    name: str = ""
    other_number: str = ""
    other_name: str = ""
    bridge: str = ""
    on_hold: bool = False
    channel: str = ""
    no_sound: Mapping[str, Any] | None = None

    def as_data(self) -> dict[str, Any]:
        """The leg as `docs/live.md` describes it."""
        ours = names.number_and_slot(self.endpoint)
        trunk = self.endpoint.removeprefix("trunk-") if not ours else ""
        return {
            "id": self.id,
            "device": self.endpoint if ours else "",
            "trunk": trunk,
            "number": ours[0] if ours else self.number,
            "name": self.name,
            "other_number": self.other_number,
            "other_name": self.other_name,
            "direction": self.direction,
            "state": self.state,
            "since": self.since,
            "answered": self.answered,
            "on_hold": self.on_hold,
            "bridge": self.bridge,
            "no_sound": self.no_sound,
        }


def endpoint_of(channel: str) -> str:
    """The endpoint behind a channel's name, "" for channels that are no telephone's.

    `PJSIP/215-1-0000002a` is one of `215-1`; Local and other channels are inner workings.
    """
    technology, _, rest = channel.partition("/")
    return rest.rpartition("-")[0] if technology == "PJSIP" else ""


def when(event: Mapping[str, str]) -> float:
    """When an event happened, in seconds since 1970."""
    return float(event.get("Timestamp") or time.time())


def begun(event: Mapping[str, str]) -> Channel | None:
    """The channel of a Newchannel event or of an entry of CoreShowChannels."""
    endpoint = endpoint_of(event.get("Channel", ""))
    if not endpoint:
        return None
    since = when(event) - _seconds(event.get("Duration", ""))
    # A channel that somebody's phone has opened begins in state Ring; one that was opened
    # towards a phone begins Down, and is run by AppDial later on.
    dialled = event.get("Application", "").startswith("AppDial")
    inbound = event.get("ChannelStateDesc") == "Ring" or ("BridgeId" in event and not dialled)
    direction = "from" if inbound else "to"
    channel = Channel(event["Uniqueid"], event["Linkedid"], endpoint, direction, since)
    update(channel, event)
    return channel


def update(channel: Channel, event: Mapping[str, str], prefix: str = "") -> None:
    """Take over what an event says of a channel. `prefix` is Dest for the dialled side."""
    channel.call = event.get(f"{prefix}Linkedid", channel.call)
    channel.channel = event.get(f"{prefix}Channel", channel.channel)
    state = _LEG_STATES.get(event.get(f"{prefix}ChannelStateDesc", ""), "dialling")
    if state == "up" and channel.state != "up" and "Duration" not in event:
        channel.answered = when(event)
    channel.state = state
    channel.number = _number(event.get(f"{prefix}CallerIDNum", ""))
    channel.name = _name(event.get(f"{prefix}CallerIDName", ""))
    connected = _number(event.get(f"{prefix}ConnectedLineNum", ""))
    if channel.direction == "from" and not connected:
        # Nobody has answered yet: what was dialled stands for the other end, while the
        # dialplan still is where the call came in.
        connected = channel.other_number or _number(event.get(f"{prefix}Exten", ""))
    channel.other_number = connected
    channel.other_name = _name(event.get(f"{prefix}ConnectedLineName", ""))
    if "BridgeId" in event:
        channel.bridge = event["BridgeId"]


def call_data(legs: Iterable[Channel]) -> dict[str, Any]:
    """The conversation that these legs make up."""
    ordered = sorted(legs, key=lambda leg: (leg.since, leg.id))
    called = [leg.answered for leg in ordered if leg.direction == "to" and leg.answered]
    # Where nobody was rung (voicemail, a menu), the caller's own leg was answered.
    answered = called or [leg.answered for leg in ordered if leg.answered]
    return {
        "since": ordered[0].since,
        "answered": min(answered, default=None),
        "legs": [leg.as_data() for leg in ordered],
    }


def _seconds(duration: str) -> int:
    """HH:MM:SS as CoreShowChannels writes it; 0 for no duration."""
    if not duration:
        return 0
    hours, minutes, seconds = (int(part) for part in duration.split(":"))
    return hours * 3600 + minutes * 60 + seconds


_ESCAPED = re.compile(r"\\(.)")


def _unescaped(found: re.Match[str]) -> str:
    """Names arrive as C string literals: D\\'Amico (main/manager_channels.c, ast_escape_c)."""
    return " " if found[1] in "abfnrtv" else found[1]


@lru_cache(maxsize=REMEMBERED_TEXTS)
def _number(text: str) -> str:
    """A number as a caller may send it, bounded and only with signs of numbers."""
    if text == "<unknown>":
        return ""
    return "".join(sign for sign in text[: 4 * LONGEST_NUMBER] if sign in "0123456789+*#")[
        :LONGEST_NUMBER
    ]


@lru_cache(maxsize=REMEMBERED_TEXTS)
def _name(text: str) -> str:
    """A name as a caller may send it: printable, bounded, without direction controls."""
    if text == "<unknown>":
        return ""
    text = _ESCAPED.sub(_unescaped, text)
    kept = (
        s for s in text[: 4 * LONGEST_NAME] if unicodedata.category(s)[0] not in "CZ" or s == " "
    )
    return "".join(kept).strip()[:LONGEST_NAME]
