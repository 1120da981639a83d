"""Branches: which networks and lines each site has, and the tunnels that reach them.

A branch's router is known by the common name of its certificate, which follows from the
branch's number. Which of a branch's certificates are good is no wish of the owner but the
ledger of `appliance.system.vpn_authority`.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Any, Literal

from markupsafe import Markup

from appliance.render.environments import render
from appliance.render.escape import one_line
from appliance.render.fileset import File
from appliance.state.checks import duplicate_ids
from appliance.state.codec import canonical_json
from appliance.state.faults import Fault
from appliance.state.fields import (
    Between,
    ObjectId,
    Port,
    Secret,
)
from appliance.state.machine import Layout, Machine
from appliance.state.references import Reference, References
from appliance.system.vpn_authority import FOLDER as FOLDER
from appliance.system.vpn_lines import Interface as Interface
from appliance.system.vpn_lines import Ipv4 as Ipv4
from appliance.system.vpn_lines import Ipv4Network as Ipv4Network
from appliance.system.vpn_lines import Kbits as Kbits
from appliance.system.vpn_lines import Lan as Lan
from appliance.system.vpn_lines import Line as Line
from appliance.system.vpn_lines import LinePolicy as LinePolicy
from appliance.system.vpn_lines import OptionalIpv4Interface as OptionalIpv4Interface
from appliance.verify.probes import Probe
from failover_router.rules import dropping_copies

MOST_BRANCHES = 1000
TUNNELS = 2
"""Tunnels of a branch: the second is used where voice is protected."""

PLAIN = 2
"""The tunnel of routers that have no tls-crypt-v2; it is there while such a branch is."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A site that is reached through tunnels; `id` is the site's.

    `number` fixes the addresses of its tunnels for good. `mode`: `floating` has one
    tunnel that moves to the line in use, `protected` two, over two lines, and sends voice
    over both. `router` is what stands there: ours or OpenWrt (`own`), or one of MikroTik's, whose
    RouterOS cannot do tls-crypt and gets a port of its own. `reaches_branches` lets its phones
    reach those of other branches that are let as well. `calls` at once with `codec` are planned
    for.
    """

    id: ObjectId
    number: Annotated[int, Between(1, MOST_BRANCHES)]
    lan: Lan
    lines: tuple[Line, ...]
    mode: Literal["floating", "protected"] = "floating"
    policy: LinePolicy = LinePolicy()  # noqa: RUF009 - immutable
    enabled: bool = True
    reaches_branches: bool = False
    borrow_kbits: Kbits = 0
    codec: Literal["alaw", "ulaw", "g722", "gsm", "opus"] = "alaw"
    calls: Annotated[int, Between(0, 1000)] = 10
    router: Literal["own", "routeros"] = "own"

    @property
    def identity(self) -> str:
        """The common name of its routers' certificates."""
        return f"branch-{self.number}"

    @property
    def tunnels(self) -> tuple[int, ...]:
        """The numbers of the tunnels that its router may open."""
        return (PLAIN,) if self.router == "routeros" else tuple(range(TUNNELS))


@dataclass(frozen=True, slots=True)
class State:
    """The appliance's side, and the branches.

    `addresses` are the public ones that routers connect to. `port` and `second_port`
    take the tunnels, `probe_port` the routers' probes, `plain_port` the tunnel of routers without
    tls-crypt, whose addresses are of `plain_tunnel`. `inner_address` is what phones
    talk to; it stays the same whatever line a packet took. `tunnels` are the networks
    of the tunnels' own addresses. `server_networks` are those around the appliance, which no
    branch may use.
    """

    addresses: tuple[Ipv4, ...] = ()
    port: Port = 1194
    second_port: Port = 1195
    probe_port: Port = 1196
    plain_port: Port = 1197
    inner_address: Ipv4 = "10.99.0.1"
    tunnels: tuple[Ipv4Network, ...] = ("10.8.0.0/20", "10.8.16.0/20")
    plain_tunnel: Ipv4Network = "10.8.32.0/20"
    server_networks: tuple[Ipv4Network, ...] = ()
    branches: tuple[Branch, ...] = ()

    @property
    def active(self) -> tuple[Branch, ...]:
        """The branches that may connect, by number."""
        return tuple(sorted((b for b in self.branches if b.enabled), key=lambda b: b.number))

    @property
    def open_tunnels(self) -> tuple[int, ...]:
        """The numbers of the tunnels that the appliance opens."""
        plain = any(branch.router == "routeros" for branch in self.active)
        return (*range(TUNNELS), *((PLAIN,) if plain else ()))

    def network(self, tunnel: int) -> ipaddress.IPv4Network:
        """The network of a tunnel's own addresses."""
        return ipaddress.IPv4Network((*self.tunnels, self.plain_tunnel)[tunnel])

    def port_of(self, tunnel: int) -> int:
        """The UDP port of a tunnel."""
        return (self.port, self.second_port, self.plain_port)[tunnel]

    def gateway(self, tunnel: int) -> str:
        """The appliance's own address in a tunnel."""
        return str(self.network(tunnel)[1])

    def tunnel_address(self, branch: Branch, tunnel: int) -> str:
        """The branch's address in a tunnel: pinned, so that routes to it stay true."""
        return str(self.network(tunnel)[1 + branch.number])


