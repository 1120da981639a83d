"""Which packets belong to a call: addresses and ports found in Asterisk, as a filter that
tcpdump understands (pcap-filter(7)).

Nothing from outside becomes part of a filter as text: addresses are parsed, ports are
numbers, and the words between them stand here.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from appliance.asterisk import names
from appliance.asterisk.ami import Ami, AmiError
from appliance.asterisk.console import Console
from appliance.services.trunks import Trunk
from appliance.state.fields import Pattern

CallId = Annotated[str, Pattern(r"[A-Za-z0-9._-]{1,80}", "the id of a call")]
"""Asterisk's Linkedid: the same for all channels of one call."""

_CONTACT = re.compile(
    r"^ *Contact: +\S+?/sips?:(?:[^@\s]*@)?(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)", re.M
)


@dataclass(frozen=True, slots=True)
class LiveCall:
    """One call that is up: `id` is its Linkedid, `parties` what its channels are."""

    id: str
    caller: str
    called: str
    seconds: int
    parties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Media:
    """One stream: the far end's address, and its port with the next one for RTCP; port 0
    means all of UDP at that address."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Packets:
    """What is captured. `signalling` are far ends' addresses or networks; `channels` the
    channels of a live call, "" or prefixes of those that are to come."""

    signalling: tuple[str, ...]
    media: tuple[Media, ...]
    channels: tuple[str, ...]


def expression(packets: Packets, sip_ports: Iterable[int]) -> str:
    """The filter for signalling and sound. ValueError when an address is none."""
    ports = " or ".join(f"port {int(port)}" for port in sip_ports)
    hosts = " or ".join(_place(address) for address in packets.signalling)
    streams = [_stream(media) for media in packets.media]
    return " or ".join([*([f"(({hosts}) and ({ports}))"] if hosts else []), *streams])


def _place(address: str) -> str:
    network = ipaddress.ip_network(address)
    if network.prefixlen == network.max_prefixlen:
        return f"host {network.network_address}"
    return f"net {network}"


def _stream(media: Media) -> str:
    ports = f" and portrange {int(media.port)}-{int(media.port) + 1}" if media.port else ""
    return f"(udp and {_place(media.address)}{ports})"


# ── what is up now ────────────────────────────────────────────────────────────────────


async def live_calls(ami: Ami) -> list[LiveCall]:
    """Every call that is up, the longest first."""
    channels: dict[str, list[dict[str, str]]] = {}
    for each in await ami.list("CoreShowChannels"):
        fields = {name: str(value) for name, value in each.items()}
        if fields.get("Channel", "").startswith("PJSIP/"):
            channels.setdefault(fields.get("Linkedid", ""), []).append(fields)
    found = [_call(id, listed) for id, listed in channels.items() if id]
    return sorted(found, key=lambda call: -call.seconds)


def _call(id: str, channels: list[dict[str, str]]) -> LiveCall:
    first = min(channels, key=lambda each: each.get("Uniqueid", ""))
    others = [each for each in channels if each is not first]
    called = first.get("Exten", "") or first.get("ConnectedLineNum", "")
    if others:
        called = others[0].get("CallerIDNum", "") or called
    return LiveCall(
        id,
        _shown(first.get("CallerIDNum", "")),
        _shown(called),
        max(_seconds(each.get("Duration", "")) for each in channels),
        tuple(sorted(endpoint_of(each["Channel"]) for each in channels)),
    )


def _shown(number: str) -> str:
    return "".join(sign for sign in number if sign.isprintable())[:40]


def _seconds(text: str) -> int:
    parts = text.split(":")
    if not all(part.isdigit() for part in parts):
        return 0
    return sum(int(part) * 60**place for place, part in enumerate(reversed(parts)))


def endpoint_of(channel: str) -> str:
    """The endpoint behind a channel's name: PJSIP/215-1-00000003 -> 215-1."""
    return channel.removeprefix("PJSIP/").rpartition("-")[0]


async def of_call(ami: Ami, id: str) -> Packets:
    """The packets of a call that is up; LookupError when it is over."""
    listed = [
        str(each["Channel"])
        for each in await ami.list("CoreShowChannels")
        if each.get("Linkedid") == id and str(each["Channel"]).startswith("PJSIP/")
    ]
    if not listed:
        raise LookupError("this call is over")
    signalling, media = [], []
    for channel in listed:
        signalling += list(_addresses(await _value(ami, channel, "CHANNEL(pjsip,remote_addr)")))
        for address, port in [_split(await _value(ami, channel, "CHANNEL(rtp,dest)"))]:
            if address and port:
                media.append(Media(address, port))
    return Packets(tuple(dict.fromkeys(signalling)), tuple(dict.fromkeys(media)), tuple(listed))


async def _value(ami: Ami, channel: str, variable: str) -> str:
    try:
        return str((await ami.ask("Getvar", Channel=channel, Variable=variable)).value)
    except AmiError:
        return ""  # hung up meanwhile, or it has no media


def _split(text: str) -> tuple[str, int]:
    """Address and port of `10.0.0.1:4000` or `[2001:db8::1]:4000`; "" and 0 for others."""
    address, _colon, port = text.rpartition(":")
    address = address.strip("[]")
    try:
        return str(ipaddress.ip_address(address)), int(port)
    except ValueError:
        return "", 0


def _addresses(text: str) -> Iterator[str]:
    address, _port = _split(text)
    if address:
        yield address


# ── what is to come ───────────────────────────────────────────────────────────────────


def of_extension(console: Console, number: str) -> Packets:
    """The packets of all devices of an extension, where they are registered now;
    LookupError when none is."""
    endpoints = [names.endpoint(number, slot) for slot in range(1, names.DEVICES_PER_EXTENSION + 1)]
    found = _contacts(console, endpoints)
    if not found:
        raise LookupError("no telephone of this extension is registered")
    media = tuple(Media(address, 0) for address in found)
    return Packets(found, media, tuple(f"PJSIP/{each}-" for each in endpoints))


def of_trunk(console: Console, trunk: Trunk) -> Packets:
    """The packets between us and a carrier."""
    found = (*_contacts(console, [trunk.name]), *trunk.sources)
    if not found:
        raise LookupError("no address of this line is known")
    unique = tuple(dict.fromkeys(found))
    return Packets(unique, tuple(Media(a, 0) for a in unique), (f"PJSIP/{trunk.name}-",))


def _contacts(console: Console, aors: Iterable[str]) -> tuple[str, ...]:
    answers = console.ask_all(f"pjsip show aor {aor}" for aor in aors)
    hosts = [host.strip("[]") for answer in answers for host in _CONTACT.findall(answer)]
    return tuple(dict.fromkeys(address for host in hosts for address in _resolved(host)))


def _resolved(host: str) -> Iterator[str]:
    try:
        yield str(ipaddress.ip_address(host))
        return
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError:
        return
    yield from dict.fromkeys(str(each[4][0]) for each in found)
