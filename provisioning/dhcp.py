"""What the company's DHCP server must say so that phones fresh from the box come here.

The answers go to telephones alone, told apart by the maker's part of the MAC or by what
they say of themselves (option 60): the value differs by vendor, and a computer must
never get any of it.

Sources: RFC 2132 (options 60, 66), dnsmasq(8), Kea Administrator Reference Manual
(classification, standard options). The phones' side is in each vendor's guide.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from provisioning import vendors
from provisioning.phones import Door

TFTP_SERVER_NAME = 66


@dataclass(frozen=True, slots=True)
class Told:
    """How a vendor's phones are recognised, and the address that they are told.

    `begins` is how option 60 begins, `holds` what stands somewhere in it: dnsmasq looks
    anywhere, so that it needs a word that nobody else uses.
    """

    vendor: str
    ouis: tuple[str, ...]
    begins: str
    holds: str
    url: str


CLASSES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"yealink": ("yealink", "yealink"), "snom": ("snom", "snom"), "cisco": ("CP-", "-3PCC")}
)
"""Vendor -> how its phones' vendor class identifier begins, and what it holds."""


def told(door: Door) -> Iterator[Told]:
    """Yield what each vendor's phones are to be told."""
    for name, vendor in vendors.VENDORS.items():
        url = f"{door.first_stage()}{vendor.FILE_NAME_MACRO}"
        yield Told(name, tuple(sorted(vendor.OUIS)), *CLASSES[name], url)


def dnsmasq(door: Door) -> str:
    """A file for dnsmasq's `conf-dir`. `dnsmasq --test` must accept it before a reload."""
    lines = []
    for each in told(door):
        lines += [f"dhcp-mac=set:{each.vendor},{_colons(oui)}:*:*:*" for oui in each.ouis]
        lines.append(f'dhcp-vendorclass=set:{each.vendor},"{each.holds}"')
        lines.append(f'dhcp-option=tag:{each.vendor},{TFTP_SERVER_NAME},"{each.url}"')
    return "\n".join(lines) + "\n"


def kea(door: Door) -> str:
    """`client-classes` for the configuration of Kea's DHCPv4 server, as JSON."""
    classes = [
        {
            "name": f"telephones-{each.vendor}",
            "test": " or ".join((*_kea_ouis(each), _kea_class(each))),
            "option-data": [{"name": "tftp-server-name", "data": _kea_text(each.url)}],
        }
        for each in told(door)
    ]
    configuration: dict[str, Any] = {"Dhcp4": {"client-classes": classes}}
    return json.dumps(configuration, indent=2) + "\n"


def _kea_ouis(each: Told) -> Iterator[str]:
    return (f"substring(pkt4.mac,0,3) == 0x{oui}" for oui in each.ouis)


def _kea_class(each: Told) -> str:
    return f"substring(option[60].text,0,{len(each.begins)}) == '{each.begins}'"


def _kea_text(text: str) -> str:
    """Kea splits data at commas unless they are escaped."""
    return text.replace(",", "\\,")


def _colons(oui: str) -> str:
    return ":".join(oui[i : i + 2] for i in (0, 2, 4))
