"""Rules about the edge of the machine: who reaches it, and who should and does not."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator

from appliance.lint.rule import Facts, Rule, Spot
from appliance.system import edge_facts
from appliance.system.bans import Block


def sip_open_to_the_world(facts: Facts) -> Iterator[Spot]:
    if facts["firewall"].sip_from_everywhere:
        yield Spot("firewall/sip_from_everywhere", "SIP is open to the whole internet")


def telephones_reach_nothing(facts: Facts) -> Iterator[Spot]:
    """Telephones exist, and no network that they could register from."""
    wishes = facts["firewall"]
    open_doors = (wishes.telephones, wishes.sip_from_everywhere, facts["vpn"].branches)
    if facts["devices"].devices and not any(open_doors):
        values = {"count": len(facts["devices"].devices)}
        text = "no network of telephones is named: none of the %(count)d telephones can register"
        yield Spot("firewall/telephones", text, values)


def telephones_of_a_site_are_shut_out(facts: Facts) -> Iterator[Spot]:
    """A site's telephones are said to be in a network that the packet filter does not let in."""
    wishes = facts["firewall"]
    if wishes.sip_from_everywhere or not wishes.telephones:
        return
    inside = [ipaddress.ip_network(each) for each in wishes.telephones]
    inside += [
        ipaddress.ip_network(network)
        for branch in facts["vpn"].branches
        for network in branch.lan.networks
    ]
    for site in facts["provisioning"].sites:
        for network in map(ipaddress.ip_network, site.networks):
            if not any(_within(network, each) for each in inside):
                values = {"network": str(network)}
                text = "telephones in %(network)s cannot register: the firewall does not name it"
                yield Spot(f"provisioning/sites/{site.id}/networks", text, values)


def _within(
    one: ipaddress.IPv4Network | ipaddress.IPv6Network,
    other: ipaddress.IPv4Network | ipaddress.IPv6Network,
) -> bool:
    if isinstance(one, ipaddress.IPv4Network):
        return isinstance(other, ipaddress.IPv4Network) and one.subnet_of(other)
    return isinstance(other, ipaddress.IPv6Network) and one.subnet_of(other)


def telephones_are_the_whole_internet(facts: Facts) -> Iterator[Spot]:
    """Networks that together, or nearly, are public: a slip that opens SIP to strangers."""
    for each in facts["firewall"].telephones:
        network = ipaddress.ip_network(each)
        if network.is_global and network.prefixlen < _LEAST[network.version]:
            values = {"network": each, "count": network.num_addresses}
            text = "%(network)s lets %(count)d addresses of the internet reach SIP"
            yield Spot("firewall/telephones", text, values)


_LEAST = {4: 22, 6: 44}
"""A network of the internet that a company may be given is seldom larger."""


def line_from_no_address(facts: Facts) -> Iterator[Spot]:
    """A line that registers with a name, which Asterisk looks up; the packet filter takes
    addresses alone, and lets in what answers from where the registration went."""
    for trunk in facts["trunks"].trunks:
        if trunk.enabled and trunk.registers and not trunk.sources:
            values = {"host": trunk.host}
            text = "%(host)s may call from the one address that registers alone: none is named"
            yield Spot(f"trunks/{trunk.id}/addresses", text, values)


def nobody_is_never_banned(facts: Facts) -> Iterator[Spot]:
    """Nothing but the machine itself is safe from bans: an office may lock itself out."""
    ours = set(edge_facts.never_banned(facts.references)) - set(edge_facts.LOOPBACK)
    if not ours and facts["devices"].devices:
        text = "no network of yours is safe from bans: five wrong passwords shut the office out"
        yield Spot("firewall/trusted", text)


def ssh_from_the_internet(facts: Facts) -> Iterator[Spot]:
    for each in facts["firewall"].administration:
        network = ipaddress.ip_network(each)
        if network.is_global and network.num_addresses > 256:
            values = {"network": each, "count": network.num_addresses}
            text = "SSH is open to %(count)d addresses of the internet (%(network)s)"
            yield Spot("firewall/administration", text, values)


def block_is_over(facts: Facts) -> Iterator[Spot]:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    for block in facts["bans"].blocks:
        if block.until and block.until < today:
            values = {"network": block.network, "until": block.until}
            yield Spot(
                f"bans/blocks/{block.id}", "the block of %(network)s ended on %(until)s", values
            )


def block_twice(facts: Facts) -> Iterator[Spot]:
    """A network that lies in another one that is blocked for at least as long."""
    blocks: tuple[Block, ...] = facts["bans"].blocks
    for one in blocks:
        network = ipaddress.ip_network(one.network)
        for other in blocks:
            longer = not other.until or (bool(one.until) and one.until <= other.until)
            inside = _within(network, ipaddress.ip_network(other.network))
            if one is not other and inside and longer:
                values = {"network": one.network, "other": other.network}
                yield Spot(
                    f"bans/blocks/{one.id}", "%(network)s is blocked by %(other)s already", values
                )
                break


RULES = (
    Rule(
        "sip-open-to-the-world",
        "warning",
        "Name the networks of telephones instead, or bring them in through a branch's tunnel.",
        sip_open_to_the_world,
    ),
    Rule(
        "telephones-reach-nothing",
        "error",
        "Name the networks of telephones under Firewall, or make a branch for them.",
        telephones_reach_nothing,
    ),
    Rule(
        "telephones-of-a-site-shut-out",
        "error",
        "Add it to the networks of telephones under Firewall, or correct that of the site.",
        telephones_of_a_site_are_shut_out,
    ),
    Rule(
        "telephones-are-the-internet",
        "warning",
        "Name the addresses that are yours alone.",
        telephones_are_the_whole_internet,
    ),
    Rule(
        "line-from-no-address",
        "advice",
        "Ask the carrier from which addresses it calls and enter them at the line: calls from "
        "others are shut out by the firewall.",
        line_from_no_address,
    ),
    Rule(
        "nobody-never-banned",
        "advice",
        "Name the office's networks under Firewall: as networks of telephones or as never banned.",
        nobody_is_never_banned,
    ),
    Rule(
        "ssh-from-the-internet",
        "warning",
        "Name single addresses of administrators, or leave the list empty.",
        ssh_from_the_internet,
    ),
    Rule("block-is-over", "advice", "Delete it, or give it another last day.", block_is_over),
    Rule("block-twice", "advice", "Delete the narrower one.", block_twice),
)
