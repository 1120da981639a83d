"""The web server in front: one address, TLS and limits for portal, live view and phones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from appliance.asterisk.reloads import WEB
from appliance.render import escape
from appliance.render.environments import render
from appliance.render.fileset import File
from appliance.state.faults import Fault
from appliance.state.fields import Between
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.system import edge_facts
from appliance.system.accounts import WEB_GROUP
from appliance.verify.probes import Probe

LARGEST_UPDATE_MB = 1536
"""A whole system: a slot of the disk, its kernel and first file system have less."""


LARGEST_BACKUP_MB = 20480
"""A backup with years of voicemail; the portal looks for room before the first byte."""


@dataclass(frozen=True, slots=True)
class State:
    """Limits. Those per second hold for each address that requests come from.

    `phone_files_per_second`: a branch office behind one address starts a hundred phones at
    once; bursts of ten times as much pass without waiting.
    """

    largest_upload_mb: Annotated[int, Between(1, 2000, "MB")] = 64
    pages_per_second: Annotated[int, Between(5, 10000)] = 50
    phone_files_per_second: Annotated[int, Between(5, 10000)] = 50


def references(_state: State) -> Iterator[Reference]:
    """Nothing to point at."""
    yield from ()


def check(_state: State, _references: References) -> Iterator[Fault]:
    """Nothing beyond the limits of the fields."""
    yield from ()


def files(state: State, references: References, machine: Machine) -> Iterator[File]:
    """Yield the configuration of nginx."""
    values = {"state": state, "machine": machine, "layout": machine.layout}
    values["largest_update_mb"] = LARGEST_UPDATE_MB
    values["largest_backup_mb"] = LARGEST_BACKUP_MB
    values["fetching"] = edge_facts.fetching(references)
    content = render("nginx/nginx.conf.j2", escape.nginx_value, **values)
    yield File("etc/centralino/nginx.conf", content, (WEB,), group=WEB_GROUP)


def probes(_state: State, _references: References) -> Iterator[Probe]:
    """Nothing that Asterisk could be asked."""
    yield from ()
