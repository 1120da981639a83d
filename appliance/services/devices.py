"""Devices: telephones and gateway ports, and the SIP endpoints that their lines are.

One endpoint per line, named after the extension's number and the line's slot (`215-1`),
so that a lamp can watch a number with one pattern and nothing grows with the number of
phones except the file of endpoints itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

from appliance.asterisk import names
from appliance.render.environments import render_asterisk
from appliance.render.fileset import File
from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.fields import Between, ObjectId, OptionalLabel, Pattern, Secret
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.verify.probes import NO_SUCH_OBJECT, Probe

Slot = Annotated[int, Between(1, names.DEVICES_PER_EXTENSION)]
Model = Annotated[str, Pattern(r"[a-z0-9][a-z0-9._-]{0,40}", "the name of a model")]
OptionalMac = Annotated[
    str, Pattern(r"|[0-9a-f]{12}", "12 hexadecimal digits in small letters, or empty")
]
SipTransport = Literal["udp", "tcp", "tls", "wss"]

SHORTEST_SECRET = 20
"""Characters of a line's password; the system makes it, so nobody has to type it."""


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
class Device:
    """A telephone, a gateway or a program. `model` names an entry of the catalogue."""

    id: ObjectId
    model: Model
    lines: tuple[Line, ...]
    mac: OptionalMac = ""
    label: OptionalLabel = ""
    site: ObjectId = "main"
    transport: SipTransport = "udp"


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
    for device in state.devices:
        yield from references.missing(f"devices/{device.id}/site", "site", device.site)
        for index, line in enumerate(device.lines):
            where = f"devices/{device.id}/lines/{index}"
            yield from references.missing(f"{where}/extension", "extension", line.extension)
            if not _strong(line.secret):
                text = "must have at least %(least)d letters, digits, - or _"
                yield Fault(f"{where}/secret", text, {"least": SHORTEST_SECRET})


def _strong(secret: Secret) -> bool:
    """Whether a phone of any make can carry it and nobody can guess it."""
    text = secret.reveal()
    plain = text.isascii() and all(sign.isalnum() or sign in "-_" for sign in text)
    return plain and SHORTEST_SECRET <= len(text) <= 64


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


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """What one line becomes in pjsip_phones.conf."""

    device: Device
    line: Line
    number: str
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", names.endpoint(self.number, self.line.slot))

    @property
    def dial(self) -> str:
        """What Dial() is given to ring this line."""
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
    yield File(
        "etc/asterisk/pjsip_phones.conf",
        render_asterisk("devices", "pjsip_phones.conf", endpoints=endpoints, names=names),
        reload=("pjsip",),
        group="asterisk",
    )
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
            (f"context : {names.FROM_PHONE}", f"aors : {each.name}", f"auth : {each.name}"),
            absent=NO_SUCH_OBJECT,
        )
        yield Probe(
            where,
            f"pjsip show aor {each.name}",
            (f"mailboxes : {names.mailbox(each.number)}",),
            absent=NO_SUCH_OBJECT,
        )
        yield Probe(
            where,
            f"pjsip show auth {each.name}",
            (f"username : {each.name}",),
            absent=NO_SUCH_OBJECT,
        )
