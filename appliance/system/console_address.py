"""An address that somebody gave at the machine's own screen while the engine did not answer.

It stands over the settings until they change: the record says against which settings it was
made, and it holds while those are in force. So an apply ends it, and taking that apply back
brings it back.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from appliance.apply import atomic
from appliance.state.codec import canonical_json, decode, encode
from appliance.state.faults import StateError
from appliance.state.fields import Address
from appliance.state.machine import Layout
from appliance.system import network

FILE = "00-console.network"
"""In the folder of networkd, before every other."""


@dataclass(frozen=True, slots=True)
class ConsoleAddress:
    """`against` tells the settings that it stands over."""

    interface: network.Interface
    dns: tuple[Address, ...] = ()
    against: str = ""


def path(layout: Layout) -> Path:
    """The record."""
    return layout.prefix / "etc/centralino/console-address.json"


def settings(state: network.State) -> str:
    """What tells one set of settings from another."""
    return hashlib.sha256(canonical_json(encode(state))).hexdigest()


def give(layout: Layout, state: network.State, given: ConsoleAddress) -> None:
    """Let an address stand over the settings; networkd still has to be told."""
    record = ConsoleAddress(given.interface, given.dns, settings(state))
    file = path(layout)
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    atomic.write_file(file, canonical_json(encode(record)), 0o644)
    settle(layout, state)


def holding(layout: Layout, state: network.State) -> ConsoleAddress | None:
    """The address that stands over these settings, if one does."""
    try:
        found = decode(ConsoleAddress, json.loads(path(layout).read_bytes()))
    except (FileNotFoundError, ValueError, StateError):
        return None
    return found if found.against == settings(state) else None


def forget(layout: Layout, state: network.State) -> None:
    """Forget an address that other settings have followed for good, or it would come back with
    the settings that it once stood over."""
    if holding(layout, state) is None:
        path(layout).unlink(missing_ok=True)


def settle(layout: Layout, state: network.State) -> None:
    """Have networkd find the address while it holds, and not a moment longer."""
    found, file = holding(layout, state), layout.prefix / network.FOLDER / FILE
    if found is None:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    content = network.interface_file(state, found.interface, found.dns)
    atomic.write_file(file, content, 0o644)
