"""What cannot work in the machine's network, with what to do about it."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.references import References
from appliance.system import edge_facts
from appliance.system.vpn import BranchFacts

if TYPE_CHECKING:
    from appliance.system.network import Addressing, Interface, State

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
IpInterface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_NAME = 64
"""HOST_NAME_MAX of Linux."""

POINT_TO_POINT = {4: 31, 6: 127}
"""Prefix lengths from which on every address of a network is a machine's (RFC 3021, RFC 6164)."""


def faults(state: State, references: References) -> Iterator[Fault]:
    """Yield everything that is wrong with a network that the engine is to make."""
    yield from _bad_name(state)
    yield from duplicate_ids("network/interfaces", state.interfaces)
    yield from duplicate_ids("network/vlans", state.vlans)
    if not state.interfaces:
        yield Fault("network/managed", "needs an interface: add it, or take over what runs")
    yield from _same_interface(state)
    yield from _bad_vlans(state, references)
    for where, it in _places(state):
        yield from _bad_address(f"{where}/address", it.ipv4, it.address)
        yield from _bad_address(f"{where}/address6", it.ipv6, it.address6)
        yield from _bad_gateway(f"{where}/gateway", it.ipv4, it.address, it.gateway)
        yield from _bad_gateway(f"{where}/gateway6", it.ipv6, it.address6, it.gateway6)
        yield from _bad_routes(where, it)
    yield from _two_gateways(state)
    yield from _overlaps(state, references)
    if state.interfaces and all(_silent(it) for _where, it in _places(state)):
        text = "give one interface an address, or nobody reaches this machine"
        yield Fault("network/interfaces", text)


def _bad_name(state: State) -> Iterator[Fault]:
    if not state.host_name:
        yield Fault("network/host_name", "give the machine a name such as pbx.example.com")
    elif len(state.host_name) > LONGEST_NAME:
        text = "must have at most %(longest)d characters"
        yield Fault("network/host_name", text, {"longest": LONGEST_NAME})


def _places(state: State) -> Iterator[tuple[str, Addressing]]:
    yield from ((f"network/interfaces/{each.id}", each) for each in state.interfaces)
    yield from ((f"network/vlans/{each.id}", each) for each in state.vlans)


def _silent(it: Addressing) -> bool:
    return it.ipv4 == it.ipv6 == "off"


def _same_interface(state: State) -> Iterator[Fault]:
    """Interfaces that nothing names, or two whose files would fight for one device."""
    for field in ("name", "mac"):
        times = Counter(getattr(each, field) for each in state.interfaces)
        for each in state.interfaces:
            if getattr(each, field) and times[getattr(each, field)] > 1:
                where = f"network/interfaces/{each.id}/{field}"
                yield Fault(where, "belongs to another interface of the list too")
    for each in state.interfaces:
        if not (each.name or each.mac):
            where = f"network/interfaces/{each.id}/name"
            yield Fault(where, "say which one is meant: by its name or its MAC address")
        elif _reserved(each):
            where = f"network/interfaces/{each.id}/name"
            yield Fault(where, "is no wired interface; VLANs have a list of their own")


def _reserved(each: Interface) -> bool:
    return each.name == "lo" or each.name.startswith(("vlan-", "branch"))


def _bad_vlans(state: State, references: References) -> Iterator[Fault]:
    times = Counter(each.number for each in state.vlans)
    for each in state.vlans:
        where = f"network/vlans/{each.id}"
        yield from references.missing(f"{where}/parent", "network_interface", each.parent)
        if times[each.number] > 1:
            text = "VLAN %(number)d is in the list twice: remove one"
            yield Fault(f"{where}/number", text, {"number": each.number})


def _bad_address(where: str, choice: str, address: str) -> Iterator[Fault]:
    if choice != "static":
        return
    if not address:
        yield Fault(where, "a fixed address is missing, or choose another way")
        return
    found = ipaddress.ip_interface(address)
    if _not_ours(found.ip):
        yield Fault(where, "%(address)s cannot be a machine's own address", {"address": found.ip})
    elif _is_end(found.ip, found.network):
        text = "%(address)s means the network %(network)s itself: choose one inside it"
        yield Fault(where, text, {"address": str(found.ip), "network": str(found.network)})


def _not_ours(address: Ip) -> bool:
    special = address.is_loopback or address.is_multicast or address.is_unspecified
    return special or address.is_link_local or (address.version == 4 and address.is_reserved)


