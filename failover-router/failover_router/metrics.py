"""The router's state over HTTP: `/status.json` for programs, `/metrics` for Prometheus.

Read-only, on the LAN and through the tunnel only (the firewall rules see to that). One
request a connection, answered from memory in one write, so nobody can hold the loop up.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

from failover_router.loop import Loop

MOST_WAITING = 16
LONGEST_WAIT_S = 2.0


class Metrics:
    """A listening socket that answers GET with what `status` tells."""

    def __init__(self, loop: Loop, address: tuple[str, int], status: Callable[[], Any]) -> None:
        self._loop, self._status = loop, status
        self._waiting: set[socket.socket] = set()
        self._socket = socket.create_server(address, backlog=8)
        self._socket.setblocking(False)
        loop.watch(self._socket, self._accept)

    def _accept(self) -> None:
        try:
            caller, _address = self._socket.accept()
        except OSError:
            return
        if len(self._waiting) >= MOST_WAITING:
            caller.close()
            return
        caller.setblocking(False)
        self._waiting.add(caller)
        self._loop.watch(caller, lambda: self._answer(caller))
        self._loop.after(LONGEST_WAIT_S, lambda: self._end(caller))

    def _answer(self, caller: socket.socket) -> None:
        with contextlib.suppress(OSError):
            request = caller.recv(2048)
            caller.send(reply(request, self._status()))
        self._end(caller)

    def _end(self, caller: socket.socket) -> None:
        if caller in self._waiting:
            self._waiting.discard(caller)
            self._loop.unwatch(caller)
            caller.close()


def reply(request: bytes, status: dict[str, Any]) -> bytes:
    """The whole answer to the first bytes of a request."""
    words = request.split(b"\r\n", 1)[0].split(b" ")
    if len(words) < 2 or words[0] != b"GET":
        return _http("405 Method Not Allowed", "text/plain", b"")
    if words[1] == b"/status.json":
        return _http("200 OK", "application/json", json.dumps(status).encode())
    if words[1] == b"/metrics":
        text = "\n".join(samples(status)) + "\n"
        return _http("200 OK", "text/plain; version=0.0.4", text.encode())
    return _http("404 Not Found", "text/plain", b"")


def _http(status: str, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.0 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def samples(status: dict[str, Any]) -> Iterator[str]:
    """Lines of the Prometheus text format."""
    for line in status["lines"]:
        at = f'{{line="{line["name"]}"}}'
        yield f"router_line_state{at} {line['state_number']}"
        yield f"router_line_loss_ratio{at} {line['loss_percent'] / 100:.4f}"
        yield f"router_line_rtt_seconds{at} {line['rtt_ms'] / 1000:.6f}"
        yield f"router_line_jitter_seconds{at} {line['jitter_ms'] / 1000:.6f}"
        yield f"router_line_month_bytes{at} {line['month_bytes']}"
        yield f"router_line_voice{at} {int(line['name'] == status['voice'])}"
    for tunnel in status["tunnels"]:
        yield f'router_tunnel_up{{tunnel="{tunnel["tunnel"]}"}} {int(tunnel["up"])}'
    yield f"router_moves_total {status['moves_total']}"
    yield f"router_cut_off {int(status['survival']['cut_off'])}"
