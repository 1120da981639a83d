"""Which phone asks: from the name of the file, and what it says of itself.

The file name decides, together with the secret in the address. The User-Agent is a
hint for the inventory: it is public and anybody can send it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from provisioning import vendors

LONGEST_NAME = 40
LONGEST_AGENT = 200

_NAME = re.compile(r"(?:snom[a-z0-9]{2,8}-)?([0-9a-f]{12})\.(?:cfg|xml|htm)", re.I | re.ASCII)


@dataclass(frozen=True, slots=True)
class UserAgent:
    """What a phone says of itself; empty texts where it says nothing."""

    vendor: str
    model: str
    firmware: str
    mac: str = ""


def mac_of(name: str) -> str | None:
    """The MAC in a file name that some vendor's phones ask for, in small letters.

    Names are matched whatever their case: Yealink and Cisco ask in small letters, Snom
    in capitals. None for every other name.
    """
    if len(name) > LONGEST_NAME:
        return None
    found = _NAME.fullmatch(name)
    return found[1].lower() if found else None


def own_name(name: str, vendor: str) -> bool:
    """Whether phones of this vendor ask for their own file under such a name."""
    return bool(vendors.module(vendor).FILE.fullmatch(name))


def agent(text: str) -> UserAgent | None:
    """What a User-Agent says; None for one that no vendor's phones send."""
    if len(text) > LONGEST_AGENT:
        return None
    for name, vendor in vendors.VENDORS.items():
        found = vendor.AGENT.search(text)
        if found:
            mac = re.sub(r"[^0-9a-f]", "", (vendor.agent_mac(text) or "").lower())
            return UserAgent(name, found["model"], found["firmware"], mac if len(mac) == 12 else "")
    return None


def vendor_of_mac(mac: str) -> str:
    """The vendor to whom the first three bytes of a MAC belong, "" when unknown.

    Only a help for people who type a MAC in: makers get new numbers all the time, so an
    unknown one is never a reason to refuse a phone.
    """
    for name, vendor in vendors.VENDORS.items():
        if mac[:6].lower() in vendor.OUIS:
            return name
    return ""
