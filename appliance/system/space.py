"""Looks whether the disk has room for voicemail, and tells the dialplan.

A full disk does not make Asterisk fail aloud: recordings become empty files. So callers
are told beforehand that nothing can be recorded, while calls and registrations, which
need little, still have room.
"""

from __future__ import annotations

import os
from pathlib import Path

from appliance.state.machine import Layout

FULL_BELOW = 0.05
"""Share of the disk from which on nothing more is recorded."""

ROOM_ABOVE = 0.07
"""Share from which on it is again; apart, so that one message does not switch to and fro."""


def watch(layout: Layout) -> bool:
    """Set or clear `layout.voicemail_full`; returns whether the disk counts as full."""
    sign = layout.voicemail_full
    was_full = sign.exists()
    full = free_share(layout.asterisk_spool) < (ROOM_ABOVE if was_full else FULL_BELOW)
    if full and not was_full:
        sign.touch()
    elif was_full and not full:
        sign.unlink(missing_ok=True)
    return full


def free_share(folder: Path) -> float:
    """The share of the folder's disk that Asterisk may still use, 0 to 1."""
    disk = os.statvfs(folder)
    return disk.f_bavail / disk.f_blocks if disk.f_blocks else 1.0
