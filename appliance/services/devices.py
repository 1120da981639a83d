"""Devices: telephones and gateway ports, and the SIP endpoints that their lines are.

One endpoint per line, named after the extension's number and the line's slot (`215-1`),
so that a lamp can watch a number with one pattern and nothing grows with the number of
phones except the file of endpoints itself. What a phone is served besides its lines
(keys, passwords, the token it fetches its file with) stands here too; `provisioning`
turns it into the vendor's format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Literal

from appliance.asterisk import names
from appliance.render.environments import render_asterisk
from appliance.render.fileset import File
from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.fields import Between, ObjectId, OptionalLabel, Pattern, Secret
from appliance.state.machine import Machine
from appliance.state.references import Destination, Reference, References
from appliance.state.tokens import (
    LONGEST_WEB_PASSWORD,
    SHORTEST_WEB_PASSWORD,
    plain_secret,
)
from appliance.verify.probes import NO_SUCH_OBJECT, Probe

Slot = Annotated[int, Between(1, names.DEVICES_PER_EXTENSION)]
Model = Annotated[str, Pattern(r"[a-z0-9][a-z0-9._-]{0,40}", "the name of a model")]
OptionalMac = Annotated[
    str, Pattern(r"|[0-9a-f]{12}", "12 hexadecimal digits in small letters, or empty")
]
SipTransport = Literal["udp", "tcp", "tls", "wss"]

KeyKind = Literal["line", "blf", "speed_dial"]
DialledDigits = Annotated[
    str, Pattern(r"[0-9*#+]{0,32}", "at most 32 digits or the signs * # +, or empty")
]

SHORTEST_SECRET = 20
"""Characters of a line's password; the system makes it, so nobody has to type it."""

SHORTEST_TOKEN = 22
"""Characters of a provisioning token: 22 letters and digits carry 131 bits."""

LONGEST_SECRET = 64

CODECS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "udp": ("g722", "alaw", "ulaw"),
        "tcp": ("g722", "alaw", "ulaw"),
        "tls": ("g722", "alaw", "ulaw"),
        "wss": ("opus", "alaw", "ulaw"),
    }
)
"""Transport -> codecs in order of preference, in Asterisk's words: for both ends."""

REGISTRATION_S = (480, 600)
"""How long a phone's registration lasts, at the least and at the most; within the limits of its
address of record. Each phone has its own time, so that those that came in one moment part again."""

RETRY_S = (30, 60)
"""How long a phone waits after a registration that got no answer, at the least and at the most.
When the system comes back after a power cut, its phones come spread over the longest of these."""


def encrypts_media(transport: SipTransport) -> bool:
    """Whether the media of a device on this transport is SRTP with keys in SDP (SDES)."""
    return transport == "tls"


SIP_FILES: dict[str, tuple[str, ...]] = {
    "pjsip_phone_endpoints.conf": ("pjsip_objects",),
    "pjsip_phone_auths.conf": ("pjsip_objects",),
    # One address more or less: Asterisk must begin or end to look after it.
    "pjsip_phone_aors.conf": ("pjsip",),
}
"""Files of SIP objects -> what a change of one asks for."""


@dataclass(frozen=True, slots=True)
class Line:
    """One account of a device: which extension it is, and the password it proves it with.

    `slot` tells the devices of one extension apart. The device begins to ring
    `ring_delay_s` after the others.
    """

    extension: ObjectId
    slot: Slot
    secret: Secret
    ring_delay_s: Annotated[int, Between(0, 120, "s")] = 0


@dataclass(frozen=True, slots=True)
class FunctionKey:
    """A programmable key; `position` counts from 1 over the phone and its side modules.

    `line` is the line it uses, counted from 1. A `blf` key shows and picks up calls of
    the object it `watches`, a `speed_dial` key dials `number`. An empty `label` takes
    the name of what is watched.
    """

    position: Annotated[int, Between(1, 240)]
    kind: KeyKind
    line: Annotated[int, Between(1, 16)] = 1
    watches: Destination | None = None
    number: DialledDigits = ""
    label: OptionalLabel = ""


