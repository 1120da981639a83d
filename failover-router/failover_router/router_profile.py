"""The profile of a branch router: everything that it must know, in one JSON file.

The appliance writes it (`appliance/system/branch_profile.py`), `docs/branch-router.md`
describes it. A router that reads a profile of another schema refuses it with a sentence
and keeps the one that it has.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from failover_router.decoding import DecodingError, decode, encode

SCHEMA: Literal[1] = 1
LARGEST_BYTES = 262_144
"""A profile of 8 lines with all certificates has about 12 kB."""

MOST_LINES = 8
LONGEST_INTERFACE = 15
"""IFNAMSIZ - 1 of the kernel (linux/if.h)."""

_IDENTITY = re.compile(r"branch-[1-9][0-9]{0,3}", re.ASCII)
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?", re.ASCII)
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}", re.ASCII)
_KEY = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PEM = re.compile(r"-----BEGIN [A-Za-z0-9 -]+-----\n([\x20-\x7e]*\n)+", re.ASCII)
_PLAIN = re.compile(r"[\x20-\x7e]*", re.ASCII)
_URL = re.compile(r"https?://[\x21\x23-\x7e]+", re.ASCII)
_OUI = re.compile(r"[0-9a-f]{6}", re.ASCII)


class ProfileError(ValueError):
    """A profile that cannot be used; the text says everything that is wrong with it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which router this is: `name` is the common name of its certificate, `generation`
    counts the routers that the site has had. Only the newest one is let in."""

    name: str
    generation: int

    @property
    def number(self) -> int:
        """The branch's number, which probes carry."""
        return int(self.name.rpartition("-")[2])

    def faults(self) -> Iterator[str]:
        yield from _matches("name", self.name, _IDENTITY, "branch- and a number")
        yield from _within("generation", self.generation, 1, 999_999)


@dataclass(frozen=True, slots=True)
class Server:
    """Where the appliance is.

    `addresses` are its public IP addresses: names would die with the line that asks DNS.
    `ports` are those of the first and the second tunnel, `inner_address` the one that
    phones use, `probe_key` the secret of the probes, 32 bytes in hexadecimal digits.
    `tunnel_gateways` are the appliance's addresses inside the tunnels.
    """

    addresses: tuple[str, ...]
    ports: tuple[int, ...]
    probe_port: int
    inner_address: str
    tunnel_gateways: tuple[str, ...]
    probe_key: str

    def faults(self) -> Iterator[str]:
        if not self.addresses:
            yield "addresses: must name one at least"
        for each in (*self.addresses, self.inner_address, *self.tunnel_gateways):
            yield from _address("addresses", each)
        if len(self.ports) != 2 or len(self.tunnel_gateways) != 2:
            yield "ports: must be those of two tunnels, and so must tunnel_gateways"
        for port in (*self.ports, self.probe_port):
            yield from _within("ports", port, 1, 65535)
        yield from _matches("probe_key", self.probe_key, _KEY, "64 hexadecimal digits")


@dataclass(frozen=True, slots=True)
class Vpn:
    """The router's own papers, each a PEM text. `addresses` are its own in the tunnels."""

    authority: str
    certificate: str
    key: str
    tls_crypt_v2: str
    addresses: tuple[str, ...]

    def faults(self) -> Iterator[str]:
        for name in ("authority", "certificate", "key", "tls_crypt_v2"):
            yield from _matches(name, getattr(self, name), _PEM, "PEM text")
        if len(self.addresses) != 2:
            yield "addresses: must be those of two tunnels"
        for each in self.addresses:
            yield from _address("addresses", each)


@dataclass(frozen=True, slots=True)
class PhoneClass:
    """How one maker's phones are told apart, and the address that they are told.

    `ouis` are the maker's parts of the MAC, `vendor_class` a word of DHCP option 60,
    `url` goes into option 66 (RFC 2132).
    """

    vendor: str
    ouis: tuple[str, ...]
    vendor_class: str
    url: str

    def faults(self) -> Iterator[str]:
        yield from _matches("vendor", self.vendor, _NAME, "a name of small letters")
        yield from _matches("vendor_class", self.vendor_class, _PLAIN, "plain ASCII")
        if '"' in self.vendor_class or "," in self.vendor_class:
            yield "vendor_class: must not hold quotes or commas"
        yield from _matches("url", self.url, _URL, "an address that begins with http")
        for oui in self.ouis:
            yield from _matches("ouis", oui, _OUI, "6 hexadecimal digits")


