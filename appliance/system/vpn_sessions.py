"""Who is connected to the OpenVPN servers, and how somebody is put off.

Each server process has a management socket (OpenVPN's management-notes.txt); it serves one
client at a time, so a connection here is short.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from appliance.state.machine import Layout

log = logging.getLogger("engine.vpn")

WITHIN_S = 2.0
"""How long a server may take to answer."""

_CLIENT = "CLIENT_LIST"


@dataclass(frozen=True, slots=True)
class Session:
    """One open tunnel. `server` is the name of the server process, `source` the address that
    the router has outside at this moment, `since` in seconds since 1970."""

    server: str
    name: str
    source: str
    address: str
    received: int
    sent: int
    since: int


def sessions(layout: Layout) -> tuple[Session, ...]:
    """All open tunnels of all servers; a server that is down has none."""
    found: list[Session] = []
    for path in sockets(layout):
        try:
            with _talk(path) as stream:
                found += parsed(path.stem, _ask(stream, "status 3", "END"))
        except OSError as error:
            log.warning("the VPN server %s does not answer: %s", path.stem, error)
    return tuple(found)


def put_off(layout: Layout, name: str) -> int:
    """End all tunnels of this common name at once; returns how many servers had one."""
    ended = 0
    for path in sockets(layout):
        try:
            with _talk(path) as stream:
                answer = _ask(stream, f"kill {name}", "SUCCESS:", "ERROR:")
                ended += answer[-1].startswith("SUCCESS:")
        except OSError as error:
            log.error("%s was not put off at the VPN server %s: %s", name, path.stem, error)
    return ended


def sockets(layout: Layout) -> list[Path]:
    """The management sockets of the servers that were started."""
    return sorted(layout.vpn_sockets.glob("*.sock"))


def parsed(server: str, lines: list[str]) -> Iterator[Session]:
    """The sessions in the answer to `status 3`; columns are found by their header."""
    columns: list[str] = []
    for line in lines:
        words = line.split("\t")
        if words[:2] == ["HEADER", _CLIENT]:
            columns = words[2:]
        elif words[0] == _CLIENT and columns:
            row = dict(zip(columns, words[1:], strict=False))
            yield Session(
                server,
                row["Common Name"],
                row["Real Address"].rpartition(":")[0] or row["Real Address"],
                row["Virtual Address"],
                int(row["Bytes Received"]),
                int(row["Bytes Sent"]),
                int(row["Connected Since (time_t)"]),
            )


@contextmanager
def _talk(path: Path) -> Iterator[TextIO]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(WITHIN_S)
        connection.connect(str(path))
        with connection.makefile("rw", newline="\r\n", encoding="utf-8") as stream:
            yield stream


def _ask(stream: TextIO, command: str, *ends: str) -> list[str]:
    """The lines of an answer; those that begin with > are news and belong to nobody."""
    stream.write(f"{command}\n")
    stream.flush()
    lines: list[str] = []
    while line := stream.readline():
        text = line.rstrip("\r\n")
        if text.startswith(">"):
            continue
        lines.append(text)
        if text.startswith(ends):
            return lines
    raise ConnectionError("the VPN server closed the connection")
