"""Asterisk's own frame: folders, modules, logs, the local HTTP and AMI doors, SIP basics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from appliance.asterisk import modules, names
from appliance.asterisk.reloads import RESTART
from appliance.render.environments import render_asterisk
from appliance.render.fileset import File
from appliance.state.faults import Fault
from appliance.state.fields import Address, Between, Port
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.system.edge_facts import SipDoors
from appliance.verify.probes import Probe

FILES: dict[str, tuple[str, ...]] = {
    "asterisk.conf": (RESTART,),
    "modules.conf": (RESTART,),
    "sorcery.conf": (RESTART,),
    "stasis.conf": (RESTART,),
    "pjproject.conf": (RESTART,),
    "geolocation.conf": (RESTART,),
    "statsd.conf": (RESTART,),
    "websocket_client.conf": (RESTART,),
    "pjsip_transports.conf": (RESTART,),
    "pjsip.conf": ("pjsip",),
    "pjsip_endpoints.conf": ("pjsip",),
    "pjsip_auths.conf": ("pjsip",),
    "pjsip_aors.conf": ("pjsip",),
    "pjsip_wizard.conf": ("pjsip",),
    "pjsip_notify.conf": ("pjsip_notify",),
    "logger.conf": ("logger",),
    "http.conf": ("http",),
    "manager.conf": ("manager",),
    "ari.conf": ("ari",),
    "rtp.conf": ("rtp",),
    "acl.conf": ("acl",),
    "indications.conf": ("indications",),
    "cdr.conf": (RESTART,),
    "cel.conf": (RESTART,),
    "ccss.conf": (RESTART,),
    "udptl.conf": (RESTART,),
    "cli.conf": (RESTART,),
    "cli_permissions.conf": (RESTART,),
    "res_parking.conf": (RESTART,),
}
"""File of this service -> the reloads that a change of it asks for."""


@dataclass(frozen=True, slots=True)
class State:
    """Ports and the address that SIP listens on.

    RTP ports: both ends included; a call needs two (RTP and RTCP) on each side.
    `sip_address` is one address of the machine, or 0.0.0.0 for all of them.
    """

    sip_address: Address = "0.0.0.0"  # noqa: S104 - the firewall decides who reaches it
    sip_port: Port = 5060
    sip_tls_port: Port = 5061
    rtp_first_port: Annotated[int, Between(1024, 65534)] = 10000
    rtp_last_port: Annotated[int, Between(1025, 65535)] = 19999


def references(state: State) -> Iterator[Reference]:
    """Yield where Asterisk listens."""
    doors = SipDoors(state.sip_port, state.sip_tls_port, state.rtp_first_port, state.rtp_last_port)
    yield Reference("sip_doors", "asterisk_core", "SIP", facts=doors)


def check(state: State, _references: References) -> Iterator[Fault]:
    """Yield faults of ports that exclude each other."""
    if state.rtp_first_port >= state.rtp_last_port:
        yield Fault("asterisk_core/rtp_first_port", "must lie below the last port")
    if state.sip_port == state.sip_tls_port:
        yield Fault("asterisk_core/sip_tls_port", "must differ from the port without TLS")


def files(state: State, _references: References, machine: Machine) -> Iterator[File]:
    """Yield the files that every Asterisk of ours has."""
    values = {
        "state": state,
        "machine": machine,
        "layout": machine.layout,
        "modules": modules,
        "names": names,
    }
    for name, reload in FILES.items():
        content = render_asterisk("core", name, **values)
        yield File(f"etc/asterisk/{name}", content, reload, group="asterisk")


def probes(_state: State, _references: References) -> Iterator[Probe]:
    """Ask that every module of the list runs."""
    yield Probe("asterisk_core", "module show", tuple(modules.ALL))