@dataclass(frozen=True, slots=True)
class Lan:
    """The network of the phones and what DHCP tells them.

    `networks` are all networks behind the router, `network` the one in which it has
    `address` and gives out `dhcp_first` to `dhcp_last`; both empty: no DHCP here.
    `provisioning_url` is for phones of no class in `phones`, "" for none;
    `option_43` is the same for vendors that read it there, as hexadecimal digits.
    """

    interface: str
    network: str
    address: str
    networks: tuple[str, ...]
    dhcp_first: str
    dhcp_last: str
    lease_s: int
    provisioning_url: str
    option_43: str
    phones: tuple[PhoneClass, ...]
    ntp: tuple[str, ...]
    dns: tuple[str, ...]

    def faults(self) -> Iterator[str]:
        yield from _matches("interface", self.interface, _INTERFACE, "the name of an interface")
        for name in (self.network, *self.networks):
            yield from _network("networks", name)
        inside = [self.address, *filter(None, (self.dhcp_first, self.dhcp_last))]
        for each in (*inside, *self.ntp, *self.dns):
            yield from _address("address", each)
        if bool(self.dhcp_first) != bool(self.dhcp_last):
            yield "dhcp_first: goes with dhcp_last"
        if self.provisioning_url:
            yield from _matches("provisioning_url", self.provisioning_url, _URL, "an address")
        if not re.fullmatch(r"([0-9a-f]{2}){0,255}", self.option_43, re.ASCII):
            yield "option_43: must be pairs of hexadecimal digits"
        yield from _within("lease_s", self.lease_s, 120, 604_800)


@dataclass(frozen=True, slots=True)
class Line:
    """One line to the internet. Lower `priority` is preferred.

    `carries`: what uses it while all is well. Voice goes over a line for data when no
    other is left, and data over one for voice within the borrowing cap.
    `monthly_cap_mb` 0 means none; a metered line beyond its cap is used when nothing else
    is left. Zero in `up_kbits`, `down_kbits` means unknown.
    """

    name: str
    label: str
    kind: Literal["fibre", "radio", "4g", "other"]
    carries: Literal["voice", "data", "both"]
    interface: str
    addressing: Literal["dhcp", "static", "pppoe", "modem"]
    address: str
    gateway: str
    user: str
    password: str
    access_point: str
    pin: str
    up_kbits: int
    down_kbits: int
    priority: int
    metered: bool
    monthly_cap_mb: int

    def faults(self) -> Iterator[str]:
        yield from _matches("name", self.name, _NAME, "a name of small letters and digits")
        yield from _matches("interface", self.interface, _INTERFACE, "the name of an interface")
        if self.addressing == "static":
            yield from _interface_address("address", self.address)
            yield from _address("gateway", self.gateway)
        for name in ("user", "password", "access_point", "pin"):
            yield from _matches(name, getattr(self, name), _PLAIN, "plain ASCII")
        yield from _within("priority", self.priority, 1, 99)
        for name in ("up_kbits", "down_kbits", "monthly_cap_mb"):
            yield from _within(name, getattr(self, name), 0, 10_000_000)


@dataclass(frozen=True, slots=True)
class Policy:
    """When a line counts as bad and when it is trusted again.

    A probe every `probe_ms` (`idle_probe_ms` on a metered line that nothing uses); bad after
    `lost_in_row` lost ones, or more than `loss_percent` of the last `window`, or a
    smoothed round trip above `late_ms`. Good again after `clean_s` without any of these;
    each return that did not last doubles that time, up to `longest_hold_s`.
    """

    probe_ms: int = 100
    idle_probe_ms: int = 1000
    lost_in_row: int = 3
    window: int = 20
    loss_percent: int = 10
    late_ms: int = 250
    clean_s: int = 60
    longest_hold_s: int = 600

    def faults(self) -> Iterator[str]:
        yield from _within("probe_ms", self.probe_ms, 20, 10_000)
        yield from _within("idle_probe_ms", self.idle_probe_ms, self.probe_ms, 60_000)
        yield from _within("lost_in_row", self.lost_in_row, 2, 50)
        yield from _within("window", self.window, 5, 200)
        yield from _within("loss_percent", self.loss_percent, 1, 90)
        yield from _within("late_ms", self.late_ms, 10, 10_000)
        yield from _within("clean_s", self.clean_s, 1, 3600)
        yield from _within("longest_hold_s", self.longest_hold_s, self.clean_s, 86_400)


