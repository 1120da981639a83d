"""The packet filter: who reaches what on this machine.

From outside only the web server's ports and, where branches exist, those of their tunnels.
SIP, media, and the clock are for tunnels, networks of telephones and carriers. The file is one
transaction that makes the table `edge` anew. Bans stand in a table of their own, whose sets
outlive that; who is never banned passes it before they are looked at.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from markupsafe import Markup

from appliance.asterisk.reloads import FIREWALL
from appliance.render import escape
from appliance.render.environments import render
from appliance.render.fileset import File
from appliance.state.faults import Fault
from appliance.state.fields import Between, NetworkRule
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.system import edge_facts
from appliance.system.actions import RULES
from appliance.system.bans import JAILS
from appliance.verify.probes import Probe

Network = Annotated[str, NetworkRule()]

BURST = 10
"""Packets that pass without waiting, as a multiple of those per second: telephones of an
office start together."""


@dataclass(frozen=True, slots=True)
class State:
    """Who reaches what.

    `telephones` are networks whose telephones may register, `administration` those from
    which SSH is reached. `fetching` are further networks from which telephones fetch their files
    from the web server, `phones_at_home` lets them do so from everywhere: the secret in a
    telephone's address is all that keeps its password then. `trusted` are never banned, such
    as the office's own address at its provider; `blocked` reach nothing at all.
    `sip_from_everywhere` opens SIP to the world.

    Limits are for each address: SIP packets of networks of ours and of strangers, new
    connections to the web server.
    """

    telephones: tuple[Network, ...] = ()
    administration: tuple[Network, ...] = ()
    trusted: tuple[Network, ...] = ()
    blocked: tuple[Network, ...] = ()
    fetching: tuple[Network, ...] = ()
    phones_at_home: bool = False
    sip_from_everywhere: bool = False
    known_per_second: Annotated[int, Between(10, 10000)] = 100
    strangers_per_second: Annotated[int, Between(1, 1000)] = 5
    web_per_second: Annotated[int, Between(10, 10000)] = 100


def references(state: State) -> Iterator[Reference]:
    """Yield the networks that no ban may hit."""
    known = (*state.telephones, *state.administration, *state.trusted)
    yield Reference("firewall", "firewall", "", facts=edge_facts.KnownFacts(known))
    fetching = edge_facts.FetchFacts((*state.telephones, *state.fetching), state.phones_at_home)
    yield Reference("firewall", "fetching", "", facts=fetching)


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield faults of networks that are too wide, or let in and shut out at once."""
    for field in ("telephones", "administration", "fetching", "trusted", "blocked"):
        for network in getattr(state, field):
            if edge_facts.too_wide(network):
                text = "%(network)s is half the internet; name the networks that you mean"
                yield Fault(f"firewall/{field}", text, {"network": network})
    yield from _wide_carriers(references)
    never = edge_facts.never_banned(references)
    for network in state.blocked:
        for other in edge_facts.overlapping(network, never):
            values = {"network": network, "other": other}
            text = "%(network)s would shut out %(other)s, which is ours or a carrier's"
            yield Fault("firewall/blocked", text, values)


def _wide_carriers(references: References) -> Iterator[Fault]:
    for reference in references.all("carrier"):
        facts = reference.facts
        sources = facts.sources if isinstance(facts, edge_facts.CarrierFacts) else ()
        for network in sources:
            if edge_facts.too_wide(network):
                text = "%(network)s is half the internet; name the networks that you mean"
                where = f"trunks/{reference.id}/addresses"
                yield Fault(where, text, {"network": network})


def files(state: State, references: References, machine: Machine) -> Iterator[File]:
    """Yield the rules, with a mark that tells which rules the kernel has."""
    content = _rendered(state, references, machine, mark(state, references))
    yield File(RULES, content, (FIREWALL,))


def mark(state: State, references: References) -> str:
    """What the kernel's table is called by: other wishes have another mark."""
    content = _rendered(state, references, Machine(), "none")
    return f"edge {hashlib.sha256(content).hexdigest()[:16]}"


def _rendered(state: State, references: References, machine: Machine, mark: str) -> bytes:
    doors = edge_facts.vpn(references)
    blocks = edge_facts.blocks(references)
    blocked = (*state.blocked, *(each.network for each in blocks if not each.until))
    sets = {
        "telephones": state.telephones,
        "administration": state.administration,
        "carriers": edge_facts.carriers(references),
        "reaching": edge_facts.reaching(references),
    }
    values = {
        "state": state,
        "mark": Markup(mark),  # noqa: S704 - our own digits
        "sets": [_named_set(*pair, version) for pair in sets.items() for version in (4, 6)],
        "never": [edge_facts.of_version(edge_facts.never_banned(references), v) for v in (4, 6)],
        "blocked": [edge_facts.of_version(blocked, version) for version in (4, 6)],
        "until": [_until(each) for each in blocks if each.until],
        "jails": JAILS,
        "sip": edge_facts.sip_doors(references),
        "carrier_ports": edge_facts.carrier_ports(references),
        "web_ports": sorted({port for port in (machine.web_port, machine.web_plain_port) if port}),
        "tunnel_ports": doors.tunnel_ports if doors else (),
        "probe_port": doors.probe_port if doors else 0,
        "burst": BURST,
    }
    return render("nftables/50-edge.nft.j2", escape.nft_value, **values)


def _until(block: edge_facts.BlockFacts) -> tuple[str, str, int]:
    """The word for its version of IP, the network, and the second when it ends (UTC)."""
    end = datetime.datetime.fromisoformat(f"{block.until}T00:00:00+00:00")
    second = int((end + datetime.timedelta(days=1)).timestamp())
    word = "ip" if ipaddress.ip_network(block.network).version == 4 else "ip6"
    return word, block.network, second


def _named_set(name: str, networks: tuple[str, ...], version: int) -> tuple[str, int, object]:
    return f"{name}{version}", version, edge_facts.of_version(networks, version)


def probes(state: State, references: References) -> Iterator[Probe]:
    """Ask the kernel for the mark: a file is loaded as a whole or not at all."""
    yield Probe("firewall", "packet filter", (mark(state, references),), target=FIREWALL)
