"""DHCP, names and time for the phones: configuration of dnsmasq and chrony.

All three go on when every line is gone: leases are the router's own, its clock goes on by
itself, and a telephone that starts anew finds everything but the appliance.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path

from failover_router.router_profile import Lan, RouterProfile

OPTION_ROUTER, OPTION_NTP, OPTION_TFTP, OPTION_VENDOR = 3, 42, 66, 43
"""RFC 2132."""

RESOLVERS = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))
"""Name servers that the lines' providers have told, as systemd-resolved keeps them; where it
does not run, the machine's own."""


def resolvers() -> Path:
    """The file that dnsmasq follows; it does not start where even the folder is missing."""
    return next((path for path in RESOLVERS if path.parent.is_dir()), RESOLVERS[-1])


def dnsmasq(profile: RouterProfile, state: Path) -> str:
    """dnsmasq.conf; `dnsmasq --test` must accept it before it is used."""
    lan = profile.lan
    lines = [
        f"interface={lan.interface}",
        "bind-dynamic",
        "except-interface=lo",
        "domain-needed",
        "bogus-priv",
        "stop-dns-rebind",
        "cache-size=1000",
        # An old answer is better than none while the lines are gone.
        "use-stale-cache=86400",
        f"resolv-file={resolvers()}",
        f"dhcp-leasefile={state}/leases",
        *(_dhcp(lan) if lan.dhcp_first else ()),
    ]
    return "\n".join(lines) + "\n"


def _dhcp(lan: Lan) -> Iterator[str]:
    mask = ipaddress.IPv4Network(lan.network).netmask
    yield f"dhcp-range={lan.dhcp_first},{lan.dhcp_last},{mask},{lan.lease_s}s"
    yield "dhcp-authoritative"
    yield f"dhcp-option={OPTION_ROUTER},{lan.address}"
    yield f"dhcp-option={OPTION_NTP},{','.join(lan.ntp)}"
    for phone in lan.phones:
        for oui in phone.ouis:
            colons = ":".join(oui[i : i + 2] for i in (0, 2, 4))
            yield f"dhcp-mac=set:{phone.vendor},{colons}:*:*:*"
        if phone.vendor_class:
            yield f'dhcp-vendorclass=set:{phone.vendor},"{phone.vendor_class}"'
        yield f'dhcp-option=tag:{phone.vendor},{OPTION_TFTP},"{phone.url}"'
    others = "".join(f"tag:!{phone.vendor}," for phone in lan.phones)
    if lan.provisioning_url:
        yield f'dhcp-option={others}{OPTION_TFTP},"{lan.provisioning_url}"'
    if lan.option_43:
        pairs = ":".join(lan.option_43[i : i + 2] for i in range(0, len(lan.option_43), 2))
        yield f"dhcp-option={others}{OPTION_VENDOR},{pairs}"


def chrony(profile: RouterProfile, state: Path) -> str:
    """chrony.conf: time from the appliance, given on to the phones, also without it."""
    lan = profile.lan
    lines = [
        f"server {profile.server.inner_address} iburst minpoll 4 maxpoll 8",
        f"driftfile {state}/chrony.drift",
        "makestep 1 3",
        "rtcsync",
        # Phones need one time rather than the true one: their log-ins compare it.
        "local stratum 10",
        *(f"allow {network}" for network in lan.networks),
        f"bindaddress {lan.address}",
        "cmdport 0",
    ]
    return "\n".join(lines) + "\n"