@dataclass(frozen=True, slots=True)
class RouterProfile:
    """All of it. `routes` are further networks behind the appliance, such as other
    branches; `borrow_kbits` is what ordinary data may take of a line for voice, 0 nothing.
    `portal` is the address of the portal's door for routers and `portal_key` what is signed
    with there, "" for none."""

    schema: Literal[1]
    site: str
    label: str
    identity: Identity
    mode: Literal["floating", "protected"]
    server: Server
    vpn: Vpn
    lan: Lan
    lines: tuple[Line, ...]
    policy: Policy
    routes: tuple[str, ...]
    borrow_kbits: int
    voice_kbits: int
    portal: str
    portal_key: str

    def faults(self) -> Iterator[str]:
        yield from _matches("site", self.site, _NAME, "a name of small letters and digits")
        if not 1 <= len(self.lines) <= MOST_LINES:
            yield f"lines: must be 1 to {MOST_LINES}"
        for name, values in (
            ("name", [line.name for line in self.lines]),
            ("interface", [self.lan.interface, *(line.interface for line in self.lines)]),
        ):
            if len(set(values)) != len(values):
                yield f"lines: two have the same {name}"
        for each in self.routes:
            yield from _network("routes", each)
        for name in ("borrow_kbits", "voice_kbits"):
            yield from _within(name, getattr(self, name), 0, 10_000_000)
        if self.portal:
            yield from _matches("portal", self.portal, _URL, "an address")
            yield from _matches("portal_key", self.portal_key, _KEY, "64 hexadecimal digits")

    def line(self, name: str) -> Line:
        """The line of this name; LookupError when there is none."""
        for line in self.lines:
            if line.name == name:
                return line
        raise LookupError(name)


def read(text: bytes) -> RouterProfile:
    """The profile in a file's bytes; ProfileError says everything that is wrong."""
    if len(text) > LARGEST_BYTES:
        raise ProfileError(f"the profile has {len(text)} bytes, {LARGEST_BYTES} at most")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProfileError("the profile is not JSON") from error
    return from_data(data)


def from_data(data: Any) -> RouterProfile:
    """The profile that plain data describes; ProfileError says everything that is wrong."""
    if isinstance(data, dict) and data.get("schema") != SCHEMA:
        found = str(data.get("schema"))[:20]
        raise ProfileError(f"the profile has schema {found}; this router reads {SCHEMA}")
    try:
        return decode(RouterProfile, data)
    except DecodingError as error:
        raise ProfileError(str(error)) from error


def write(profile: RouterProfile) -> bytes:
    """The profile as a file's bytes: the same for the same profile."""
    text = json.dumps(encode(profile), ensure_ascii=False, sort_keys=True, indent=1)
    return text.encode() + b"\n"


OWN_PAPERS = (("vpn", "key"), ("vpn", "tls_crypt_v2"), ("server", "probe_key"))
"""What a router keeps of its first profile when it fetches a newer one."""


def digest(profile: RouterProfile) -> str:
    """SHA-256 of what a profile says, without the router's own papers: the same at both ends."""
    data = encode(profile)
    for part, name in OWN_PAPERS:
        data[part][name] = ""
    data["portal_key"] = ""
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _matches(name: str, value: str, pattern: re.Pattern[str], meaning: str) -> Iterable[str]:
    return () if pattern.fullmatch(value) else (f"{name}: must be {meaning}",)


def _within(name: str, value: int, low: int, high: int) -> Iterable[str]:
    return () if low <= value <= high else (f"{name}: must be between {low} and {high}",)


def _address(name: str, value: str) -> Iterable[str]:
    return _parsed(name, value, ipaddress.IPv4Address, "an IPv4 address")


def _interface_address(name: str, value: str) -> Iterable[str]:
    if "/" not in value:
        return (f"{name}: must be an address with its prefix length",)
    return _parsed(name, value, ipaddress.IPv4Interface, "an address with its prefix length")


def _network(name: str, value: str) -> Iterable[str]:
    return _parsed(name, value, ipaddress.IPv4Network, "an IPv4 network")


def _parsed(name: str, value: str, kind: Any, meaning: str) -> Iterable[str]:
    try:
        kind(value)
    except ValueError:
        return (f"{name}: must be {meaning}",)
    return ()
