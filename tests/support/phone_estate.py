"""A company whose telephones every provisioning test can use."""

from __future__ import annotations

import dataclasses
from typing import Any

from appliance.services import registry
from appliance.services.devices import Device, FunctionKey, Line
from appliance.services.devices import State as Devices
from appliance.services.extensions import Extension
from appliance.services.extensions import State as Extensions
from appliance.services.organisation import Site
from appliance.services.organisation import State as Organisation
from appliance.services.provisioning import SitePhones
from appliance.services.provisioning import State as Provisioning
from appliance.state.fields import Secret
from appliance.state.references import Destination
from appliance.state.system_state import SystemState
from appliance.system.machine import Facts
from provisioning import phones
from provisioning.phones import Phone

HOSTILE_NAME = """Niccolò D'Amico & <Figli> "sas" %NULL% # ${X};]]>"""
TOKEN = "Tk3n" * 6
WEB = "Web-Password1"
FACTS = Facts(host_name="pbx.example", addresses=("192.0.2.10",))

KEYS = (
    FunctionKey(1, "line"),
    FunctionKey(2, "blf", watches=Destination("extension", "216")),
    FunctionKey(4, "speed_dial", number="+390522123456", label="Ing. Rossi; sede & <B>"),
)

EXTENSIONS = (
    Extension("215", "215", label=HOSTILE_NAME),
    Extension("216", "216", label="Élodie Müller-Ça"),
    Extension("217", "217", label="Sala riunioni", language="en"),
)


def mac_of(number: int) -> str:
    return f"02000000{number:04x}"


def device(model: str, number: int = 1, **values: Any) -> Device:
    """A phone of `model` with one line of extension 215."""
    line = Line("215", 1, Secret("Line-Secret_" + "x" * 12))
    token = Secret(TOKEN if number == 1 else f"{TOKEN}{number}")
    made = Device(f"phone-{number}", model, (line,), mac_of(number), token=token)
    return dataclasses.replace(made, **values)


def company(*devices: Device, zone: str = "Europe/Rome", **organisation: Any) -> SystemState:
    """A state with these devices, free of faults."""
    state = registry.empty_state().replaced(
        organisation=Organisation(
            "Rossi & Figli", sites=(Site("main", "Sede", "", zone),), **organisation
        ),
        extensions=Extensions(EXTENSIONS),
        devices=Devices(devices),
        provisioning=Provisioning((SitePhones("main", Secret(WEB)),)),
    )
    faults = registry.check(state)
    assert not faults, faults
    return state


def phone(wanted: Device, facts: Facts = FACTS, **values: Any) -> Phone:
    """What `wanted` is told in a company of its own."""
    state = company(wanted, **values)
    return phones.phone_of(phones.Estate(state), wanted, phones.door(state, facts))
