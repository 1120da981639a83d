"""How many kbit/s calls need on each line of a branch, and how many calls a line carries.

All figures are for one direction and for what the line's provider counts: Ethernet frames
without preamble, around the tunnel's packets, around the phones' packets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

PAYLOAD_BITS: Mapping[str, int] = {
    "alaw": 64_000,
    "ulaw": 64_000,
    "g722": 64_000,
    "gsm": 13_200,
    "opus": 32_000,
}
"""Codec -> bits of sound a second. Opus is what Asterisk asks for by default for one voice; it
varies, so this is its middle."""

RTP, UDP, IPV4 = 12, 8, 20
"""Bytes of headers: RFC 3550 section 5.1, RFC 768, RFC 791 without options."""

SRTP_TAG = 10
"""HMAC-SHA1-80 behind each packet (RFC 3711 section 5.2)."""

OPENVPN = 24
"""Bytes around a packet in the tunnel: opcode and peer 4, counter 4, AES-GCM tag 16
(OpenVPN's data channel, version 2 of its packets, without compression)."""

ETHERNET = 18
"""Addresses, type and check sum (IEEE 802.3); PPPoE adds 8 more (RFC 2516)."""

PPPOE = 8

CONTROL_SHARE = 0.02
"""SIP and RTCP beside the sound: an RTCP report of some 100 bytes each 5 s, and the
messages of a call spread over its length, are 1 to 2 %."""

PROBE = 64 + UDP + IPV4 + ETHERNET
"""Bytes of one probe or its answer on the line."""

USABLE = 0.8
"""The share of a line that is planned for: beyond it, queues grow and sound arrives late."""

Verdict = Literal["enough", "small", "unknown"]


@dataclass(frozen=True, slots=True)
class Call:
    """What one call is made of. `ptime_ms` is the sound in each packet."""

    codec: str = "alaw"
    ptime_ms: int = 20
    encrypted: bool = False
    pppoe: bool = False

    @property
    def packets_per_s(self) -> float:
        return 1000 / self.ptime_ms

    @property
    def bytes_in_tunnel(self) -> int:
        """One packet as the phone sends it, with its IP header."""
        payload = math.ceil(PAYLOAD_BITS[self.codec] * self.ptime_ms / 8000)
        return payload + RTP + UDP + IPV4 + (SRTP_TAG if self.encrypted else 0)

    @property
    def bytes_on_line(self) -> int:
        """The same packet as it crosses the line."""
        link = ETHERNET + (PPPOE if self.pppoe else 0)
        return self.bytes_in_tunnel + OPENVPN + UDP + IPV4 + link

    @property
    def kbits(self) -> float:
        """kbit/s of the sound in one direction on the line."""
        return self.bytes_on_line * 8 * self.packets_per_s / 1000


@dataclass(frozen=True, slots=True)
class Capacity:
    """A line as it was ordered, or as it was measured; 0 is not known."""

    id: str
    up_kbits: int
    down_kbits: int
    probe_ms: int = 100
    pppoe: bool = False
    monthly_cap_mb: int = 0

    @property
    def narrow_kbits(self) -> int:
        """The narrower direction: a call needs the same in both."""
        return min(self.up_kbits, self.down_kbits)


@dataclass(frozen=True, slots=True)
class LinePlan:
    """What one line must carry when it carries all calls, which is what it is there for.

    `need_kbits` is for one direction; `fits` the calls that the line has room for;
    `cap_hours` how long all calls at once can last before a monthly cap is used up, None
    without one.
    """

    id: str
    need_kbits: int
    capacity_kbits: int
    fits: int
    verdict: Verdict
    cap_hours: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a branch. `call_kbits` is one call on a line; `total_kbits` what all lines
    together carry while all is well: twice as much where voice is duplicated."""

    calls: int
    call_kbits: float
    total_kbits: int
    lines: tuple[LinePlan, ...]


def plan(
    codec: str,
    calls: int,
    lines: tuple[Capacity, ...],
    *,
    duplicated: bool = False,
    ptime_ms: int = 20,
    encrypted: bool = False,
) -> Plan:
    """What each line must carry so that any one of them can carry all calls."""
    plans = tuple(
        _line(line, Call(codec, ptime_ms, encrypted, line.pppoe), calls) for line in lines
    )
    copies = min(2, len(lines)) if duplicated else 1
    one = Call(codec, ptime_ms, encrypted)
    total = copies * calls * one.kbits * (1 + CONTROL_SHARE)
    return Plan(calls, round(one.kbits, 1), math.ceil(total), plans)


def _line(line: Capacity, call: Call, calls: int) -> LinePlan:
    each = call.kbits * (1 + CONTROL_SHARE)
    probes = PROBE * 8 / line.probe_ms
    need = math.ceil(calls * each + probes)
    usable = line.narrow_kbits * USABLE
    fits = max(0, int((usable - probes) / each))
    verdict: Verdict = "unknown" if not line.narrow_kbits else "enough"
    if verdict == "enough" and (fits < calls or probes > usable):
        verdict = "small"
    return LinePlan(line.id, need, line.narrow_kbits, fits, verdict, _cap_hours(line, need))


def _cap_hours(line: Capacity, need_kbits: int) -> float | None:
    """Providers count both directions, and a megabyte as 10^6 bytes."""
    if not line.monthly_cap_mb:
        return None
    return round(line.monthly_cap_mb * 8000 / (2 * need_kbits) / 3600, 1)


def busy_calls(users: int, erlangs_each: float = 0.1, blocked: float = 0.01) -> int:
    """Calls at once that so many users need in their busiest hour.

    Erlang's formula B: the fewest lines with which at most the share `blocked` of all calls finds
    none free. 0.1 erlang is six minutes of each hour, usual for an office. 25 kbit/s for each
    *user* is right as an average only: it is this formula times a call's kbit/s.
    """
    offered = users * erlangs_each
    if offered <= 0:
        return 0
    lines, loss = 0, 1.0
    while loss > blocked:
        lines += 1
        loss = offered * loss / (lines + offered * loss)
    return lines
