"""Reads SIP messages out of the file that Asterisk's logger writes, for the ladder.

The file is of the classic pcap form (draft-ietf-opsawg-pcap) with plain Ethernet or raw IP
packets that are never fragmented, one message each. It holds what strangers sent: every
length is checked, and what does not fit is left out. A reader of 60 lines suffices, and is
less than a library that knows hundreds of protocols (decision 0071).
"""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

MOST_MESSAGES = 500
LONGEST_TEXT = 4000

_ORDERS = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">", b"\x4d\x3c\xb2\xa1": "<",
           b"\xa1\xb2\x3c\x4d": ">"}  # fmt: skip
_ETHERNET, _RAW = 1, (12, 101)
_UDP, _TCP = 17, 6


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `at` is seconds since 1970; `sender` and `receiver` are address:port."""

    at: float
    sender: str
    receiver: str
    first_line: str
    text: str

    @property
    def method(self) -> str:
        """The request's method, or a response's status."""
        words = self.first_line.split(" ")
        return words[1] if words[0] == "SIP/2.0" and len(words) > 1 else words[0]

    @property
    def is_response(self) -> bool:
        return self.first_line.startswith("SIP/2.0 ")


def messages(content: bytes) -> list[Message]:
    """The SIP messages of a capture, in its order; at most MOST_MESSAGES."""
    found = []
    for at, packet in _packets(content):
        parts = _parts(packet)
        if parts is not None:
            found += _message(at, *parts)
        if len(found) >= MOST_MESSAGES:
            break
    return found


def _packets(content: bytes) -> Iterator[tuple[float, bytes]]:
    order = _ORDERS.get(content[:4])
    if order is None or len(content) < 24:
        return
    nano = content[:4] in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")
    (link,) = struct.unpack(f"{order}I", content[20:24])
    place = 24
    while place + 16 <= len(content):
        seconds, part, length = struct.unpack(f"{order}III", content[place : place + 12])
        packet = content[place + 16 : place + 16 + length]
        place += 16 + length
        if len(packet) < length:
            return
        if link & 0xFFFF == _ETHERNET:
            packet = packet[14:] if packet[12:14] in (b"\x08\x00", b"\x86\xdd") else b""
        elif link & 0xFFFF not in _RAW:
            return
        yield seconds + part / (1e9 if nano else 1e6), packet


def _parts(packet: bytes) -> tuple[str, str, bytes] | None:
    """Sender, receiver and payload of an IP packet (RFC 791, RFC 8200) with UDP or TCP."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= 20:
        protocol, size = packet[9], (packet[0] & 15) * 4
        addresses = packet[12:16], packet[16:20]
    elif version == 6 and len(packet) >= 40:
        protocol, size = packet[6], 40
        addresses = packet[8:24], packet[24:40]
    else:
        return None
    rest = packet[size:]
    if protocol == _UDP and len(rest) >= 8:
        payload = rest[8:]
    elif protocol == _TCP and len(rest) >= 20:
        payload = rest[(rest[12] >> 4) * 4 :]
    else:
        return None
    ports = struct.unpack(">HH", rest[:4])
    sender, receiver = (_end(a, port) for a, port in zip(addresses, ports, strict=True))
    return sender, receiver, payload


def _end(address: bytes, port: int) -> str:
    text = str(ipaddress.ip_address(address))
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"


_START = re.compile(r"[A-Z]{3,12} sips?:\S+ SIP/2\.0|[A-Z]{3,12} tel:\S+ SIP/2\.0|SIP/2\.0 \d{3} ")


def _message(at: float, sender: str, receiver: str, payload: bytes) -> Iterator[Message]:
    text = payload.decode("utf-8", "replace")[:LONGEST_TEXT]
    first, _end_of_line, _rest = text.partition("\r\n")
    if _START.match(first):
        shown = "".join(sign if sign.isprintable() or sign in "\n\t" else "" for sign in text)
        line = "".join(sign for sign in first if sign.isprintable())
        yield Message(at, sender, receiver, line[:200], shown)