@dataclass(frozen=True, slots=True)
class Device:
    """A telephone, a gateway or a program. `model` names an entry of the catalogue.

    `token` is the secret in the address of its configuration; without one it is served
    nothing. `web_password` opens its own web pages; empty means the site's.
    """

    id: ObjectId
    model: Model
    lines: tuple[Line, ...]
    mac: OptionalMac = ""
    label: OptionalLabel = ""
    site: ObjectId = "main"
    transport: SipTransport = "udp"
    token: Secret = Secret("")  # noqa: RUF009 - immutable
    web_password: Secret = Secret("")  # noqa: RUF009 - immutable
    keys: tuple[FunctionKey, ...] = ()
    expansion_modules: Annotated[int, Between(0, 4)] = 0


@dataclass(frozen=True, slots=True)
class State:
    devices: tuple[Device, ...] = ()


def references(state: State) -> Iterator[Reference]:
    """Yield every device."""
    for device in state.devices:
        yield Reference("device", device.id, device.label or device.id)


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield faults of lines that lead nowhere, share a slot or have a weak password."""
    yield from duplicate_ids("devices", state.devices)
    yield from _shared_slots(state)
    yield from _shared_macs(state)
    yield from _shared_tokens(state)
    for device in state.devices:
        yield from references.missing(f"devices/{device.id}/site", "site", device.site)
        for index, line in enumerate(device.lines):
            where = f"devices/{device.id}/lines/{index}"
            yield from references.missing(f"{where}/extension", "extension", line.extension)
            if not plain_secret(line.secret, SHORTEST_SECRET, LONGEST_SECRET):
                text = "must have at least %(least)d letters, digits, - or _"
                yield Fault(f"{where}/secret", text, {"least": SHORTEST_SECRET})
        yield from _bad_access(device, references)
        yield from _bad_keys(device, references)


def _bad_access(device: Device, references: References) -> Iterator[Fault]:
    """Yield faults of the secrets that guard a device's file and its web pages."""
    where = f"devices/{device.id}"
    if device.token and not plain_secret(device.token, SHORTEST_TOKEN, LONGEST_SECRET):
        text = "must have at least %(least)d letters, digits, - or _"
        yield Fault(f"{where}/token", text, {"least": SHORTEST_TOKEN})
    if device.web_password:
        if not plain_secret(device.web_password, SHORTEST_WEB_PASSWORD, LONGEST_WEB_PASSWORD):
            values = {"least": SHORTEST_WEB_PASSWORD, "most": LONGEST_WEB_PASSWORD}
            text = "must have %(least)d to %(most)d letters, digits, - or _"
            yield Fault(f"{where}/web_password", text, values)
    elif device.token and references.get("phone_site", device.site) is None:
        yield Fault(
            f"{where}/web_password",
            "neither the phone nor its site “%(site)s” has a password for the phone's web pages",
            {"site": device.site},
        )


def _bad_keys(device: Device, references: References) -> Iterator[Fault]:
    """Yield faults of keys that share a position, use no line or lead nowhere."""
    for position, times in Counter(key.position for key in device.keys).items():
        if times > 1:
            text = "stands %(times)d times"
            yield Fault(f"devices/{device.id}/keys/{position}", text, {"times": times})
    for key in device.keys:
        where = f"devices/{device.id}/keys/{key.position}"
        if key.line > len(device.lines):
            values = {"line": key.line, "lines": len(device.lines)}
            yield Fault(where, "uses line %(line)d, but the device has %(lines)d", values)
        if key.kind == "speed_dial" and not key.number:
            yield Fault(f"{where}/number", "must not be empty")
        if (key.kind == "blf") != (key.watches is not None):
            yield Fault(f"{where}/watches", "goes with a lamp key, and only with one")
        elif key.watches is not None:
            yield from _bad_watch(f"{where}/watches", key.watches, references)