def probe_key(master: Secret, identity: str, generation: int) -> Secret:
    """The key of one router's probes (64 hexadecimal digits), derived so that the echo
    service must keep none of them; `failover_router.packets` knows the same words."""
    number = identity.rpartition("-")[2]
    said = f"probe {number} {generation}".encode()
    return Secret(hmac.digest(master.reveal().encode(), said, hashlib.sha256).hex())


@dataclass(frozen=True, slots=True)
class VpnFacts:
    """What the firewall must know: the doors for routers, and who is behind them."""

    tunnel_ports: tuple[int, ...]
    probe_port: int
    inner_address: str
    tunnels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BranchFacts:
    """What others must know of a branch: its networks."""

    networks: tuple[str, ...]
    reaches_branches: bool


def references(state: State) -> Iterator[Reference]:
    """Yield the doors, if any branch needs them, and each branch that may connect."""
    if state.active:
        ports = tuple(state.port_of(each) for each in state.open_tunnels)
        networks = tuple(str(state.network(each)) for each in state.open_tunnels)
        doors = VpnFacts(ports, state.probe_port, state.inner_address, networks)
        yield Reference("vpn", "vpn", "VPN", facts=doors)
    for branch in state.active:
        facts = BranchFacts(branch.lan.networks, branch.reaches_branches)
        yield Reference("branch", branch.id, branch.id, facts=facts)


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield faults of branches that could not be reached, or would hide each other."""
    yield from duplicate_ids("vpn/branches", state.branches)
    yield from _bad_doors(state)
    if any(_bad_networks(state)):
        # Addresses cannot be compared before each of them is one.
        yield from _bad_networks(state)
        return
    for branch in state.branches:
        yield from references.missing(f"vpn/branches/{branch.id}", "site", branch.id)
        yield from _bad_branch(branch)
    yield from _shared_numbers(state)
    yield from _overlaps(state)


def _bad_doors(state: State) -> Iterator[Fault]:
    if state.active and not state.addresses:
        yield Fault("vpn/addresses", "must hold the address that routers connect to")
    ports = (state.port, state.second_port, state.probe_port, state.plain_port)
    if len(set(ports)) != len(ports):
        yield Fault("vpn/port", "the ports of tunnels and probes must differ")
    if len(state.tunnels) != TUNNELS:
        yield Fault("vpn/tunnels", "must hold two networks")


def _bad_networks(state: State) -> Iterator[Fault]:
    """Faults of addresses that are none, such as 10.300.0.1."""
    for address in (*state.addresses, state.inner_address):
        yield from _bad_address("vpn/addresses", address)
    for branch in state.branches:
        where = f"vpn/branches/{branch.id}"
        lan = branch.lan
        for address in (lan.address, lan.dhcp_first, lan.dhcp_last):
            yield from _bad_address(f"{where}/lan", address)
        for line in branch.lines:
            for address in (line.address.partition("/")[0], line.gateway):
                yield from _bad_address(f"{where}/lines/{line.id}", address)


def _bad_address(where: str, address: str) -> Iterator[Fault]:
    try:
        ipaddress.IPv4Address(address or "0.0.0.0")  # noqa: S104 - stands for "none"
    except ValueError:
        yield Fault(where, "%(address)s is no address", {"address": address})


def _bad_branch(branch: Branch) -> Iterator[Fault]:
    where = f"vpn/branches/{branch.id}"
    yield from duplicate_ids(f"{where}/lines", branch.lines)
    yield from _bad_lan(where, branch.lan)
    if not branch.lines:
        yield Fault(f"{where}/lines", "must hold one line at least")
    if branch.mode == "protected" and len(branch.lines) < TUNNELS:
        yield Fault(f"{where}/mode", "voice can be protected with two lines only")
    if branch.mode == "protected" and branch.router == "routeros":
        yield Fault(f"{where}/mode", "RouterOS cannot protect voice: one tunnel that moves")
    names = [branch.lan.interface, *(line.interface for line in branch.lines)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        text = "the interface %(interface)s is used twice"
        yield Fault(f"{where}/lines", text, {"interface": name})
    for line in branch.lines:
        yield from _bad_line(f"{where}/lines/{line.id}", line)
    policy = branch.policy
    if policy.idle_probe_ms < policy.probe_ms:
        yield Fault(f"{where}/policy/idle_probe_ms", "must not be shorter than probe_ms")
    if policy.longest_hold_s < policy.clean_s:
        yield Fault(f"{where}/policy/longest_hold_s", "must not be shorter than clean_s")


def _bad_lan(where: str, lan: Lan) -> Iterator[Fault]:
    network = ipaddress.IPv4Network(lan.network)
    for name in ("address", "dhcp_first", "dhcp_last"):
        text = getattr(lan, name)
        if text and ipaddress.IPv4Address(text) not in network:
            values = {"address": text, "network": lan.network}
            yield Fault(f"{where}/lan/{name}", "%(address)s is not in %(network)s", values)
    if bool(lan.dhcp_first) != bool(lan.dhcp_last):
        yield Fault(f"{where}/lan/dhcp_last", "goes with dhcp_first")
    elif lan.dhcp_first:
        first, last = map(ipaddress.IPv4Address, (lan.dhcp_first, lan.dhcp_last))
        if not first <= last:
            yield Fault(f"{where}/lan/dhcp_last", "must not be before dhcp_first")
        elif first <= ipaddress.IPv4Address(lan.address) <= last:
            yield Fault(f"{where}/lan/address", "must not be among those that DHCP gives out")


def _bad_line(where: str, line: Line) -> Iterator[Fault]:
    if line.addressing == "static":
        if not (line.address and line.gateway):
            yield Fault(f"{where}/address", "a static line needs an address and a gateway")
        elif not _same_network(line):
            yield Fault(f"{where}/gateway", "must be in the network of the line's address")
    if line.addressing == "pppoe" and not (line.user and line.password):
        yield Fault(f"{where}/user", "PPPoE needs a user and a password")
    for name in ("password", "pin"):
        text = getattr(line, name).reveal()
        if len(text) > 128 or not (text.isascii() and text.replace(" ", "x").isprintable()):
            yield Fault(f"{where}/{name}", "must have at most 128 signs of plain ASCII")


def _same_network(line: Line) -> bool:
    try:
        network = ipaddress.IPv4Interface(line.address).network
    except ValueError:
        return False
    return ipaddress.IPv4Address(line.gateway) in network


def _shared_numbers(state: State) -> Iterator[Fault]:
    """Two branches with one number, and numbers that a tunnel's network has no room for."""
    numbers = [branch.number for branch in state.branches]
    networks = (*state.tunnels, state.plain_tunnel)
    room = min(ipaddress.IPv4Network(each).num_addresses for each in networks)
    for branch in state.branches:
        where = f"vpn/branches/{branch.id}/number"
        if numbers.count(branch.number) > 1:
            yield Fault(where, "belongs to another branch too")
        if branch.number + 2 >= room:
            yield Fault(where, "is larger than the networks of the tunnels")


