"""Fetches the list of another machine of ours: TLS against its pinned certificate, one answer,
no redirects, and limits of time and size that hold whatever the other side does."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from appliance.system.bans import PeerMachine
from appliance.system.peer_lists import LARGEST_BYTES

PATH = "/shared-bans/v1"
WITHIN_S = 20.0
"""For the whole of it, from the connection to the last byte."""

Why = Literal[
    "name",
    "itself",
    "unreachable",
    "late",
    "untrusted",
    "other-name",
    "expired",
    "token",
    "busy",
    "stranger",
    "large",
    "unreadable",
]
"""Why there was no list; the portal has a sentence for each that says what to do."""

_BY_CODE: dict[int, Why] = {9: "expired", 10: "expired", 62: "other-name", 64: "other-name"}
"""Errors of a certificate (OpenSSL, x509_vfy.h): not valid yet, expired, another name, another
address. Every other one means that it is not the one that was pinned."""


class NotFetched(Exception):
    """There was no list."""

    def __init__(self, fault: Why) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other machine said. `body` is None when nothing has changed since `tag`;
    `address` is where it was found."""

    address: str
    tag: str = ""
    body: bytes | None = None


def fetch(peer: PeerMachine, tag: str, own: Collection[str]) -> Answer:
    """Ask once; `tag` is that of the last answer, `own` this machine's addresses.

    NotFetched says why there is no list.
    """
    context, until = _context(peer), time.monotonic() + WITHIN_S
    plain, address = _opened(_addresses_of(peer, own), peer.port)
    with _connected(peer, context, plain, until) as connection:
        headers = {"Authorization": f"Bearer {peer.token.reveal()}", "Accept": "application/json"}
        if tag:
            headers["If-None-Match"] = tag
        connection.request("GET", PATH, headers=headers)
        with connection.getresponse() as answer:
            if answer.status == http.client.NOT_MODIFIED and tag:
                return Answer(address, tag)
            _check_status(answer.status)
            body = answer.read(LARGEST_BYTES + 1)
            if len(body) > LARGEST_BYTES:
                raise NotFetched("large")
            return Answer(address, (answer.headers.get("ETag") or "")[:100], body)


def _check_status(status: int) -> None:
    if status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
        raise NotFetched("token")
    if status >= http.client.INTERNAL_SERVER_ERROR or status == http.client.TOO_MANY_REQUESTS:
        raise NotFetched("busy")
    if status != http.client.OK:
        raise NotFetched("stranger")


def _addresses_of(peer: PeerMachine, own: Collection[str]) -> list[str]:
    """The addresses to connect to. They are looked up once and checked, and the connection goes
    to one of them: a name cannot lead into this machine itself."""
    try:
        found = socket.getaddrinfo(peer.address, peer.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotFetched("name") from None
    addresses = [str(each[4][0]) for each in found]
    usable = [each for each in addresses if each not in own and not _local(each)]
    if not usable:
        raise NotFetched("itself")
    return usable


def _opened(addresses: Sequence[str], port: int) -> tuple[socket.socket, str]:
    """A connection to the first address that takes one, and that address: a name may have one
    of IPv6 where no IPv6 leads there."""
    for address in addresses:
        with suppress(OSError):
            return socket.create_connection((address, port), WITHIN_S / len(addresses)), address
    raise NotFetched("unreachable")


def _local(address: str) -> bool:
    plain = ipaddress.ip_address(address)
    mapped = getattr(plain, "ipv4_mapped", None)
    return mapped is not None or (
        plain.is_loopback or plain.is_link_local or plain.is_multicast or plain.is_unspecified
    )


@contextmanager
def _connected(
    peer: PeerMachine, context: ssl.SSLContext, plain: socket.socket, until: float
) -> Iterator[http.client.HTTPSConnection]:
    """The connection, once the machine has proved itself; it ends at `until`, and is closed in
    any case."""
    plain.settimeout(WITHIN_S)
    try:
        with (
            plain,
            _ended_at(until, plain),
            context.wrap_socket(plain, server_hostname=peer.address) as secured,
        ):
            connection = http.client.HTTPSConnection(peer.address, peer.port, context=context)
            connection.sock = secured
            yield connection
            if time.monotonic() >= until:
                raise NotFetched("late")
    except ssl.SSLCertVerificationError as error:
        raise NotFetched(_BY_CODE.get(error.verify_code, "untrusted")) from None
    except (OSError, http.client.HTTPException):
        raise NotFetched("late" if time.monotonic() >= until else "stranger") from None


def _context(peer: PeerMachine) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if peer.certificate:
        # A server's own certificate may be pinned as well as that of its authority.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=peer.certificate)
    else:
        context.load_default_certs()
    return context


@contextmanager
def _ended_at(until: float, connection: socket.socket) -> Iterator[None]:
    """Shut a connection down at a moment, whatever is being done with it then: a limit for
    each read alone would let a byte now and then hold it open for ever."""
    guard = connection.dup()

    def end() -> None:
        with suppress(OSError):
            guard.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, until - time.monotonic()), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        guard.close()
