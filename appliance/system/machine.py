"""Finds out, and at first start makes, what is particular to this machine."""

from __future__ import annotations

import grp
import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from appliance import credentials
from appliance.apply import atomic
from appliance.asterisk.runtime import Runtime
from appliance.state.codec import canonical_json, decode, encode
from appliance.state.fields import Address, Between, Port, Secret
from appliance.state.machine import Layout, Machine
from appliance.state.tokens import new_secret
from appliance.system import accounts, certificates, mail
from appliance.system.vpn_authority import VpnAuthority


def runtime_of(root: Path | None) -> Runtime:
    """The Asterisk of a Debian root, or the machine's own."""
    return Runtime(root.resolve() if root else None)


@dataclass(frozen=True, slots=True)
class GroupNumber:
    """The number of a group that the machine's user database does not know."""

    name: str
    number: Annotated[int, Between(1, 2**31)]


Managed = Literal["network", "firewall", "vpn", "bans"]
"""What the engine may change of the machine itself, by reload name."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What first boot, or the supervisor of a checkout, has settled about this machine.

    `web_plain_port` 0 means none; `addresses` are the machine's own. `manages` is settled
    by first boot and empty in a checkout.
    """

    host_name: str = ""
    ami_port: Port = 5038
    http_port: Port = 8088
    web_port: Port = 443
    web_plain_port: Annotated[int, Between(0, 65535)] = 80
    addresses: tuple[Address, ...] = ()
    ipv6: bool = True
    manages: tuple[Managed, ...] = ()
    groups: tuple[GroupNumber, ...] = ()


def read_facts(layout: Layout) -> Facts:
    """The facts of machine.json, or the appliance's own when there is none."""
    try:
        data = json.loads(layout.facts.read_bytes())
    except FileNotFoundError:
        return Facts()
    return decode(Facts, data)


def write_facts(layout: Layout, facts: Facts) -> None:
    """Write machine.json; StateError when the facts make no sense."""
    data = encode(facts)
    decode(Facts, data)
    layout.facts.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    atomic.write_file(layout.facts, canonical_json(data), 0o644)


def load_machine(prefix: Path, runtime: Runtime) -> Machine:
    """The facts of this machine; makes folders, secrets and certificates where missing."""
    layout = Layout(prefix.resolve())
    facts = read_facts(layout)
    account = runtime.account("asterisk")
    _make_folders(layout, account)
    groups = groups_of(layout, runtime)
    mail_user = runtime.account("mail")[0]
    _make_music_folder(layout, account[0], groups.get(accounts.WEB_GROUP, account[1]))
    mail.make_folders(layout, mail_user, groups.get(accounts.SHARED_GROUP, groups[mail.GROUP]))
    name = facts.host_name or socket.gethostname()
    ensure_certificates(layout, name, facts.addresses, groups)
    VpnAuthority(layout.vpn, time.time).ensure()
    return Machine(
        layout=layout,
        host_name=name,
        groups=groups,
        secrets={name: _secret(layout.state / "secrets", name) for name in credentials.ALL},
        asterisk_modules=runtime.modules(),
        http_port=facts.http_port,
        ami_port=facts.ami_port,
        web_port=facts.web_port,
        web_plain_port=facts.web_plain_port,
        addresses=facts.addresses,
        ipv6=facts.ipv6,
        manages=facts.manages,
    )


def ensure_certificates(
    layout: Layout, name: str, addresses: tuple[str, ...], groups: Mapping[str, int]
) -> None:
    """Make certificates of our own authority for this name and these addresses where there are
    none, or none that hold them."""
    folder = layout.certificates
    certificates.ensure_authority(folder)
    for server, group in (("server", "asterisk"), ("web", accounts.WEB_GROUP)):
        certificates.ensure_server(folder, server, name, addresses, groups.get(group, 0))


def groups_of(layout: Layout, runtime: Runtime) -> dict[str, int]:
    """Names and numbers of all groups that files of ours may belong to."""
    groups = {"asterisk": runtime.account("asterisk")[1], **_groups(read_facts(layout))}
    return {**groups, mail.GROUP: runtime.account("mail")[1]}


def _groups(facts: Facts) -> dict[str, int]:
    """Numbers of our groups: as the facts say, else the user database."""
    found = {group.name: group.number for group in facts.groups}
    for name in accounts.GROUPS:
        if name not in found:
            try:
                found[name] = grp.getgrnam(name).gr_gid
            except KeyError:
                continue
    return found


def _make_folders(layout: Layout, asterisk: tuple[int, int]) -> None:
    for folder in (layout.state, layout.run):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    (layout.state / "secrets").mkdir(mode=0o700, exist_ok=True)
    for folder in (
        layout.asterisk_lib,
        layout.asterisk_spool,
        layout.asterisk_log,
        layout.asterisk_run,
    ):
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        os.chown(folder, *asterisk)
    # fail2ban refuses to start without the log that it is to watch.
    security = layout.asterisk_log / "security"
    security.touch(0o640)
    os.chown(security, *asterisk)
    _link_asterisk_etc(layout)


def _make_music_folder(layout: Layout, asterisk: int, portal: int) -> None:
    """Asterisk looks into it as its owner, the portal's group puts music there. Without the
    bit that hands the group on: the units forbid to set it, and it is the portal's own."""
    layout.music.mkdir(mode=0o770, exist_ok=True)
    os.chown(layout.music, asterisk, portal)
    layout.music.chmod(0o770)


def _link_asterisk_etc(layout: Layout) -> None:
    """Make /etc/asterisk lead into the revision in force."""
    target = os.path.relpath(layout.current / "root/etc/asterisk", layout.asterisk_etc.parent)
    layout.asterisk_etc.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not layout.asterisk_etc.is_symlink():
        atomic.replace_link(layout.asterisk_etc, target)


def _secret(folder: Path, purpose: str) -> Secret:
    path = folder / purpose
    if not path.exists():
        atomic.write_file(path, new_secret(32).reveal().encode(), 0o600)
    return Secret(path.read_text())
