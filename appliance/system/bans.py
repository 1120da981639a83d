"""Bans: fail2ban watches who guesses, and shuts them out by sets of the packet filter.

It never bans what is ours: its own list says so, and the packet filter lets those networks
pass before it looks at any ban (`appliance.system.firewall`).
"""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from appliance.asterisk.reloads import BANS
from appliance.render import escape
from appliance.render.environments import render
from appliance.render.fileset import File
from appliance.services.certificates import OptionalCertificate
from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.fields import (
    Between,
    Host,
    Label,
    NetworkRule,
    ObjectId,
    Pattern,
    Port,
    Secret,
)
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.state.tokens import plain_secret
from appliance.system import edge_facts
from appliance.verify.probes import Probe

JAILS = ("sip", "portal", "provisioning")
"""What is watched; each has a set of banned addresses of either version of IP."""

FILES = {
    "etc/fail2ban/jail.d/50-centralino.conf": "fail2ban/jails.conf.j2",
    "etc/fail2ban/action.d/centralino-set.conf": "fail2ban/action.conf.j2",
    "etc/fail2ban/filter.d/centralino-sip.conf": "fail2ban/filter-sip.conf.j2",
    "etc/fail2ban/filter.d/centralino-portal.conf": "fail2ban/filter-portal.conf.j2",
    "etc/fail2ban/filter.d/centralino-provisioning.conf": "fail2ban/filter-provisioning.conf.j2",
}


Network = Annotated[str, NetworkRule()]
OptionalDay = Annotated[
    str, Pattern(r"|[0-9]{4}-[0-9]{2}-[0-9]{2}", "a day such as 2026-12-31, or empty")
]


@dataclass(frozen=True, slots=True)
class Block:
    """A network that somebody has shut out by hand: for good, or until the end of a day (UTC)."""

    id: ObjectId
    network: Network
    reason: Label
    until: OptionalDay = ""


MOST_PEERS = 20
SHORTEST_TOKEN, LONGEST_TOKEN = 32, 128


@dataclass(frozen=True, slots=True)
class PeerMachine:
    """Another machine of ours: whom it has blocked or banned is shut out here too.

    It must prove itself by `certificate`, its own or that of the authority which made its
    own; empty: by one of the authorities that the system knows. `token` was made over there
    and opens its list, nothing else.
    """

    id: ObjectId
    name: Label
    address: Host
    port: Port = 443
    certificate: OptionalCertificate = ""
    token: Secret = Secret("")  # noqa: RUF009 - immutable


@dataclass(frozen=True, slots=True)
class State:
    """An address that fails `tries` times within `within_s` is banned for `ban_s`; who comes
    back is banned for twice as long each time, up to `longest_s`. `blocks` are networks that
    the packet filter keeps out whatever they do, `peers` further machines whose lists count
    here (`appliance.system.peers`)."""

    tries: Annotated[int, Between(1, 100)] = 5
    within_s: Annotated[int, Between(10, 86_400, "s")] = 600
    ban_s: Annotated[int, Between(60, 31_536_000, "s")] = 3600
    longest_s: Annotated[int, Between(60, 31_536_000, "s")] = 2_592_000
    blocks: tuple[Block, ...] = ()
    peers: tuple[PeerMachine, ...] = ()


def references(state: State) -> Iterator[Reference]:
    """Yield the blocked networks, for the packet filter."""
    for block in state.blocks:
        facts = edge_facts.BlockFacts(block.network, block.until)
        yield Reference("block", block.id, block.network, facts=facts)


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield faults of durations that exclude each other, and of blocks that hit ourselves."""
    yield from duplicate_ids("bans/blocks", state.blocks)
    yield from _check_peers(state.peers)
    never = edge_facts.never_banned(references)
    for block in state.blocks:
        yield from _check_block(block, never)
    if state.longest_s < state.ban_s:
        yield Fault("bans/longest_s", "must not be shorter than a first ban")


def _check_block(block: Block, never: tuple[str, ...]) -> Iterator[Fault]:
    where = f"bans/blocks/{block.id}"
    if edge_facts.too_wide(block.network):
        text = "%(network)s is half the internet; name the networks that you mean"
        yield Fault(f"{where}/network", text, {"network": block.network})
    for other in edge_facts.overlapping(block.network, never):
        text = "%(network)s would shut out %(other)s, which is ours or a carrier's"
        yield Fault(f"{where}/network", text, {"network": block.network, "other": other})
    try:
        if block.until:
            datetime.date.fromisoformat(block.until)
    except ValueError:
        yield Fault(f"{where}/until", "there is no such day")


def _check_peers(peers: tuple[PeerMachine, ...]) -> Iterator[Fault]:
    yield from duplicate_ids("bans/peers", peers)
    if len(peers) > MOST_PEERS:
        yield Fault("bans/peers", "must be at most %(most)d", {"most": MOST_PEERS})
    addresses = [(peer.address.lower(), peer.port) for peer in peers]
    for peer in peers:
        where = f"bans/peers/{peer.id}"
        if addresses.count((peer.address.lower(), peer.port)) > 1:
            yield Fault(f"{where}/address", "is named twice")
        if not plain_secret(peer.token, SHORTEST_TOKEN, LONGEST_TOKEN):
            yield Fault(f"{where}/token", "must be a token that was made on that machine")
        if peer.certificate and not _is_certificate(peer.certificate):
            yield Fault(f"{where}/certificate", "is no certificate")


def _is_certificate(text: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except ssl.SSLError:
        return False
    return True


def files(state: State, references: References, machine: Machine) -> Iterator[File]:
    """Yield what is watched, how, and what a ban does."""
    values = {
        "state": state,
        "layout": machine.layout,
        "never": edge_facts.never_banned(references),
    }
    for path, template in FILES.items():
        content = render(template, escape.fail2ban_value, **values)
        yield File(path, content, (BANS,), mode=0o644)


def probes(_state: State, _references: References) -> Iterator[Probe]:
    """Ask that every jail is at work."""
    yield Probe("bans", "jails", JAILS, target=BANS, within_s=10.0)