def _bad_watch(where: str, watched: Destination, references: References) -> Iterator[Fault]:
    found = references.get(watched.kind, watched.id)
    if found is None:
        yield from references.missing(where, watched.kind, watched.id)
    elif not found.number:
        values = {"kind": watched.kind, "id": watched.id}
        yield Fault(where, "the %(kind)s “%(id)s” has no number to watch", values)


def _shared_slots(state: State) -> Iterator[Fault]:
    taken = Counter((line.extension, line.slot) for d in state.devices for line in d.lines)
    for (extension, slot), times in taken.items():
        if times > 1:
            values = {"slot": slot, "extension": extension, "times": times}
            text = "slot %(slot)d of extension “%(extension)s” is used %(times)d times"
            yield Fault("devices", text, values)


def _shared_macs(state: State) -> Iterator[Fault]:
    for mac, times in Counter(d.mac for d in state.devices if d.mac).items():
        if times > 1:
            yield Fault(
                "devices", "%(times)d devices have the MAC %(mac)s", {"mac": mac, "times": times}
            )


def _shared_tokens(state: State) -> Iterator[Fault]:
    first: dict[Secret, str] = {}
    for device in state.devices:
        if device.token and first.setdefault(device.token, device.id) != device.id:
            where = f"devices/{device.id}/token"
            yield Fault(where, "is that of “%(other)s” too", {"other": first[device.token]})


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """What one line becomes in Asterisk's files."""

    device: Device
    line: Line
    number: str
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", names.endpoint(self.number, self.line.slot))

    @property
    def dial(self) -> str:
        """What Dial() is given to ring this line."""
        if self.line.ring_delay_s:
            return names.late_device(self.name, self.line.ring_delay_s)
        return f"PJSIP/{self.name}"


def _endpoints(state: State, references: References) -> Iterator[_Endpoint]:
    for device in state.devices:
        for line in device.lines:
            extension = references.get("extension", line.extension)
            if extension:
                yield _Endpoint(device, line, extension.number)


def files(state: State, references: References, _machine: Machine) -> Iterator[File]:
    """Yield the endpoints of all lines, and the map from a number to its endpoints."""
    endpoints = sorted(_endpoints(state, references), key=lambda each: each.name)
    by_number: dict[str, list[_Endpoint]] = {}
    for endpoint in endpoints:
        by_number.setdefault(endpoint.number, []).append(endpoint)
    values = {
        "endpoints": endpoints,
        "names": names,
        "codecs": CODECS,
        "encrypts_media": encrypts_media,
    }
    for name, reload in SIP_FILES.items():
        content = render_asterisk("devices", name, **values)
        yield File(f"etc/asterisk/{name}", content, reload, group="asterisk")
    yield File(
        f"etc/asterisk/{names.DEVICES_MAP}",
        render_asterisk("devices", names.DEVICES_MAP, numbers=by_number),
        group="asterisk",
    )


def probes(state: State, references: References) -> Iterator[Probe]:
    """Read back each endpoint, its address of record and its account."""
    for each in _endpoints(state, references):
        where = f"devices/{each.device.id}"
        yield Probe(
            where,
            f"pjsip show endpoint {each.name}",
            (
                f"context : {names.FROM_PHONE}",
                f"aors : {each.name}",
                f"auth : {each.name}",
                f"PHONE_SITE : {each.device.site}",
                f"webrtc : {'yes' if each.device.transport == 'wss' else 'no'}",
            ),
            absent=NO_SUCH_OBJECT,
        )
        yield Probe(
            where,
            f"pjsip show aor {each.name}",
            (f"mailboxes : {names.mailbox(each.number)}",),
            absent=NO_SUCH_OBJECT,
        )
        digests = dict(names.password_digests(each.name, each.line.secret.reveal()))
        yield Probe(
            where,
            f"pjsip show auth {each.name}",
            (f"username : {each.name}", f"MD5:{digests['MD5']}"),
            absent=NO_SUCH_OBJECT,
            meaning="its password",
        )
