"""The machine's place in the network: its name, its addresses, and whom it asks for names and time.

Nothing is managed until somebody says so: on a server of somebody else's, in a cloud, and on the
machine of a developer, addresses are not ours to give. Files are those of systemd-networkd
(systemd.network(5), systemd.netdev(5)); they sort before what the image and clouds bring.
A wired interface that is not listed asks by DHCP, as before its owner had said anything.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeVar

from appliance.asterisk.reloads import NETWORK, WEB
from appliance.render import escape
from appliance.render.environments import render
from appliance.render.fileset import File
from appliance.state.faults import Fault
from appliance.state.fields import (
    Address,
    AddressRule,
    Between,
    Host,
    Label,
    NetworkRule,
    ObjectId,
    OptionalLabel,
    Pattern,
)
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.system import network_checks
from appliance.system.machine import Facts
from appliance.verify.probes import Probe

FOLDER = "etc/systemd/network"
RESOLVER = "etc/systemd/resolved.conf.d/50-network.conf"
TIME_SOURCES = "etc/chrony/sources.d/50-network.sources"
HOSTS, HOST_NAME = "etc/hosts", "etc/hostname"

MARK = b"# Made by the engine"
"""How every file of ours begins in folders that others write to as well."""

VLAN_FIRST, INTERFACE_FIRST = "04-vlan-", "05-"
"""How files' names begin. VLANs come first: one has the hardware address of its parent, whose
file may match by that."""

FOLLOWERS = (NETWORK, WEB, "pjsip")
"""Who is told: the web server and Asterisk present certificates for the new name and address."""

READY_WITHIN_S = 15.0
"""How long an address may take to be there: IPv6 looks for another owner first (RFC 4862
section 5.4), and a slow switch may take seconds to open its port."""

MachineName = Annotated[
    str,
    Pattern(
        r"|(?=.{1,253}$)(?!localhost(\.|$))(?![0-9.]+$)(?!-)[a-z0-9-]{1,63}(?<!-)"
        r"(\.(?!-)[a-z0-9-]{1,63}(?<!-))*",
        "a host name in small letters such as pbx.example.com, or empty",
    ),
]
"""At most 64 signs fit in Linux (HOST_NAME_MAX); the check says so, since the name for others
may be longer."""

Domain = Annotated[
    str,
    Pattern(
        r"(?=.{1,253}$)(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*",
        "a domain such as example.com",
    ),
]
InterfaceName = Annotated[
    str,
    Pattern(
        r"|(?!\.{1,2}$)[A-Za-z0-9][A-Za-z0-9._-]{0,14}",
        "the name of an interface such as ens192, or empty",
    ),
]
HardwareAddress = Annotated[
    str,
    Pattern(r"|([0-9a-f]{2}:){5}[0-9a-f]{2}", "a MAC address such as 00:50:56:01:02:03, or empty"),
]


@dataclass(frozen=True, slots=True)
class _Optional:
    """A rule that also allows nothing."""

    rule: AddressRule | _WithLength

    def problem(self, value: str) -> tuple[str, dict[str, object]] | None:
        return self.rule.problem(value) if value else None


@dataclass(frozen=True, slots=True)
class _WithLength:
    """An address of one version of IP with the length of its network's prefix."""

    version: int
    example: str

    def problem(self, value: str) -> tuple[str, dict[str, object]] | None:
        try:
            found = ipaddress.ip_interface(value)
        except ValueError:
            found = None
        if found is None or "/" not in value or "%" in value or found.version != self.version:
            return "must be an address with prefix length such as %(example)s", {
                "example": self.example
            }
        return None


OptionalAddress4 = Annotated[str, _Optional(_WithLength(4, "192.0.2.10/24"))]
OptionalAddress6 = Annotated[str, _Optional(_WithLength(6, "2001:db8::10/64"))]
OptionalGateway = Annotated[str, _Optional(AddressRule())]
VlanNumber = Annotated[int, Between(1, 4094)]


