"""The router's own network as files of systemd-networkd: a pure function of the profile.

Without a profile every wired interface asks by DHCP, so that whichever cable leads to the
internet can fetch one. With a profile, each line's route goes into a table of its own
(`routes.LINE_TABLE`), from which the agent takes it: what leaves by which line is its affair.

Source: systemd.network(5).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping

from failover_router.router_profile import Lan, Line, RouterProfile
from failover_router.routes import LINE_TABLE

FOLDER = "etc/systemd/network"
BLANK = "90-blank.network"
"""What the image brings for a router without a profile; names of ours sort before it."""

BY_OTHERS = ("pppoe", "modem")
"""Ways to an address that this image leaves to a box or stick of the provider, which then
is a line by DHCP."""


def files(profile: RouterProfile) -> Mapping[str, str]:
    """Name in the folder of networkd -> text, for everything that the profile asks of it."""
    found = {"20-lan.network": lan_network(profile.lan)}
    for order, line in enumerate(profile.lines):
        found[f"30-{line.name}.network"] = line_network(line, order)
    return found


def cannot(profile: RouterProfile, ports: Collection[str]) -> list[str]:
    """What this router cannot do of the profile, a sentence each; `ports` are those it has."""
    said = [
        f"line {line.label or line.name}: {line.addressing} is not done by this image; use the "
        "provider's box or stick, and DHCP"
        for line in profile.lines
        if line.addressing in BY_OTHERS
    ]
    wanted = [(f"line {line.label or line.name}", line.interface) for line in profile.lines]
    there = ", ".join(sorted(ports)) or "none"
    return said + [
        f"{what}: no port {port} here; there are {there}"
        for what, port in (*wanted, ("network of the telephones", profile.lan.interface))
        if port not in ports
    ]


def lan_network(lan: Lan) -> str:
    """The network of the telephones; it is there also while nothing is plugged in."""
    length = ipaddress.ip_network(lan.network).prefixlen
    address = [f"Address={lan.address}/{length}", "ConfigureWithoutCarrier=yes"]
    return _file(("Match", [f"Name={lan.interface}"]), ("Network", [*address, *_QUIET]))


_QUIET = ("IPv6AcceptRA=no", "LinkLocalAddressing=no")


def line_network(line: Line, order: int) -> str:
    """One line. Its address leaves with the carrier, which is what the agent sees; name
    servers come from the first line alone, so that answers stay the same."""
    match = ("Match", [f"Name={line.interface}"])
    if line.addressing == "static":
        return _file(match, ("Network", [f"Address={line.address}", *_QUIET]))
    names = ["UseDNS=yes" if order == 0 else "UseDNS=no", "UseNTP=no", "UseHostname=no"]
    asking = ("DHCPv4", [f"RouteTable={LINE_TABLE + order}", *names])
    return _file(match, ("Network", ["DHCP=ipv4", *_QUIET]), asking)


def _file(*sections: tuple[str, list[str]]) -> str:
    return "\n".join(_lines(sections))


def _lines(sections: tuple[tuple[str, list[str]], ...]) -> Iterator[str]:
    for name, lines in sections:
        yield f"[{name}]"
        yield from lines
        yield ""
