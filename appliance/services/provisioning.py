"""Provisioning of telephones: what holds for all phones of a site, and where they ask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from appliance.render.fileset import File
from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.fields import Between, Network, ObjectId, OptionalHost, Secret
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.state.tokens import (
    LONGEST_WEB_PASSWORD,
    SHORTEST_WEB_PASSWORD,
    plain_secret,
)
from appliance.verify.probes import Probe


@dataclass(frozen=True, slots=True)
class SitePhones:
    """What all phones of one site share; `id` is the site's.

    `web_password` opens the administrator's pages of each phone. `networks` are those
    from which a phone may take the first stage without a code while its enrolment is
    open, so that DHCP can send all phones to one address. `ntp_server` empty means this
    machine.
    """

    id: ObjectId
    web_password: Secret
    networks: tuple[Network, ...] = ()
    ntp_server: OptionalHost = ""


@dataclass(frozen=True, slots=True)
class State:
    """`refresh_s` is how often a phone asks for news by itself."""

    sites: tuple[SitePhones, ...] = ()
    refresh_s: Annotated[int, Between(300, 604800, "s")] = 3600


def references(state: State) -> Iterator[Reference]:
    """Yield the sites whose phones have a password for their web pages."""
    for site in state.sites:
        yield Reference("phone_site", site.id, site.id)


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield faults of sites that do not exist and of passwords that no phone takes."""
    yield from duplicate_ids("provisioning/sites", state.sites)
    for site in state.sites:
        where = f"provisioning/sites/{site.id}"
        yield from references.missing(where, "site", site.id)
        if not plain_secret(site.web_password, SHORTEST_WEB_PASSWORD, LONGEST_WEB_PASSWORD):
            values = {"least": SHORTEST_WEB_PASSWORD, "most": LONGEST_WEB_PASSWORD}
            text = "must have %(least)d to %(most)d letters, digits, - or _"
            yield Fault(f"{where}/web_password", text, values)


def files(_state: State, _references: References, _machine: Machine) -> Iterator[File]:
    """No file: the provisioning server reads the state itself."""
    yield from ()


def probes(_state: State, _references: References) -> Iterator[Probe]:
    """Nothing to ask of Asterisk."""
    yield from ()