def _is_end(address: Ip, network: IpNetwork) -> bool:
    """Whether it is the network's own or its broadcast address; IPv6 has none of the latter,
    but its first address means any router (RFC 4291 section 2.6.1)."""
    if network.prefixlen >= POINT_TO_POINT[network.version]:
        return False
    ends = [network.network_address]
    if network.version == 4:
        ends.append(network.broadcast_address)
    return address in ends


def _bad_gateway(where: str, choice: str, own: str, gateway: str) -> Iterator[Fault]:
    if choice != "static" or not own or not gateway:
        return
    found, address = ipaddress.ip_interface(own), ipaddress.ip_address(gateway)
    if address == found.ip:
        yield Fault(where, "is this machine's own address; the gateway is another machine's")
    elif not _neighbour(address, found):
        text = "%(gateway)s is not in the network %(network)s of the address: mend one of the two"
        yield Fault(where, text, {"gateway": gateway, "network": str(found.network)})
    elif _is_end(address, found.network) and address.version == 4:
        text = "%(address)s means the network %(network)s itself: choose one inside it"
        yield Fault(where, text, {"address": gateway, "network": str(found.network)})


def _neighbour(address: Ip, own: IpInterface) -> bool:
    """Whether it is reached without a router; routers of IPv6 often go by their link-local one."""
    return address in own.network or (address.version == 6 and address.is_link_local)


def _bad_routes(where: str, it: Addressing) -> Iterator[Fault]:
    own = [ipaddress.ip_interface(each) for each in it.fixed]
    for index, route in enumerate(it.routes):
        place = f"{where}/routes/{index}"
        network, gateway = ipaddress.ip_network(route.network), ipaddress.ip_address(route.gateway)
        if network.version != gateway.version:
            yield Fault(f"{place}/gateway", "must be of the same version of IP as the network")
        elif not network.prefixlen:
            yield Fault(f"{place}/network", "is the way to everywhere: set it as the gateway")
        elif any(each.version == network.version and each.ip == gateway for each in own):
            text = "is this machine's own address; the gateway is another machine's"
            yield Fault(f"{place}/gateway", text)
        elif _fixed(it, network.version) and not any(_neighbour(gateway, each) for each in own):
            text = "%(gateway)s is in no network of this interface, so nothing can be sent to it"
            yield Fault(f"{place}/gateway", text, {"gateway": route.gateway})
        if route.network in [each.network for each in it.routes[:index]]:
            yield Fault(f"{place}/network", "is in the list twice: remove one")


def _fixed(it: Addressing, version: int) -> bool:
    """Whether the addresses of this version are known beforehand."""
    return (it.ipv4 if version == 4 else it.ipv6) != ("dhcp" if version == 4 else "automatic")


def _two_gateways(state: State) -> Iterator[Fault]:
    """A machine has one way out; with two, answers leave by the wrong one half of the time."""
    for field, choice in (("gateway", "ipv4"), ("gateway6", "ipv6")):
        with_one = [
            where
            for where, it in _places(state)
            if getattr(it, field) and getattr(it, choice) == "static"
        ]
        for where in with_one[1:]:
            text = "another interface has a gateway already: keep one, and set routes here"
            yield Fault(f"{where}/{field}", text)


def _overlaps(state: State, references: References) -> Iterator[Fault]:
    """Networks that hide each other: a packet could go to one of them only."""
    own = [
        (f"{where}/{'address6' if ':' in fixed else 'address'}", ipaddress.ip_interface(fixed))
        for where, it in _places(state)
        for fixed in it.fixed
    ]
    for (_where, one), (where, other) in combinations(own, 2):
        if one.version == other.version and one.network.overlaps(other.network):
            values = {"one": str(other.network), "other": str(one.network)}
            yield Fault(where, "%(one)s overlaps with %(other)s", values)
    for where, one in own:
        for network in map(ipaddress.ip_network, _behind_tunnels(references)):
            if one.version == network.version and one.network.overlaps(network):
                values = {"one": str(one.network), "other": str(network)}
                yield Fault(where, "%(one)s overlaps with %(other)s of the branches", values)


def _behind_tunnels(references: References) -> Iterator[str]:
    """The networks of tunnels and of branches."""
    doors = edge_facts.vpn(references)
    yield from doors.tunnels if doors else ()
    for reference in references.by_id.values():
        if isinstance(reference.facts, BranchFacts):
            yield from reference.facts.networks
