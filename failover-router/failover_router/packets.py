"""Probes on the wire: what a router asks the echo service, and what comes back.

A datagram is a header, padding and a tag of 16 bytes (HMAC-SHA256, cut as RFC 2104 section
5 allows). An answer is never longer than its question, and a wrong tag gets none, so the
service is no use for attacks on others.

    question   header, then as much padding as the path's size is to be tried with
    answer     the same header with the service's nonce, padded to the question's length

The service believes what a header says of the tunnels only when the number is higher
than any before of the same start of the router, and the nonce is the service's own: what
somebody recorded and sends again changes nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass

MAGIC = b"CP1"
QUESTION, ANSWER = 1, 2

_HEADER = struct.Struct("!3sBHIIBBIQI")
# magic, kind, branch, generation, instance, line, tunnel, number, sent in µs, nonce
TAG_BYTES = 16
SMALLEST = _HEADER.size + TAG_BYTES
LARGEST = 1472
"""UDP payload of an Ethernet frame."""

NO_TUNNEL = 255
NO_LINE = 255


@dataclass(frozen=True, slots=True)
class Header:
    """Who asks what. `instance` is a random number of each start of the agent, `tunnel`
    the one that the router sends voice into, `sent_us` the router's own clock."""

    kind: int
    branch: int
    generation: int
    instance: int
    line: int
    tunnel: int
    number: int
    sent_us: int
    nonce: int


def branch_key(master: bytes, branch: int, generation: int) -> bytes:
    """The key of one router, derived so that the service must keep none of them."""
    return hmac.digest(master, f"probe {branch} {generation}".encode(), hashlib.sha256)


def pack(header: Header, key: bytes, length: int = 0) -> bytes:
    """A datagram, padded with zeros to `length` bytes where it is shorter."""
    head = _HEADER.pack(
        MAGIC,
        header.kind,
        header.branch,
        header.generation,
        header.instance,
        header.line,
        header.tunnel,
        header.number,
        header.sent_us,
        header.nonce,
    )
    text = head + bytes(max(0, length - len(head) - TAG_BYTES))
    return text + hmac.digest(key, text, hashlib.sha256)[:TAG_BYTES]


def header_of(datagram: bytes) -> Header | None:
    """The header, whose tag is not looked at yet; None for what is no probe at all."""
    if not SMALLEST <= len(datagram) <= LARGEST or datagram[:3] != MAGIC:
        return None
    return Header(*_HEADER.unpack_from(datagram)[1:])


def signed(datagram: bytes, key: bytes) -> bool:
    """Whether the tag is right."""
    tag = hmac.digest(key, datagram[:-TAG_BYTES], hashlib.sha256)[:TAG_BYTES]
    return hmac.compare_digest(tag, datagram[-TAG_BYTES:])
