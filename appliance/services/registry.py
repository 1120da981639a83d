"""The ordered list of services, and what is done with all of them together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, cast

from appliance.render.fileset import File, FileSet
from appliance.services import (
    alarms,
    asterisk_core,
    backups,
    certificates,
    classes_of_service,
    devices,
    dialplan,
    dids,
    extensions,
    feature_codes,
    inbound_routes,
    mail,
    music_on_hold,
    numbering,
    organisation,
    outbound_routes,
    pickup_groups,
    provisioning,
    ring_groups,
    trunks,
    users,
    voicemail_boxes,
    web_front,
)
from appliance.state import migrations
from appliance.state.faults import Fault, StateError
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.state.system_state import SystemState, decode_system
from appliance.system import bans, firewall, network, vpn
from appliance.verify.probes import Probe


class Service(Protocol):
    """What the registry asks of a service module; `appliance.services` explains it."""

    State: type

    def references(self, state: Any) -> Iterator[Reference]: ...
    def check(self, state: Any, references: References) -> Iterator[Fault]: ...
    def files(self, state: Any, references: References, machine: Machine) -> Iterator[File]: ...
    def probes(self, state: Any, references: References) -> Iterator[Probe]: ...


SERVICES: Mapping[str, Service] = MappingProxyType(
    {
        module.__name__.rpartition(".")[2]: cast(Service, module)
        for module in (
            organisation,
            numbering,
            users,
            classes_of_service,
            extensions,
            devices,
            pickup_groups,
            ring_groups,
            mail,
            alarms,
            certificates,
            voicemail_boxes,
            music_on_hold,
            feature_codes,
            trunks,
            outbound_routes,
            dids,
            inbound_routes,
            provisioning,
            dialplan,
            asterisk_core,
            web_front,
            network,
            vpn,
            firewall,
            bans,
            backups,
        )
    }
)
"""Service name -> module. The order is that of state files, checks and screens."""

STATE_TYPES: Mapping[str, type] = MappingProxyType(
    {name: service.State for name, service in SERVICES.items()}
)


def empty_state() -> SystemState:
    """The state of a machine on which nobody has wished for anything yet."""
    return SystemState({name: kind() for name, kind in STATE_TYPES.items()})


def first_state(file: Path) -> SystemState:
    """The state that a machine begins with: the one that its first start has left
    (`Layout.first_state`), or the empty one. Raises StateError when it has faults."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return empty_state()
    return decode(json.loads(content))


def decode(data: Any, base: SystemState | None = None) -> SystemState:
    """The state that plain data describes; StateError with every fault. A service that it
    does not name is as in `base`, or as on a new machine."""
    return decode_system(data, STATE_TYPES, base)


def unnamed(data: Any) -> tuple[str, ...]:
    """The services that plain data of a state says nothing of."""
    named = migrations.current(data)
    return tuple(name for name in STATE_TYPES if name not in named)


def references(state: SystemState) -> References:
    """Everything that objects of this state may point at."""
    return References.of(
        reference
        for name, service in SERVICES.items()
        for reference in service.references(state[name])
    )


def check(state: SystemState, known: References | None = None) -> tuple[Fault, ...]:
    """Every fault that stops this state from being applied, in service order.

    Here and below, `known` are the state's references where the caller has them already.
    """
    known = known or references(state)
    faults = [fault for name, s in SERVICES.items() for fault in s.check(state[name], known)]
    return (*shared_numbers(known), *faults)


def sound_references(state: SystemState, known: References | None = None) -> References:
    """The references of a state without faults; StateError for one with faults."""
    known = known or references(state)
    faults = check(state, known)
    if faults:
        raise StateError(faults)
    return known


def shared_numbers(known: References) -> Iterator[Fault]:
    """Yield a fault for each number that two objects claim."""
    for number, claims in known.by_number.items():
        for claim in claims[1:]:
            values = {"number": number, "kind": claims[0].kind, "label": claims[0].label}
            yield Fault(claim.where, "number %(number)s belongs to %(kind)s “%(label)s”", values)


def files(state: SystemState, machine: Machine, known: References | None = None) -> FileSet:
    """All generated files. Raises StateError when the state has faults."""
    known = sound_references(state, known)
    machine = network.followed(state["network"], machine)
    return FileSet.of(
        file
        for name, service in SERVICES.items()
        for file in service.files(state[name], known, machine)
    )


def probes(state: SystemState, known: References | None = None) -> tuple[Probe, ...]:
    """All questions whose answers prove that this state runs."""
    known = known or references(state)
    return tuple(p for name, s in SERVICES.items() for p in s.probes(state[name], known))
