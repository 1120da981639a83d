"""The accounts of our processes: one for each, so that one that falls takes no other with it.

On the appliance they are system accounts of Debian's user database. A checkout makes no
accounts on somebody's machine: there they are numbers at the upper end of the range for
people, which nothing else uses.
"""

from __future__ import annotations

import grp
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SHARED_GROUP = "centralino"
"""Reads applied states and may knock at the engine's socket."""

WEB_GROUP = "centralino-web"
"""The web server in front and the processes behind it: it owns their sockets."""

VPN_GROUP = "centralino-vpn"
"""The ends of the branch tunnels: the echo service may speak to those who lay routes."""

GROUPS = (SHARED_GROUP, WEB_GROUP, VPN_GROUP)

PORTAL = "centralino-portal"
PROVISIONING = "centralino-provisioning"
LIVE = "centralino-live"
WEB = "centralino-nginx"
VPN = "centralino-vpn"
"""OpenVPN and the echo service, both open to the internet."""

DEMO = "centralino-demo"
"""The telephones of the sample company; only in a checkout."""

CHECKOUT_NUMBERS: Mapping[str, int] = MappingProxyType(
    {
        SHARED_GROUP: 59810,
        PORTAL: 59811,
        PROVISIONING: 59812,
        LIVE: 59813,
        WEB: 59814,
        WEB_GROUP: 59815,
        DEMO: 59816,
        VPN_GROUP: 59817,
    }
)
"""Account or group name -> number where the machine's user database is left alone.

Below 60000, so that they also exist in a container that maps 65,536 numbers, and below
what systemd gives to its dynamic users (61184 upwards).
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a process runs as: numbers, so that it works without a user database."""

    user: int
    group: int
    groups: tuple[int, ...] = ()


def identity(account: str, groups: tuple[str, ...], *, checkout: bool) -> Identity:
    """The numbers of `account`; its first group is its primary one.

    LookupError when the machine does not know the account or a group.
    """
    if account == "root":
        return Identity(0, 0)
    numbers = tuple(group_number(name, checkout=checkout) for name in groups)
    user = CHECKOUT_NUMBERS[account] if checkout else pwd.getpwnam(account).pw_uid
    return Identity(user, numbers[0], numbers)


def group_number(name: str, *, checkout: bool) -> int:
    """The number of one of our groups; LookupError when the machine does not know it."""
    return CHECKOUT_NUMBERS[name] if checkout else grp.getgrnam(name).gr_gid
