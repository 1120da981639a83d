"""Tells another daemon to read its configuration again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from appliance.state.machine import Layout


def ask_to_reload(layout: Layout, process: str) -> bool:
    """Send SIGHUP to a process of ours that writes a pid file; whether it was running.

    A daemon that is not running reads its files when it starts, so that is no error. The
    file belongs to the daemon's own account, which must not make root signal somebody
    else: the number counts only for a process of the same account.
    """
    record = next(layout.run_of(process).glob("*.pid"), None)
    number = _number(record) if record else 0
    if not record or not number:
        return False
    try:
        if os.stat(f"/proc/{number}").st_uid != record.stat().st_uid:
            return False
        os.kill(number, signal.SIGHUP)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return True


def _number(record: Path) -> int:
    text = record.read_text("ascii", "replace").strip()
    return int(text) if text.isascii() and text.isdigit() else 0
