"""What somebody who stands in front of the machine may do with it.

An address, restoring a backup, resetting the administrator and the support file are programs
of their own, so that a console that only shows the machine reads nothing of them; each is a
module with a `main()`, offered when it is installed.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from appliance.terminal.texts import LANGUAGE_VARIABLE, Language

ERASE_MARK = Path("/data/factory-reset")
"""Found by the next start before anything is mounted: it then forgets everything."""

HOOKS = {
    "address": "appliance.firstboot.address",
    "restore": "appliance.system.restore_console",
    "administrator": "appliance.firstboot.administrator",
    "support": "appliance.system.support_console",
}
"""Action -> module that does it, talking with the person at the same terminal."""


def offered(action: str) -> bool:
    """Whether the part that does this is installed."""
    try:
        return importlib.util.find_spec(HOOKS[action]) is not None
    except ModuleNotFoundError:
        return False


def run(action: str, language: Language = "it") -> bool:
    """Run a part's module, which says itself why something does not work; whether it did."""
    environment = {**os.environ, LANGUAGE_VARIABLE: language}
    return subprocess.run([sys.executable, "-m", HOOKS[action]], env=environment).returncode == 0


def restart() -> None:
    subprocess.run(["systemctl", "--no-block", "reboot"], check=True)


def power_off() -> None:
    subprocess.run(["systemctl", "--no-block", "poweroff"], check=True)


def factory_reset() -> None:
    """Forget everything at the next start, which begins at once."""
    ERASE_MARK.write_text("asked for at the console\n")
    subprocess.run(["sync"], check=True)
    restart()
