"""Writes what the answers settle: names, addresses, facts, keys. Each step may be repeated.

A power cut between two steps is no harm: every file is replaced whole, and the mark that
all is done is written last.
"""

from __future__ import annotations

import ipaddress
import pwd
import shutil
import socket
from dataclasses import replace
from pathlib import Path

from appliance import product
from appliance.apply import atomic
from appliance.firstboot import cards, ssh_keys, wishes
from appliance.firstboot.answers import Answers
from appliance.firstboot.places import Places
from appliance.services import registry
from appliance.state.codec import canonical_json
from appliance.state.machine import Machine
from appliance.state.references import References
from appliance.state.system_state import encode_system
from appliance.system import accounts, network
from appliance.system.machine import Managed, read_facts, write_facts

DEFAULT_HOST_NAME = product.SLUG


def settle(places: Places, answers: Answers) -> list[str]:
    """Make the machine what the answers say; returns a sentence for what was not taken."""
    name = answers.host_name or DEFAULT_HOST_NAME
    write_name(places, name)
    wanted, refused = first_network(places, replace(answers, host_name=name))
    write_network(places, wanted)
    write_telephone_networks(places, answers.telephones)
    write_machine_facts(places, name, answers.address if wanted.managed else "")
    write_first_state(places, answers, wanted)
    ssh_keys.make(places)
    if answers.setup_code:
        keep_setup_code(places, answers.setup_code)
    return refused


def write_name(places: Places, name: str) -> None:
    """The machine's name, and its own line in the hosts file."""
    atomic.write_file(places.etc("hosts"), network.hosts(name), 0o644)
    atomic.write_file(places.etc("hostname"), f"{name}\n".encode(), 0o644)
    if places.prefix == Path("/"):
        socket.sethostname(name)


def first_network(places: Places, answers: Answers) -> tuple[network.State, list[str]]:
    """The network that the machine begins with, and what of the answers cannot work.

    Without an interface, or where somebody else gives the addresses, nothing is managed. An
    answer that the settings would refuse must not stop the engine's first start: then DHCP is
    asked, and the console says why.
    """
    if "network" not in managed(places) or (device := first_interface()) == "*":
        return network.State(), []
    wanted = wishes.with_address(network.State(), device, answers)
    if not (faults := wishes.faults(wanted)):
        return wanted, []
    by_dhcp = wishes.with_address(network.State(), device, Answers(host_name=answers.host_name))
    return by_dhcp, [f"address: {fault.message}" for fault in faults]


def write_network(places: Places, wanted: network.State) -> None:
    """The files that the engine would write, where its links will be: there is a network before
    it has started for the first time, and the same one afterwards."""
    for file in network.files(wanted, References.of(()), Machine()):
        if file.path.startswith("etc/systemd/"):
            path = places.etc(file.path.removeprefix("etc/"))
            atomic.write_file(path, file.content, file.mode)


def first_interface() -> str:
    """The first wired interface by name, as people count them; every one when none is there."""
    found = cards.wired()
    return found[0].name if found else "*"


def write_telephone_networks(places: Places, networks: tuple[str, ...]) -> None:
    """Who may register while the engine has made no rules of its own."""
    file = places.etc("nftables.d/10-telephones.nft")
    lines = []
    for version in (4, 6):
        chosen = [each for each in networks if ipaddress.ip_network(each).version == version]
        if chosen:
            lines.append(f"add element inet edge telephones{version} {{ {', '.join(chosen)} }}")
    atomic.write_file(file, ("\n".join(lines) + "\n").encode(), 0o644)


def write_first_state(places: Places, answers: Answers, wanted: network.State) -> None:
    """The wishes that the machine begins with, for the engine and for the portal's draft: its
    owner changes them there."""
    empty = registry.empty_state()
    rules = replace(empty["firewall"], telephones=answers.telephones)
    data = encode_system(empty.replaced(firewall=rules, network=wanted))
    path = places.layout.first_state
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    content = canonical_json(data)
    atomic.write_file(path, content, 0o644)
    hand_to_portal(places, path.name, content)


def write_machine_facts(places: Places, name: str, address: str) -> None:
    """Name and address for certificates; what else stands in the file stays."""
    own = (address.partition("/")[0],) if address else ()
    facts = read_facts(places.layout)
    changed = replace(facts, host_name=name, addresses=own, manages=managed(places))
    write_facts(places.layout, changed)


def managed(places: Places) -> tuple[Managed, ...]:
    """What the engine may change of this machine: everything on an image. A server that had
    its addresses before it became an appliance keeps them (`roles/network`)."""
    ours = (places.prefix / "etc/systemd/network/90-dhcp.network").exists()
    return ("network", "firewall", "vpn", "bans") if ours else ("firewall", "vpn", "bans")


def keep_setup_code(places: Places, code: str) -> None:
    """The code that was chosen beforehand, where the portal looks for it."""
    hand_to_portal(places, "setup-code", f"{code}\n".encode())


def hand_to_portal(places: Places, name: str, content: bytes) -> None:
    """Leave a file in the portal's own folder before its first start."""
    folder = places.layout.state_of("portal")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    atomic.write_file(folder / name, content, 0o600)
    try:
        account = pwd.getpwnam(accounts.PORTAL)
    except KeyError:
        return
    for path in (folder, folder / name):
        shutil.chown(path, account.pw_uid, accounts.WEB_GROUP)
