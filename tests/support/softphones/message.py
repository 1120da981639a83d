"""A SIP message as it went over the wire, and who it says is at the other end."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Party:
    """A display name and the user part of an address (RFC 3261 section 20.10)."""

    name: str
    number: str


@dataclass(frozen=True)
class Message:
    """`direction` is RX or TX as seen by the phone, `at` the monotonic clock in seconds."""

    direction: str
    at: float
    text: str

    @property
    def start_line(self) -> str:
        return self.text.split("\n", 1)[0].strip()

    @cached_property
    def headers(self) -> dict[str, list[str]]:
        """Name in small letters -> values in order."""
        found: dict[str, list[str]] = {}
        head = self.text.replace("\r\n", "\n").split("\n\n", 1)[0]
        for line in head.split("\n")[1:]:
            name, colon, value = line.partition(":")
            if colon:
                found.setdefault(name.strip().lower(), []).append(value.strip())
        return found

    def header(self, name: str) -> str:
        """The first value of a header, "" without one."""
        return self.headers.get(name.lower(), [""])[0]

    @property
    def body(self) -> str:
        return self.text.replace("\r\n", "\n").partition("\n\n")[2]

    @property
    def method(self) -> str:
        """The method of a request, or of the request that a response answers."""
        return self.header("cseq").rpartition(" ")[2]

    @property
    def status(self) -> int:
        """The status of a response, 0 for a request."""
        found = re.match(r"SIP/2\.0 (\d{3})", self.start_line)
        return int(found[1]) if found else 0

    def party(self) -> Party | None:
        """Who is at the other end, as the message tells its reader: P-Asserted-Identity
        (RFC 3325) before From; None for a message that says nothing about it."""
        asserted = self.header("p-asserted-identity")
        if asserted:
            return party(asserted)
        if not self.status and self.method == "INVITE":
            return party(self.header("from"))
        return None


_ADDRESS = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^"<]*?))\s*<sips?:([^@>;]*)')


def party(address: str) -> Party:
    """Take a name-addr apart; quoted pairs in the name are resolved."""
    found = _ADDRESS.match(address)
    if not found:
        return Party("", re.sub(r"^sips?:|@.*$", "", address))
    name = re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else (found[2] or "")
    return Party(name, found[3])
