"""GRUB's environment block: the few words that Linux and the boot loader tell each other.

slot  the system that is known to be good: A or B
try   a slot to start once; GRUB clears it before it starts it, so that a system that
      does not come up is left by the next power-on

Format: GRUB manual, "The GRUB environment block": 1024 bytes, a signature line,
name=value lines, filled up with `#`. GRUB writes it in place, so its length never changes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

SIZE = 1024
_SIGNATURE = "# GRUB Environment Block\n"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class DamagedEnvironment(ValueError):
    """The block is not one that GRUB would read."""


def decode(block: bytes) -> dict[str, str]:
    """The words of a block. DamagedEnvironment when it is none."""
    if len(block) != SIZE or not block.startswith(_SIGNATURE.encode()):
        raise DamagedEnvironment("not a GRUB environment block")
    text = block[len(_SIGNATURE) :].decode("utf-8", "replace")
    lines = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name: value for name, found, value in lines if found}


def encode(words: Mapping[str, str]) -> bytes:
    """The block with these words; ValueError for what cannot stand in one."""
    lines = []
    for name, value in sorted(words.items()):
        if not _NAME.fullmatch(name) or not value.isprintable() or "\\" in value:
            raise ValueError(f"cannot stand in a GRUB environment: {name}={value!r}")
        lines.append(f"{name}={value}\n")
    block = (_SIGNATURE + "".join(lines)).encode()
    if len(block) > SIZE:
        raise ValueError("the GRUB environment has room for 1024 bytes")
    return block.ljust(SIZE, b"#")


def read(file: Path) -> dict[str, str]:
    """The words in a file; DamagedEnvironment when GRUB would not read it either."""
    return decode(file.read_bytes())


def update(file: Path, **changes: str | None) -> None:
    """Change words in a file, in place and on the disk at return; None removes a word.

    In place, because GRUB has noted the blocks of the file; 1024 bytes are two sectors,
    and a cut between them leaves a block whose first sector still holds both words.
    """
    words = read(file)
    for name, value in changes.items():
        words.pop(name, None)
        if value is not None:
            words[name] = value
    with file.open("r+b") as opened:
        opened.write(encode(words))
        opened.flush()
        os.fsync(opened.fileno())
