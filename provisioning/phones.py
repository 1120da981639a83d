"""What one telephone must know, gathered from the desired state.

A `Phone` is a plain value: equal values give equal files, so it also tells which files
an apply has changed without rendering them.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

from appliance.asterisk import names
from appliance.services import devices as device_service
from appliance.services import registry
from appliance.services.devices import Device, FunctionKey
from appliance.services.organisation import Site
from appliance.services.provisioning import SitePhones
from appliance.state.fields import Secret, is_ip_address
from appliance.state.references import References
from appliance.state.system_state import SystemState
from appliance.system import network
from appliance.system.machine import Facts
from provisioning import catalogue, keys
from provisioning.catalogue import Model
from provisioning.keys import Key

PREFIX = "/provisioning"
"""What the web server in front passes to the provisioning server."""


@dataclass(frozen=True, slots=True)
class Account:
    """One SIP account: `index` counts from 1, `user` is the SIP and log-in name."""

    index: int
    user: str
    secret: Secret
    number: str
    name: str


@dataclass(frozen=True, slots=True)
class Codes:
    """The numbers and codes that a phone's own keys dial; empty where there is none."""

    pickup: str = ""
    group_pickup: str = ""
    park: str = ""
    voicemail: str = ""


@dataclass(frozen=True, slots=True)
class Door:
    """How phones reach the provisioning server: a host and its two ports.

    The port without TLS serves the authority's certificate and the first stage only,
    because a phone fresh from its box trusts nobody yet.
    """

    host: str
    https_port: int = 443
    http_port: int = 80

    @property
    def https(self) -> str:
        """`https://host`, with the port where it is not the usual one."""
        return _address("https", self.host, self.https_port, 443)

    @property
    def http(self) -> str:
        return _address("http", self.host, self.http_port, 80)

    @property
    def authority(self) -> str:
        """Where a phone fetches the certificate of our authority: public knowledge."""
        return f"{self.http}{PREFIX}/authority.crt"

    def second_stage(self, token: Secret) -> str:
        """The folder that holds one phone's file, ending in a slash."""
        return f"{self.https}{PREFIX}/p/{token.reveal()}/"

    def first_stage(self, code: str = "") -> str:
        """The folder for the first stage; without a code the one that DHCP hands out."""
        folder = f"{self.http}{PREFIX}/e/"
        return f"{folder}{code}/" if code else folder


def _address(scheme: str, host: str, port: int, usual: int) -> str:
    name = f"[{host}]" if is_ip_address(host) and ":" in host else host
    return f"{scheme}://{name}" if port == usual else f"{scheme}://{name}:{port}"


@dataclass(frozen=True, slots=True)
class Phone:
    """Everything that a phone's file says, before any vendor's grammar."""

    id: str
    mac: str
    model: Model
    accounts: tuple[Account, ...]
    server: str
    port: int
    transport: str
    srtp: bool
    codecs: tuple[str, ...]
    expires_s: int
    retry_s: int
    keys: tuple[Key, ...]
    modules: int
    language: str
    country: str
    zone: str
    ntp_server: str
    codes: Codes
    web_password: Secret
    address: Secret
    authority: str
    refresh_s: int

    @property
    def label(self) -> str:
        """What the screen calls the phone: its first account's name."""
        return self.accounts[0].name if self.accounts else self.id


@dataclass(frozen=True, slots=True)
class Estate:
    """A state with what is looked up in it again and again."""

    state: SystemState
    references: References = field(init=False)
    sites: dict[str, Site] = field(init=False)
    settings: dict[str, SitePhones] = field(init=False)
    languages: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        state = self.state
        set_ = object.__setattr__
        set_(self, "references", registry.references(state))
        set_(self, "sites", {site.id: site for site in state["organisation"].sites})
        set_(self, "settings", {each.id: each for each in state["provisioning"].sites})
        set_(self, "languages", {e.id: e.language for e in state["extensions"].extensions})

    @property
    def devices(self) -> tuple[Device, ...]:
        devices: tuple[Device, ...] = self.state["devices"].devices
        return devices


