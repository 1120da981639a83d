"""What the kernel is told: addresses, rules, routes. Texts for `ip -batch`, in order.

    rule  1000        routes of the main table other than the default one: LAN, tunnels
    rule  1010 + i    what is bound to line i's interface leaves by it (table 100 + i)
    rule  1020 + k    what carries the mark of tunnel k takes its table (120 + k)
    main              the default route: ordinary data

Tables of tunnels hold a route over every line, the chosen one first. So a line whose
interface goes down, or loses its carrier (`ignore_routes_with_linkdown`), is left by the kernel
itself before anybody has noticed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from failover_router.router_profile import MOST_LINES, RouterProfile

LINE_TABLE = 100
TUNNEL_TABLE = 120
TUNNEL_MARK = 0x50
CHOSEN, SPARE = 10, 100
"""Metrics of the chosen route and of the first one behind it."""

LAST_RESORT = 4_278_198_272
"""Metric of the route that keeps packets for the appliance off the lines."""

TUNNELS = ("pbx0", "pbx1")


@dataclass(frozen=True, slots=True)
class Way:
    """How a line leaves: its interface, and the provider's router ("" on point-to-point)."""

    name: str
    interface: str
    gateway: str = ""

    @property
    def hop(self) -> str:
        via = f"via {self.gateway} " if self.gateway else ""
        return f"{via}dev {self.interface}"


def sysctls(interfaces: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(path below /proc/sys, value) of what the kernel must do otherwise than usual."""
    yield "net/ipv4/ip_forward", "1"
    for name in ("all", "default", *interfaces):
        base = f"net/ipv4/conf/{name}"
        # IPv4 routes do not go away with the carrier; the kernel must be told to skip them.
        yield f"{base}/ignore_routes_with_linkdown", "1"
        # Even the loose check (2) refuses what comes in while the default route has no
        # carrier, on every line. The packet filter lets nothing in that nobody asked for.
        yield f"{base}/rp_filter", "0"
        yield f"{base}/accept_redirects", "0"
        yield f"{base}/send_redirects", "0"


def tunnels_of(profile: RouterProfile) -> tuple[int, ...]:
    """The numbers of the tunnels that this router opens."""
    return (0,) if profile.mode == "floating" else (0, 1)


def rules(profile: RouterProfile) -> Iterator[str]:
    """The rules; run after `rule_flush`, since `ip rule` does not replace."""
    yield "rule add priority 1000 lookup main suppress_prefixlength 0"
    for order, line in enumerate(profile.lines):
        yield f"rule add priority {1010 + order} oif {line.interface} lookup {LINE_TABLE + order}"
    for tunnel in tunnels_of(profile):
        mark, table = TUNNEL_MARK + tunnel, TUNNEL_TABLE + tunnel
        yield f"rule add priority {1020 + tunnel} fwmark {mark} lookup {table}"


def rules_away(profile: RouterProfile) -> Iterator[str]:
    """What takes away the rules of an earlier start; each may fail by itself."""
    for priority in (1000, *(1010 + i for i in range(8)), *(1020 + i for i in range(2))):
        yield f"rule del priority {priority}"


def own_addresses(profile: RouterProfile) -> Iterator[str]:
    """LAN and static lines."""
    lan = profile.lan
    length = ipaddress.IPv4Network(lan.network).prefixlen
    yield f"address replace {lan.address}/{length} dev {lan.interface}"
    yield f"link set {lan.interface} up"
    for line in profile.lines:
        if line.addressing == "static":
            yield f"address replace {line.address} dev {line.interface}"
            yield f"link set {line.interface} up"


def tunnel_addresses(profile: RouterProfile, mtu: int) -> Iterator[str]:
    """The tunnels' own addresses, and the routes that must never lead elsewhere."""
    for tunnel in tunnels_of(profile):
        name = TUNNELS[tunnel]
        own, far = profile.vpn.addresses[tunnel], profile.server.tunnel_gateways[tunnel]
        yield f"link set {name} up mtu {mtu}"
        yield f"address replace {own} peer {far} dev {name}"
    for network in inner_networks(profile):
        yield f"route replace unreachable {network} metric {LAST_RESORT}"


def inner_networks(profile: RouterProfile) -> tuple[str, ...]:
    """What is reached through the tunnels and in no other way."""
    return (f"{profile.server.inner_address}/32", *profile.routes)


def active(profile: RouterProfile, tunnel: int) -> Iterator[str]:
    """Lead phones into this tunnel; the other one, if any, stands behind it."""
    source = profile.lan.address
    for each in tunnels_of(profile):
        metric = 5 if each == tunnel else 15
        for network in inner_networks(profile):
            yield f"route replace {network} dev {TUNNELS[each]} src {source} metric {metric}"
    for each in tunnels_of(profile):
        metric = 15 if each == tunnel else 5
        for network in inner_networks(profile):
            yield f"route del {network} dev {TUNNELS[each]} metric {metric}"


def line_route(order: int, way: Way | None) -> str:
    """The way out of one line's own table."""
    table = LINE_TABLE + order
    if way is None:
        return f"route flush table {table}"
    return f"route replace default {way.hop} table {table}"


def preferred(table: str, way: Way) -> str:
    """The route that stands before all others of a table."""
    return f"route replace default {way.hop} table {table} metric {CHOSEN}"


def chosen(
    table: str, first: Way | None, ways: Mapping[int, Way], *, spares: bool
) -> Iterator[str]:
    """Prefer one way in a table, with the others behind it by their order."""
    if first is not None:
        yield preferred(table, first)
    if spares:
        for order, way in ways.items():
            yield f"route replace default {way.hop} table {table} metric {SPARE + order}"


def not_chosen(table: str, first: Way | None, ways: Mapping[int, Way]) -> Iterator[str]:
    """Take away what an earlier `chosen` has left; what is not there is no fault."""
    if first is None:
        yield f"route del default table {table} metric {CHOSEN}"
    for order in range(MOST_LINES):
        if order not in ways:
            yield f"route del default table {table} metric {SPARE + order}"
