"""The wired interfaces that this machine has, and the addresses they have now. Looks, changes
nothing.

The kernel is asked by ip(8); speeds stand in /sys/class/net (Documentation/ABI/testing/
sysfs-class-net of Linux), where an interface without a cable answers with an error or with -1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEVICES = Path("/sys/class/net")

Ask = Callable[[Sequence[str]], str]
"""Runs a command and returns what it prints, "" when it fails."""


@dataclass(frozen=True, slots=True)
class Found:
    """One interface as it is now. `speed_mbits` 0: not known. `parent` is set for a VLAN.

    `dhcp` says whether its address of version 4 came from there.
    """

    name: str
    mac: str = ""
    up: bool = False
    speed_mbits: int = 0
    addresses: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    dhcp: bool = False
    vlan: int = 0
    parent: str = ""


def look(ask: Ask, devices: Path = DEVICES) -> tuple[Found, ...]:
    """Every interface with a cable, or that could have one, and the VLANs on them."""
    links = _listed(ask(("ip", "-json", "-details", "link", "show")))
    addresses = _listed(ask(("ip", "-json", "address", "show")))
    routes = _listed(ask(("ip", "-json", "route", "show", "default")))
    routes += _listed(ask(("ip", "-json", "-6", "route", "show", "default")))
    known = {str(each.get("ifname")): each for each in addresses}
    names = [link for link in links if _is_wired(link)]
    return tuple(_found(link, known, routes, devices) for link in names)


def _listed(text: str) -> list[dict[str, Any]]:
    try:
        data = json.loads(text or "[]")
    except ValueError:
        return []
    return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []


def _is_wired(link: Mapping[str, Any]) -> bool:
    """Ethernet, of hardware or of a virtual machine's host, or a VLAN on one; no bridge, no
    tunnel. veth is what a container has in place of a card."""
    kind = link.get("linkinfo", {}).get("info_kind", "")
    return link.get("link_type") == "ether" and kind in ("", "veth", "vlan")


def _found(
    link: Mapping[str, Any],
    addresses: Mapping[str, Mapping[str, Any]],
    routes: Iterable[Mapping[str, Any]],
    devices: Path,
) -> Found:
    name = str(link["ifname"])
    held = list(_global(addresses.get(name, {})))
    data = link.get("linkinfo", {}).get("info_data", {})
    return Found(
        name=name,
        mac=str(link.get("address", "")),
        up="LOWER_UP" in link.get("flags", ()),
        speed_mbits=_speed(devices / name / "speed"),
        addresses=tuple(f"{each['local']}/{each['prefixlen']}" for each in held),
        gateways=tuple(
            str(r["gateway"]) for r in routes if r.get("dev") == name and "gateway" in r
        ),
        dhcp=any(each.get("dynamic") and each.get("family") == "inet" for each in held),
        vlan=int(data.get("id", 0)),
        parent=str(link.get("link", "")) if data.get("id") else "",
    )


def _global(interface: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for each in interface.get("addr_info", ()):
        if "local" in each and each.get("scope") == "global" and not each.get("temporary"):
            yield each


def _speed(file: Path) -> int:
    try:
        return max(0, int(file.read_text()))
    except (OSError, ValueError):
        return 0
