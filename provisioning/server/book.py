"""The phones of the applied revision, ready to be handed out.

A new revision renders only the phones that it changes; the others keep their file and
with it their date and hash. Files are kept in memory, some 5 kB each.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

from appliance.render.escape import UnsafeValue
from appliance.services import registry
from appliance.state.fields import Secret
from appliance.state.machine import Layout
from appliance.state.system_state import SystemState
from appliance.system.machine import Facts
from provisioning import phones, render
from provisioning.phones import Door, Estate, Phone

log = logging.getLogger("provisioning")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def digest(secret: str) -> bytes:
    """What is kept and compared instead of a token or code."""
    return hashlib.sha256(secret.encode()).digest()


@dataclass(slots=True)
class Entry:
    """One phone with its rendered file, its entity tag and date as HTTP writes them.

    `content` and `sha256` are empty until it is rendered, and stay so when the file
    cannot be written. `since` is when this content was first desired.
    """

    phone: Phone
    token: bytes
    networks: tuple[Network, ...]
    content: bytes = b""
    content_type: str = ""
    sha256: str = ""
    etag: str = ""
    since: int = 0
    modified: str = ""

    def render(self) -> None:
        """Write the phone's file; a phone that cannot be written is logged by name."""
        try:
            served = render.configuration(self.phone)
        except UnsafeValue as error:
            log.error("the file of phone %s cannot be written: %s", self.phone.id, error)
            return
        self.content = served.content
        self.content_type = served.content_type
        self.sha256 = served.sha256
        self.etag = f'"{self.sha256[:32]}"'

    def date(self, since: int) -> None:
        """Say since when (seconds since 1970) the content is what it is."""
        self.since = since
        self.modified = formatdate(since, usegmt=True)


@dataclass(frozen=True, slots=True)
class Book:
    """All phones of one revision by MAC, token and device id."""

    revision: int = 0
    by_mac: Mapping[str, Entry] = field(default_factory=dict)
    by_token: Mapping[bytes, Entry] = field(default_factory=dict)
    by_id: Mapping[str, Entry] = field(default_factory=dict)
    door: Door = Door("localhost")  # noqa: RUF009 - immutable

    def unrendered(self) -> list[Entry]:
        """The phones whose file this revision has changed or brought."""
        return [entry for entry in self.by_mac.values() if not entry.content]


def applied_revision(layout: Layout) -> int:
    """The number of the revision in force, 0 before the first."""
    try:
        return int(Path(os.readlink(layout.current)).name)
    except FileNotFoundError:
        return 0


def read(layout: Layout, facts: Facts, before: Book) -> Book:
    """The phones of the revision in force; entries of equal phones are taken over."""
    number = applied_revision(layout)
    if not number:
        return Book()
    text = (layout.state / "revisions" / f"{number:06d}" / "state.json").read_bytes()
    return of_state(number, registry.decode(json.loads(text)), facts, before)


def of_state(revision: int, state: SystemState, facts: Facts, before: Book) -> Book:
    """The phones of a state."""
    estate = Estate(state)
    door = phones.door(state, facts)
    entries = []
    for device in phones.provisioned(state):
        phone = phones.phone_of(estate, device, door)
        settings = estate.settings.get(device.site)
        networks = tuple(map(ipaddress.ip_network, settings.networks)) if settings else ()
        old = before.by_id.get(device.id)
        same = old is not None and old.phone == phone
        entry = old if old is not None and same else Entry(phone, _token(device.token), ())
        entry.networks = networks
        entries.append(entry)
    return Book(
        revision,
        {entry.phone.mac: entry for entry in entries},
        {entry.token: entry for entry in entries},
        {entry.phone.id: entry for entry in entries},
        door,
    )


def _token(token: Secret) -> bytes:
    return digest(token.reveal())
