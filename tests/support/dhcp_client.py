"""Asks a DHCP server what it offers, as a telephone does (RFC 2131, RFC 2132)."""

from __future__ import annotations

import secrets
import socket
import struct
import time

from tests.support.network import Network

_COOKIE = b"\x63\x82\x53\x63"
_WANTED = bytes([1, 3, 6, 15, 43, 66, 67, 120, 160])


def offered(
    network: Network, interface: str, mac: str, vendor_class: str = "", within_s: float = 5
) -> dict[int, bytes]:
    """Option -> value of the first offer; AssertionError when none comes in time."""
    with network.entered():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        client.bind(("", 68))
        client.settimeout(0.5)
        number = secrets.randbits(32)
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            client.sendto(_discover(number, mac, vendor_class), ("255.255.255.255", 67))
            try:
                reply = client.recv(4096)
            except TimeoutError:
                continue
            if reply[4:8] == struct.pack("!I", number):
                return _options(reply)
    finally:
        client.close()
    raise AssertionError(f"no offer for {mac} within {within_s:g} s")


def _discover(number: int, mac: str, vendor_class: str) -> bytes:
    head = struct.pack("!BBBBIHH", 1, 1, 6, 0, number, 0, 0x8000) + bytes(16)
    options = _option(53, b"\x01") + _option(55, _WANTED)
    if vendor_class:
        options += _option(60, vendor_class.encode())
    return head + bytes.fromhex(mac).ljust(16, b"\0") + bytes(192) + _COOKIE + options + b"\xff"


def _option(code: int, value: bytes) -> bytes:
    return bytes([code, len(value)]) + value


def _options(reply: bytes) -> dict[int, bytes]:
    found, rest = {}, reply[240:]
    while rest and rest[0] != 255:
        if rest[0] == 0:
            rest = rest[1:]
            continue
        code, length = rest[0], rest[1]
        found[code] = rest[2 : 2 + length]
        rest = rest[2 + length :]
    return found
