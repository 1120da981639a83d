"""What goes over the engine's socket: one JSON object a line, both ways.

    -> {"verb": "plan", "state": {…}, "base": 12}
    <- {"ok": true, "result": {…}}
    <- {"ok": false, "error": {"kind": "faults", "message": "…", "faults": […]}}

Long work (`prove`, `apply`, `return_to`) answers at once with the id of a job, whose
progress `job` tells.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes of one message: the state of 50,000 extensions has about 20 MB."""


class Reader(Protocol):
    def readline(self, limit: int, /) -> bytes: ...


class Writer(Protocol):
    def write(self, data: bytes, /) -> int: ...
    def flush(self) -> None: ...


class ProtocolError(ValueError):
    """A message that is not one JSON object of bearable length."""


def read_message(stream: Reader) -> dict[str, Any] | None:
    """The next message, None at the end of the stream."""
    line = stream.readline(LONGEST_LINE + 1)
    if not line:
        return None
    if len(line) > LONGEST_LINE or not line.endswith(b"\n"):
        raise ProtocolError("message too long or cut off")
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("message is not JSON") from error
    if not isinstance(message, dict):
        raise ProtocolError("message is not an object")
    return message


def write_message(stream: Writer, message: dict[str, Any]) -> None:
    """Send one message and flush it."""
    stream.write(json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    stream.flush()
