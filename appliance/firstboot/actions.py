"""What somebody who stands in front of the machine may do with it.

Restoring a backup, resetting the administrator and the support file are programs of their
own; each is a module with a `main()`, offered when it is installed.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from appliance.firstboot import answers, identity, recorded_address
from appliance.system.machine import read_facts
from appliance.terminal.texts import LANGUAGE_VARIABLE, Language

log = logging.getLogger("console")

ERASE_MARK = Path("/data/factory-reset")
"""Found by the next start before anything is mounted: it then forgets everything."""

HOOKS = {
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


def run(action: str, language: Language = "it") -> str:
    """Run a part's module; returns why it did not work, "" when it did."""
    environment = {**os.environ, LANGUAGE_VARIABLE: language}
    finished = subprocess.run([sys.executable, "-m", HOOKS[action]], env=environment)
    return "" if finished.returncode == 0 else f"status {finished.returncode}"


def change_address(places: identity.Places, given: dict[str, str]) -> list[str]:
    """Give the machine another address; does nothing but tell when something is not taken.

    The engine puts it in force like every other change, so that the portal shows it. When the
    engine does not answer, it stands over the settings until they change
    (`appliance.system.console_address`).
    """
    found, refused = answers.read(given)
    if refused:
        return refused
    if "network" not in read_facts(places.layout).manages:
        return ["this machine's addresses are given by somebody else"]
    device = identity.first_interface()
    if device == "*":
        return ["there is no wired interface"]
    found = replace(found, host_name=(places.prefix / "etc/hostname").read_text().strip())
    try:
        return recorded_address.record(places.layout, device, found)
    except recorded_address.NotRecorded as error:
        log.warning("the engine did not take the address: %s", error)
        recorded_address.stand_over(places.layout, device, found)
        tell_networkd()
        return []


def tell_networkd() -> None:
    """Have networkd read its files again."""
    subprocess.run(["networkctl", "reload"], check=True)


def restart() -> None:
    subprocess.run(["systemctl", "--no-block", "reboot"], check=True)


def power_off() -> None:
    subprocess.run(["systemctl", "--no-block", "poweroff"], check=True)


def factory_reset() -> None:
    """Forget everything at the next start, which begins at once."""
    ERASE_MARK.write_text("asked for at the console\n")
    subprocess.run(["sync"], check=True)
    restart()