def _overlaps(state: State) -> Iterator[Fault]:
    """Networks that hide each other: a packet could go to one of them only."""
    taken = [*_own_networks(state)]
    for branch in state.branches:
        taken += [(f"vpn/branches/{branch.id}/lan", each) for each in branch.lan.networks]
    for (_first, one), (where, other) in combinations(taken, 2):
        if ipaddress.IPv4Network(one).overlaps(ipaddress.IPv4Network(other)):
            values = {"one": other, "other": one}
            yield Fault(where, "%(one)s overlaps with %(other)s", values)


def _own_networks(state: State) -> Iterable[tuple[str, str]]:
    yield "vpn/inner_address", f"{state.inner_address}/32"
    yield from (("vpn/tunnels", each) for each in (*state.tunnels, state.plain_tunnel))
    yield from (("vpn/server_networks", each) for each in state.server_networks)


DEVICES = ("branch0", "branch1", "branch2")
"""The appliance's ends of the tunnels."""

MOST_STARTS = 1000
"""Handshakes begun in ten seconds: every branch after a power cut, and some strangers."""

SIP, SIP_TLS, RTP = "5060", "5061", "10000-19999"


NOBODY = "nobody"
"""A name that no router's certificate has."""

_NOBODY_COMES = b"# No router opens this tunnel. OpenVPN does not start without this folder.\n"