@dataclass(frozen=True, slots=True)
class Route:
    """A network that is reached by another way than the default: `gateway` is a neighbour."""

    network: Annotated[str, NetworkRule()]
    gateway: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """How an interface gets its addresses. What belongs to a fixed address is kept, and means
    nothing, while the choice is another one. `automatic` is router advertisements, and DHCPv6
    where they say so (RFC 4861 section 4.2)."""

    ipv4: Literal["dhcp", "static", "off"] = "dhcp"
    address: OptionalAddress4 = ""
    gateway: OptionalGateway = ""
    ipv6: Literal["automatic", "static", "off"] = "automatic"
    address6: OptionalAddress6 = ""
    gateway6: OptionalGateway = ""
    routes: tuple[Route, ...] = ()

    @property
    def fixed(self) -> tuple[str, ...]:
        """The fixed addresses with their prefix lengths."""
        four = self.address if self.ipv4 == "static" else ""
        six = self.address6 if self.ipv6 == "static" else ""
        return tuple(each for each in (four, six) if each)

    @property
    def gateways(self) -> tuple[str, ...]:
        """The default gateways that belong to fixed addresses."""
        four = self.gateway if self.ipv4 == "static" else ""
        six = self.gateway6 if self.ipv6 == "static" else ""
        return tuple(each for each in (four, six) if each)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface(Addressing):
    """A wired interface, found by its hardware address where `mac` says one, else by the
    name that the kernel gives it."""

    id: ObjectId
    label: OptionalLabel = ""
    name: InterfaceName = ""
    mac: HardwareAddress = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vlan(Addressing):
    """A network that shares the cable of `parent`, told apart by a number in each frame (IEEE
    802.1Q), such as that of the telephones."""

    id: ObjectId
    label: Label
    parent: ObjectId
    number: VlanNumber

    @property
    def device(self) -> str:
        """The name of its interface."""
        return f"vlan-{self.number}"


