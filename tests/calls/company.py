"""A small company for call tests: people with one or more telephones each.

Ids, numbers and names follow from the number, so that a test can be read without this
file: extension 201 belongs to a person called by `NAMES["201"]`, its devices are `201-1`,
`201-2` …
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.services import registry
from appliance.services.devices import Device, Line
from appliance.services.devices import State as Devices
from appliance.services.extensions import Extension
from appliance.services.extensions import State as Extensions
from appliance.services.users import State as Users
from appliance.services.users import User
from appliance.state.fields import Secret
from appliance.state.system_state import SystemState

NAMES = {
    "201": ("Anna", "Bianchi"),
    "202": ("Niccolò", "D'Amico"),
    "203": ("Chiara", "Rossi"),
    "204": ("Jürgen", "Müller"),
    "205": ("Elena", "Conti"),
    "206": ("Fabio", "Greco"),
}


def name(number: str) -> str:
    """The name that displays show for a number."""
    return " ".join(NAMES[number])


def secret(number: str, slot: int = 1) -> str:
    """The password of one line."""
    return f"pw-{number}-{slot}-abcdefghijklmnop"


def company(
    *numbers: str,
    devices: Mapping[str, int] | None = None,
    transports: Mapping[str, str] | None = None,
    delays: Mapping[tuple[str, int], int] | None = None,
    extensions: Mapping[str, Mapping[str, Any]] | None = None,
    language: str = "it",
    **services: Any,
) -> SystemState:
    """The state of a company with these numbers.

    `devices` says how many a number has (1), `transports` and `delays` are theirs,
    `extensions` holds further fields of an Extension; `services` replaces whole states.
    """
    devices, transports, delays = devices or {}, transports or {}, delays or {}
    slots = [(number, slot) for number in numbers for slot in range(1, devices.get(number, 1) + 1)]
    return registry.empty_state().replaced(
        users=Users(tuple(User(number, *NAMES[number], language=language) for number in numbers)),
        extensions=Extensions(
            tuple(
                Extension(
                    number, number, number, language=language, **(extensions or {}).get(number, {})
                )
                for number in numbers
            )
        ),
        devices=Devices(
            tuple(
                Device(
                    f"phone-{number}-{slot}",
                    "generic",
                    (
                        Line(
                            number,
                            slot,
                            Secret(secret(number, slot)),
                            delays.get((number, slot), 0),
                        ),
                    ),
                    transport=transports.get(number, "udp"),
                )
                for number, slot in slots
            )
        ),
        **services,
    )
