"""What the edge of the machine must know of other services, and who is never shut out.

Services yield these as facts of their references; firewall and bans read them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from appliance.state.references import References
from appliance.system.vpn import BranchFacts, VpnFacts

F = TypeVar("F")

LOOPBACK = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True)
class SipDoors:
    """Where Asterisk listens; the ports of media are a range with both ends included."""

    port: int
    tls_port: int
    rtp_first_port: int
    rtp_last_port: int


@dataclass(frozen=True, slots=True)
class CarrierFacts:
    """Addresses and networks from which a line's calls come. `tls_port` is the port from
    which lines with TLS are opened, 0 for others."""

    sources: tuple[str, ...]
    tls_port: int = 0


@dataclass(frozen=True, slots=True)
class KnownFacts:
    """Networks that the firewall knows: of telephones, of administrators, and trusted ones."""

    networks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FetchFacts:
    """From where telephones fetch their files, beside branches; or from everywhere."""

    networks: tuple[str, ...]
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class BlockFacts:
    """A network that reaches nothing; `until` is the last day (UTC), "" for good."""

    network: str
    until: str = ""


WIDEST = {4: 8, 6: 20}
"""Shortest prefix of a network that somebody may own, by version of IP. Wider ones would be
"everybody", for which there is a setting with a name of its own."""


def too_wide(network: str) -> bool:
    """Whether it is more than anybody owns."""
    found = ipaddress.ip_network(network)
    return found.prefixlen < WIDEST[found.version]


def overlapping(network: str, others: Iterable[str]) -> Iterator[str]:
    """Those of the others that share addresses with a network."""
    one = ipaddress.ip_network(network)
    for other in map(ipaddress.ip_network, others):
        if one.version == other.version and one.overlaps(other):
            yield str(other)


def merged(networks: Iterable[str]) -> tuple[str, ...]:
    """Networks without those that lie in others, version 4 first, in the order of numbers."""
    found = [ipaddress.ip_network(each) for each in networks]
    fours = ipaddress.collapse_addresses(n for n in found if n.version == 4)
    sixes = ipaddress.collapse_addresses(n for n in found if n.version == 6)
    return (*map(str, fours), *map(str, sixes))


def of_version(networks: Iterable[str], version: int) -> tuple[str, ...]:
    """Those of one version of IP; single addresses come without a prefix length."""
    found = [ipaddress.ip_network(each) for each in merged(networks)]
    return tuple(
        str(each.network_address if each.num_addresses == 1 else each)
        for each in found
        if each.version == version
    )


def carriers(references: References) -> tuple[str, ...]:
    """Where calls of lines come from."""
    return tuple(source for facts in _facts(references, CarrierFacts) for source in facts.sources)


def carrier_ports(references: References) -> tuple[int, ...]:
    """Further ports on which lines are heard."""
    return tuple(sorted({f.tls_port for f in _facts(references, CarrierFacts) if f.tls_port}))


def sip_doors(references: References) -> SipDoors:
    """Where Asterisk listens."""
    return next(_facts(references, SipDoors))


def vpn(references: References) -> VpnFacts | None:
    """The doors for routers of branches, if there are branches."""
    return next(_facts(references, VpnFacts), None)


def never_banned(references: References) -> tuple[str, ...]:
    """Networks that no ban may hit: our own, those behind the VPN, and carriers."""
    doors = vpn(references)
    return merged(
        (
            *LOOPBACK,
            *(network for facts in _facts(references, KnownFacts) for network in facts.networks),
            *(doors.tunnels if doors else ()),
            *(network for b in _facts(references, BranchFacts) for network in b.networks),
            *carriers(references),
        )
    )


def fetching(references: References) -> tuple[str, ...] | None:
    """Networks from which telephones fetch their files; None: from everywhere."""
    found = list(_facts(references, FetchFacts))
    if any(facts.everywhere for facts in found):
        return None
    doors = vpn(references)
    return merged(
        (
            *LOOPBACK,
            *(network for facts in found for network in facts.networks),
            *(doors.tunnels if doors else ()),
            *(network for b in _facts(references, BranchFacts) for network in b.networks),
        )
    )


def blocks(references: References) -> tuple[BlockFacts, ...]:
    """Networks that somebody has blocked by hand, in their order."""
    return tuple(_facts(references, BlockFacts))


def reaching(references: References) -> tuple[str, ...]:
    """Networks of branches whose telephones reach those of other branches."""
    branches = [b for b in _facts(references, BranchFacts) if b.reaches_branches]
    return merged(network for branch in branches for network in branch.networks)


def _facts(references: References, kind: type[F]) -> Iterator[F]:
    return (r.facts for r in references.by_id.values() if isinstance(r.facts, kind))
