"""Companies of any size: so many people, each with one extension and one telephone."""

from __future__ import annotations

import dataclasses
import hashlib

from appliance.services import devices, extensions, registry, users
from appliance.state.fields import Secret
from appliance.state.system_state import SystemState


def secret_of(number: str, version: int = 0) -> Secret:
    """The password of a number's telephone; the same in every run."""
    return Secret(hashlib.sha256(f"{number}/{version}".encode()).hexdigest()[:24])


def numbers(count: int) -> tuple[str, ...]:
    """So many numbers of one length, beginning with 100, 1000 or 10000."""
    first = 10 ** max(2, len(str(count)))
    return tuple(str(first + index) for index in range(count))


def company(count: int, *, first_names: str = "Nicolò") -> SystemState:
    """So many people; the telephone of number N is the endpoint N-1."""
    wanted = numbers(count)
    return registry.empty_state().replaced(
        users=users.State(
            tuple(
                users.User(f"user-{number}", first_names, f"D’Amico {number}") for number in wanted
            )
        ),
        extensions=extensions.State(
            tuple(extensions.Extension(number, number, f"user-{number}") for number in wanted)
        ),
        devices=devices.State(tuple(telephone(number) for number in wanted)),
    )


def telephone(number: str, version: int = 0) -> devices.Device:
    """One telephone with one line; another version has another password."""
    line = devices.Line(number, 1, secret_of(number, version))
    return devices.Device(f"phone-{number}", "softphone", (line,))


def with_new_password(state: SystemState, number: str, version: int = 1) -> SystemState:
    """The same company after one telephone was given another password."""
    return _with_device(state, telephone(number, version))


def with_new_site_of_phone(state: SystemState, number: str, site: str) -> SystemState:
    """The same company after one telephone was carried to another site."""
    return _with_device(state, dataclasses.replace(telephone(number), site=site))


def with_new_ring_time(state: SystemState, number: str, seconds: int) -> SystemState:
    """The same company after one extension was told to ring for so long."""
    changed = tuple(
        dataclasses.replace(each, ring_time_s=seconds) if each.number == number else each
        for each in state["extensions"].extensions
    )
    return state.replaced(extensions=extensions.State(changed))


def without(state: SystemState, number: str) -> SystemState:
    """The same company after somebody has left."""
    return state.replaced(
        users=users.State(tuple(u for u in state["users"].users if u.id != f"user-{number}")),
        extensions=extensions.State(
            tuple(e for e in state["extensions"].extensions if e.number != number)
        ),
        devices=devices.State(
            tuple(d for d in state["devices"].devices if d.id != f"phone-{number}")
        ),
    )


def _with_device(state: SystemState, new: devices.Device) -> SystemState:
    changed = tuple(new if each.id == new.id else each for each in state["devices"].devices)
    return state.replaced(devices=devices.State(changed))
