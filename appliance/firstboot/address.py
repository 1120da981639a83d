"""Gives the machine another address, asked for at its console."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from dataclasses import replace

from appliance.firstboot import answers, identity, recorded_address
from appliance.firstboot.places import Places
from appliance.system.machine import read_facts
from appliance.terminal.screen import Screen, printable
from appliance.terminal.texts import Texts, language_of

log = logging.getLogger("console")


def change_address(places: Places, given: dict[str, str]) -> list[str]:
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


def main() -> None:
    """Entry point of `python -m appliance.firstboot.address`."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    screen, text = Screen(), Texts(language_of(os.environ))
    given = {
        "address": screen.line(text("Address with prefix length (empty: DHCP)")),
        "gateway": screen.line(text("Gateway (empty: none)")),
        "dns": screen.line(text("DNS servers, separated by blanks")),
    }
    if refused := change_address(Places(), given):
        for each in refused:
            screen.say(printable(each))
        sys.exit(1)


if __name__ == "__main__":
    main()
