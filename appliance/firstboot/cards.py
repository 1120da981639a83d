"""The network cards of the machine, and a file of addresses whose card has another name now.

A hypervisor that gives a machine's card another place or kind, and a disk that is put into
another machine, change the kernel's name of the card. An address that is fixed to the old name
would be nowhere: telephones and people would look for the machine in vain.
"""

from __future__ import annotations

import logging
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.apply import atomic

log = logging.getLogger("cards")

NETWORK_CLASS = Path("/sys/class/net")
NAMED_WITHIN_S = 20
_MATCH = re.compile(r"^(Name|MACAddress)=(\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Card:
    """A wired card: its name as the kernel has it, and its hardware address in lower case."""

    name: str
    mac: str


def wired(folder: Path = NETWORK_CLASS) -> list[Card]:
    """The wired cards in the order of their names, as people count them."""
    found = []
    for each in sorted(path.parent for path in folder.glob("*/device")):
        try:
            kind, mac = ((each / name).read_text().strip() for name in ("type", "address"))
        except OSError:
            continue  # it was pulled out, or renamed, a moment ago
        # ARPHRD_ETHER of if_arp.h, and no radio.
        if kind == "1" and not (each / "phy80211").exists():
            found.append(Card(each.name, mac.lower()))
    return found


def wait_for_names() -> None:
    """Wait until every card has got its name: the kernel's first one, such as eth0, lasts until
    udev comes to it (systemd.link(5))."""
    subprocess.run(["udevadm", "settle", f"--timeout={NAMED_WITHIN_S}"], check=False)


def follow(
    prefix: Path,
    look: Callable[[], list[Card]] = wired,
    wait: Callable[[], None] = wait_for_names,
) -> Card | None:
    """Until the next start, let the machine's only card have the addresses of the only one that
    its settings know, when that is gone; returns it. With more cards nothing is done: an
    address must not get onto a cable that leads elsewhere.

    The settings stay as they are, and the portal's network page says what to mend.
    """
    files = list(prefix.glob("etc/systemd/network/05-*.network"))
    text = files[0].read_text() if len(files) == 1 else ""
    wanted = _MATCH.search(text)
    if wanted is None or _met(wanted[2], look()):
        return None
    wait()
    found = look()
    if len(found) != 1 or _met(wanted[2], found):
        return None
    (file,), (card,) = files, found
    runtime = prefix / "run/systemd/network"
    runtime.mkdir(parents=True, exist_ok=True)
    text = _MATCH.sub(f"Name={card.name}", text, count=1)
    # Sorts behind the one it copies, and before those that ask every card by DHCP.
    atomic.write_file(runtime / f"{file.stem}-moved.network", text.encode(), 0o644)
    log.warning("%s is not in this machine: %s has its addresses", wanted[2], card.name)
    return card


def _met(name: str, cards: list[Card]) -> bool:
    """Whether a file of addresses means one of the cards."""
    return name == "*" or any(name == card.name or name.lower() == card.mac for card in cards)
