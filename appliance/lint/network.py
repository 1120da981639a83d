"""Rules about the machine's own network."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from appliance.lint.rule import Facts, Rule, Spot
from appliance.system.network import State


def _asks_others(state: State) -> bool:
    """Whether DHCP or a router may name servers and ways that are not known beforehand."""
    return any(each.ipv4 == "dhcp" or each.ipv6 == "automatic" for each in state.addressed)


def dns_unreachable(facts: Facts) -> Iterator[Spot]:
    """A name server behind no gateway and no route delays every look-up."""
    state: State = facts["network"]
    if not state.managed or _asks_others(state):
        return
    reached = [ipaddress.ip_interface(own).network for it in state.addressed for own in it.fixed]
    reached += [ipaddress.ip_network(way.network) for it in state.addressed for way in it.routes]
    out = {ipaddress.ip_address(gate).version for it in state.addressed for gate in it.gateways}
    for server in map(ipaddress.ip_address, state.dns):
        near = any(server.version == n.version and server in n for n in reached)
        if not near and server.version not in out:
            text = "no way leads to the name server %(server)s"
            yield Spot("network/dns", text, {"server": str(server)})


def no_dns(facts: Facts) -> Iterator[Spot]:
    state: State = facts["network"]
    if state.managed and not state.dns and not _asks_others(state):
        yield Spot("network/dns", "nobody is asked for names: carriers and mail are not found")


def no_way_out(facts: Facts) -> Iterator[Spot]:
    state: State = facts["network"]
    gates = [gate for it in state.addressed for gate in it.gateways]
    if state.managed and not gates and not _asks_others(state):
        yield Spot("network/interfaces", "the machine reaches its own networks only")


RULES = (
    Rule("network-dns-unreachable", "warning",
         "Set a gateway or a route to it, or name a server in one of the machine's networks.",
         dns_unreachable),
    Rule("network-without-dns", "warning",
         "Name one or two name servers, for example the router's address.",
         no_dns),
    Rule("network-without-gateway", "advice",
         "Set the gateway of the interface that leads to the internet, if there is one.",
         no_way_out),
)  # fmt: skip
