"""The company: its name, language, time zone, the addresses of this machine, its sites."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from appliance.policy.gather import CompanyFacts, SiteFacts
from appliance.render.fileset import File
from appliance.state.faults import Fault
from appliance.state.fields import (
    Country,
    Label,
    Language,
    ObjectId,
    OptionalE164,
    OptionalHost,
    OptionalLabel,
    Zone,
)
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.verify.probes import Probe


@dataclass(frozen=True, slots=True)
class Site:
    """A place where people and phones are.

    `address` is told to emergency services; `number` is the outside number that they
    see and can call back, whoever dials from here.
    """

    id: ObjectId
    name: Label
    address: OptionalLabel = ""
    time_zone: Zone = "Europe/Rome"
    number: OptionalE164 = ""


@dataclass(frozen=True, slots=True)
class State:
    """The company as a whole.

    `phone_host` is the name or address by which phones reach this machine; empty means
    the machine's own address at the time a phone asks.
    """

    name: OptionalLabel = ""
    country: Country = "IT"
    language: Language = "it"
    time_zone: Zone = "Europe/Rome"
    phone_host: OptionalHost = ""
    sites: tuple[Site, ...] = (Site("main", "Sede"),)


def references(state: State) -> Iterator[Reference]:
    """Yield the company and its sites."""
    detail = {"language": state.language, "time_zone": state.time_zone}
    facts = CompanyFacts(state.country)
    yield Reference("company", "company", state.name, detail=detail, facts=facts)
    for site in state.sites:
        place = SiteFacts(site.time_zone, site.number)
        yield Reference("site", site.id, site.name, facts=place)


def check(state: State, _references: References) -> Iterator[Fault]:
    """Yield a fault when there is no site at all or two share an id."""
    if not state.sites:
        yield Fault("organisation/sites", "must hold at least one site")
    ids = [site.id for site in state.sites]
    for id in sorted({id for id in ids if ids.count(id) > 1}):
        yield Fault(f"organisation/sites/{id}", "exists twice")


def files(_state: State, _references: References, _machine: Machine) -> Iterator[File]:
    """No file of its own."""
    yield from ()


def probes(_state: State, _references: References) -> Iterator[Probe]:
    """Nothing to ask."""
    yield from ()