def files(state: State, _references: References, machine: Machine) -> Iterator[File]:
    """Yield what OpenVPN, the packet filter, `tunnels` and the echo service read; nothing as
    long as no branch connects."""
    if not state.active:
        return
    for tunnel in state.open_tunnels:
        yield _tunnel_file(state, machine, tunnel)
        for branch in state.active:
            if tunnel in branch.tunnels:
                yield _router_file(state, branch, tunnel)
        if not any(tunnel in branch.tunnels for branch in state.active):
            yield File(f"{FOLDER}/routers{tunnel}/{NOBODY}", _NOBODY_COMES, mode=0o644)
    yield _filter_file(state, machine)
    yield _data_file("tunnels.json", _tunnels_data(state))
    yield _data_file("echo.json", _echo_data(state, machine.layout))


def _tunnel_file(state: State, machine: Machine, tunnel: int) -> File:
    layout = machine.layout
    content = render(
        "openvpn/tunnel.conf.j2",
        one_line,
        tunnel=tunnel,
        port=state.port_of(tunnel),
        plain=tunnel == PLAIN,
        device=DEVICES[tunnel],
        gateway=state.gateway(tunnel),
        netmask=state.network(tunnel).netmask,
        inner_address=state.inner_address,
        folder=layout.current / "root" / FOLDER,
        keys=layout.vpn,
        sockets=layout.vpn_sockets,
        multihome=len(state.addresses) > 1,
        most_starts=MOST_STARTS,
        most_clients=MOST_BRANCHES,
    )
    return File(f"{FOLDER}/tunnel{tunnel}.conf", content)


def _router_file(state: State, branch: Branch, tunnel: int) -> File:
    """What OpenVPN does for one branch's router. It reads this at each connection, in an
    account of its own, and refuses routers that have no such file."""
    others = [
        network
        for other in state.active
        if branch.reaches_branches and other.reaches_branches and other.id != branch.id
        for network in other.lan.networks
    ]
    content = render(
        "openvpn/router.j2",
        one_line,
        address=state.tunnel_address(branch, tunnel),
        netmask=state.network(tunnel).netmask,
        networks=[ipaddress.IPv4Network(each) for each in branch.lan.networks],
        others=[ipaddress.IPv4Network(each) for each in others],
    )
    return File(f"{FOLDER}/routers{tunnel}/{branch.identity}", content, mode=0o644)


def _filter_file(state: State, machine: Machine) -> File:
    web_ports = [port for port in (machine.web_plain_port, machine.web_port) if port]
    content = render(
        "nftables/branches.nft.j2",
        one_line,
        protected=_networks(b for b in state.active if b.mode == "protected"),
        mutual=_networks(b for b in state.active if b.reaches_branches),
        dropping_copies=Markup(dropping_copies(DEVICES[:TUNNELS])),  # noqa: S704 - our own constant
        devices=DEVICES,
        inside=[DEVICES[each] for each in state.open_tunnels],
        own_ends=[state.gateway(each) for each in state.open_tunnels],
        gateways=[state.gateway(each) for each in range(TUNNELS)],
        beyond=[ipaddress.IPv4Network(each)[-2] for each in state.tunnels],
        inner_address=state.inner_address,
        probe_port=state.probe_port,
        sip=SIP,
        sip_tls=SIP_TLS,
        rtp=RTP,
        web_ports=web_ports,
    )
    return File(f"{FOLDER}/branches.nft", content)


def _networks(branches: Iterable[Branch]) -> list[str]:
    return [network for branch in branches for network in branch.lan.networks]


def _tunnels_data(state: State) -> dict[str, Any]:
    """What `appliance.system.tunnels` makes of devices, addresses and routes."""
    return {
        "inner_address": state.inner_address,
        "forward": any(branch.reaches_branches for branch in state.active),
        "tunnels": [
            {"device": DEVICES[each], "address": f"{state.gateway(each)}/{_length(state, each)}"}
            for each in state.open_tunnels
        ],
        "branches": [
            {
                "number": b.number,
                "name": b.identity,
                "networks": list(b.lan.networks),
                "tunnels": list(b.tunnels),
            }
            for b in state.active
        ],
    }


def _length(state: State, tunnel: int) -> int:
    return state.network(tunnel).prefixlen


def _echo_data(state: State, layout: Layout) -> dict[str, Any]:
    return {
        "port": state.probe_port,
        "follower": str(layout.run_of("tunnels") / "follower.sock"),
        "branches": [{"number": b.number, "site": b.id} for b in state.active if b.router == "own"],
    }


def _data_file(name: str, data: dict[str, Any]) -> File:
    return File(f"{FOLDER}/{name}", canonical_json(data), mode=0o644)


def probes(_state: State, _references: References) -> Iterator[Probe]:
    """Nothing that Asterisk could be asked."""
    yield from ()
