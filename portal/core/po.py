"""A catalogue in the binary form that gettext reads, made in memory."""

from __future__ import annotations

import io

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo


def as_mo(catalogue: Catalog) -> io.BytesIO:
    """The binary form of a catalogue, ready to be read."""
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    buffer.seek(0)
    return buffer