def door(state: SystemState, facts: Facts) -> Door:
    """How phones reach the server: the host the company named, or the machine's own."""
    facts = network.followed(state["network"], facts)
    own = next(iter(facts.addresses), "") or facts.host_name or socket.gethostname()
    host = state["organisation"].phone_host or own
    return Door(host, facts.web_port, facts.web_plain_port)


def provisioned(state: SystemState) -> Iterator[Device]:
    """The devices that fetch their configuration here: a known model, a MAC, a token.

    A program in a browser (SIP over WebSocket) is configured by its page instead.
    """
    for device in state["devices"].devices:
        known = catalogue.model(device.model) is not None and device.transport != "wss"
        if known and device.mac and device.token:
            yield device


def phone_of(estate: Estate, device: Device, door: Door) -> Phone:
    """What `device` must know. LookupError when the catalogue lacks its model."""
    model = catalogue.models()[device.model]
    state = estate.state
    core = state["asterisk_core"]
    settings = estate.settings.get(device.site, SitePhones(device.site, Secret("")))
    accounts = tuple(_accounts(estate, device))
    return Phone(
        id=device.id,
        mac=device.mac,
        model=model,
        accounts=accounts,
        server=door.host,
        port=core.sip_tls_port if device.transport == "tls" else core.sip_port,
        transport=device.transport,
        srtp=device_service.encrypts_media(device.transport),
        codecs=device_service.CODECS[device.transport],
        expires_s=_own_time(device, "registration", device_service.REGISTRATION_S),
        retry_s=_own_time(device, "retry", device_service.RETRY_S),
        keys=keys.arranged(tuple(_keys(estate, device)), len(accounts)),
        modules=device.expansion_modules,
        language=_language(estate, device),
        country=state["organisation"].country,
        zone=estate.sites[device.site].time_zone,
        ntp_server=settings.ntp_server or door.host,
        codes=codes_of(estate.references),
        web_password=device.web_password or settings.web_password,
        address=Secret(door.second_stage(device.token)),
        authority=door.authority,
        refresh_s=state["provisioning"].refresh_s,
    )


def _own_time(device: Device, purpose: str, limits: tuple[int, int]) -> int:
    """Seconds that are this device's own: evenly spread over the devices of a company, and the same
    each time, since a phone takes any other byte of its file for a change."""
    least, most = limits
    drawn = hashlib.blake2b(f"{purpose} {device.mac}".encode(), digest_size=8).digest()
    return least + int.from_bytes(drawn) % (most - least + 1)


def codes_of(references: References) -> Codes:
    """The codes that the dialplan uses, so that a phone's keys dial the same.

    A code that leads nowhere yet (parking without a parking lot) is not put on phones.
    """

    def code(name: str) -> str:
        found = references.get("feature_code", name)
        return found.number if found and found.entry else ""

    prefix = references.get("feature_code", "directed_pickup")
    return Codes(
        pickup=prefix.number if prefix else "",
        group_pickup=code("group_pickup"),
        park=code("park"),
        voicemail=code("own_voicemail"),
    )


def _language(estate: Estate, device: Device) -> str:
    if device.lines:
        return estate.languages[device.lines[0].extension]
    language: str = estate.state["organisation"].language
    return language


def _accounts(estate: Estate, device: Device) -> Iterator[Account]:
    for index, line in enumerate(device.lines, 1):
        extension = estate.references.by_id["extension", line.extension]
        name = estate.references.label("extension", line.extension)
        user = names.endpoint(extension.number, line.slot)
        yield Account(index, user, line.secret, extension.number, name)


def _keys(estate: Estate, device: Device) -> Iterator[Key]:
    for wanted in device.keys:
        yield _key(estate.references, wanted)


def _key(references: References, wanted: FunctionKey) -> Key:
    watched = wanted.watches
    if watched is None:
        return Key(wanted.position, wanted.kind, wanted.line, wanted.number, wanted.label)
    number = references.by_id[watched.kind, watched.id].number
    label = wanted.label or references.label(watched.kind, watched.id)
    return Key(wanted.position, wanted.kind, wanted.line, number, label)
