"""A file for a router, ready to be handed over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Made:
    """`name` is what the browser saves it as. `content` holds secrets."""

    name: str
    content: bytes
    mimetype: str

    def __repr__(self) -> str:
        return f"Made({self.name!r}, {len(self.content)} bytes)"


def said(text: str) -> str:
    """Marks a text for people, which is translated where it is shown."""
    return text


def prefix_length(network: str) -> int:
    """24 of 10.20.1.0/24."""
    return int(network.partition("/")[2])