@dataclass(frozen=True, slots=True)
class State:
    """`managed` false: somebody else gives this machine its addresses, and nothing is written.

    `dns` are asked instead of the servers that DHCP names, `search` completes short names, `ntp`
    are asked before the time servers of the image. The order is that of asking.
    """

    managed: bool = False
    host_name: MachineName = ""
    dns: tuple[Address, ...] = ()
    search: tuple[Domain, ...] = ()
    ntp: tuple[Host, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    vlans: tuple[Vlan, ...] = ()

    @property
    def addressed(self) -> tuple[Interface | Vlan, ...]:
        """Everything that may have addresses."""
        return (*self.interfaces, *self.vlans)


Held = TypeVar("Held", Facts, Machine)


def followed(state: State, held: Held) -> Held:
    """What is known of the machine, with the name and addresses that the owner wants for it,
    where the engine may give them."""
    if not state.managed or NETWORK not in held.manages:
        return held
    return replace(held, host_name=state.host_name, addresses=own_addresses(state))


def own_addresses(state: State) -> tuple[str, ...]:
    """The machine's fixed addresses. Those beside a gateway come first: it leads outside, and
    who is outside knows the machine by them."""
    known = sorted(state.addressed, key=lambda each: not each.gateways)
    return tuple(str(ipaddress.ip_interface(fixed).ip) for each in known for fixed in each.fixed)


def references(state: State) -> Iterator[Reference]:
    """Yield the interfaces, of which VLANs name their parents."""
    for each in state.interfaces:
        yield Reference("network_interface", each.id, each.label or each.name or each.mac)


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield faults of addresses that exclude each other, or cannot work; nothing while somebody
    else looks after the network."""
    if state.managed:
        yield from network_checks.faults(state, references)


def files(state: State, _references: References, _machine: Machine) -> Iterator[File]:
    """Yield what networkd, the resolver, the clock and everybody who looks the machine's own name
    up read; nothing while somebody else looks after it."""
    if not state.managed:
        return
    for interface in state.interfaces:
        path = f"{FOLDER}/{INTERFACE_FIRST}{interface.id}.network"
        yield File(path, interface_file(state, interface), FOLLOWERS, mode=0o644)
    for vlan in state.vlans:
        path = f"{FOLDER}/{VLAN_FIRST}{vlan.number}"
        yield _file(f"{path}.{vlan.parent}.netdev", "vlan.netdev.j2", vlan=vlan)
        yield File(f"{path}.network", interface_file(state, vlan), FOLLOWERS, mode=0o644)
    if state.dns or state.search:
        yield _file(RESOLVER, "resolved.conf.j2", state=state)
    if state.ntp:
        yield _file(TIME_SOURCES, "time.sources.j2", state=state)
    yield File(HOSTS, hosts(state.host_name), FOLLOWERS, mode=0o644)
    yield File(HOST_NAME, f"{state.host_name}\n".encode(), (NETWORK,), mode=0o644)


def interface_file(state: State, it: Interface | Vlan, servers: tuple[str, ...] = ()) -> bytes:
    """What networkd reads of one interface; `servers` are name servers of this one alone."""
    carried = [] if isinstance(it, Vlan) else [v for v in state.vlans if v.parent == it.id]
    vlans = [vlan.device for vlan in carried]
    values = {"state": state, "it": it, "vlans": vlans, "servers": servers}
    return render("networkd/interface.network.j2", escape.networkd_value, **values)


def hosts(name: str) -> bytes:
    """The hosts file of a machine with this name, which stands there whole and short.

    Asterisk looks its own name up for every call; without the line a dead name server
    would delay each by ten seconds.
    """
    names = dict.fromkeys((name, name.partition(".")[0]))
    return render("networkd/hosts.j2", escape.networkd_value, names=list(names))


def _file(path: str, template: str, **values: object) -> File:
    content = render(f"networkd/{template}", escape.networkd_value, **values)
    return File(path, content, FOLLOWERS, mode=0o644)


def probes(state: State, _references: References) -> Iterator[Probe]:
    """Ask that each interface is there, has its fixed addresses, and that the way out and the
    machine's name are as meant. What DHCP gives is not known beforehand."""
    if not state.managed:
        return
    for interface in state.interfaces:
        where = f"network/interfaces/{interface.id}"
        mark = interface.mac or f'"ifname":"{interface.name}"'
        yield _probe(where, "links", mark, "an interface of this name or MAC address")
        yield from _addresses(where, "" if interface.mac else interface.name, interface)
    for vlan in state.vlans:
        yield from _addresses(f"network/vlans/{vlan.id}", vlan.device, vlan)
    yield _probe("network", "host name", state.host_name, "the name that was wished for")


def _addresses(where: str, device: str, it: Addressing) -> Iterator[Probe]:
    for fixed in it.fixed:
        family = "inet6" if ":" in fixed else "inet"
        text = f"{device} {family} {ipaddress.ip_interface(fixed)}".strip()
        meaning = f"{fixed} on this interface"
        yield _probe(where, "addresses", text, meaning)
    for gateway in it.gateways:
        question = "routes6" if ":" in gateway else "routes"
        text = f"default via {ipaddress.ip_address(gateway)} "
        yield _probe(where, question, text, f"the way out by {gateway}")
    for route in it.routes:
        network = ipaddress.ip_network(route.network)
        question = "routes6" if network.version == 6 else "routes"
        target = str(network.network_address if network.num_addresses == 1 else network)
        text = f"{target} via {ipaddress.ip_address(route.gateway)} "
        yield _probe(where, question, text, f"the way to {target} by {route.gateway}")


def _probe(where: str, question: str, text: str, meaning: str) -> Probe:
    return Probe(where, question, (text,), "", meaning, NETWORK, READY_WITHIN_S)
