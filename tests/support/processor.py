"""How much of the processor a process has used."""

from __future__ import annotations

import os
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def used_s(pid: int) -> float:
    """Seconds of processor, in the program and in the kernel for it (proc(5), stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def asterisk_of(configuration: Path) -> int:
    """The number of the Asterisk that was started with this configuration; LookupError."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            is_asterisk = (folder / "comm").read_text().strip() == "asterisk"
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if is_asterisk and str(configuration).encode() in words:
            return int(folder.name)
    raise LookupError(f"no Asterisk runs with {configuration}")
