"""One line for each telephone of the applied configuration: desired against reported."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from appliance.asterisk import names
from appliance.services.devices import Device
from appliance.state.system_state import SystemState
from portal.core.i18n import _l
from provisioning import catalogue, phones

Status = Literal["revoked", "unwritable", "behind", "new", "open", "current"]

ORDER: tuple[Status, ...] = ("revoked", "unwritable", "behind", "open", "new", "current")
"""What needs somebody's attention comes first."""

STATUSES: Mapping[str, tuple[Any, str]] = {
    "revoked": (_l("Revoked"), "bad"),
    "unwritable": (_l("Its file cannot be written"), "bad"),
    "behind": (_l("Has an older file"), "warn"),
    "open": (_l("Waiting for its first visit"), "info"),
    "new": (_l("Has not come yet"), "info"),
    "current": (_l("Up to date"), "good"),
}
"""Status -> what people read, and how good that is."""

COLOURS = {"good": "green", "warn": "yellow", "bad": "red", "info": "blue"}
"""How good it is -> Tabler's colour."""


@dataclass(frozen=True, slots=True)
class Row:
    """One telephone. `facts` are the server's, empty when it does not know the phone."""

    device: Device
    number: str
    endpoint: str
    facts: Mapping[str, Any]

    @property
    def id(self) -> str:
        return self.device.id

    @property
    def label(self) -> str:
        return self.device.label or self.number or self.device.id

    @property
    def model(self) -> str:
        known = catalogue.model(self.device.model)
        return known.name if known else self.device.model

    @property
    def status(self) -> Status:
        """Where the phone stands."""
        facts = self.facts
        if facts.get("revoked"):
            return "revoked"
        if not facts.get("desired"):
            return "unwritable"
        if facts.get("enrolled"):
            return "current" if facts["served"] == facts["desired"] else "behind"
        return "open" if facts.get("open_until") else "new"

    @property
    def other_model(self) -> str:
        """What the phone says it is, when that is not what was entered; "" otherwise."""
        said = self.facts.get("agent_model", "")
        known = catalogue.model(self.device.model)
        if not said or known is None or said.casefold() == known.facts.agent.casefold():
            return ""
        return str(said)

    @property
    def asked_at(self) -> datetime.datetime | None:
        """When the phone came last."""
        seconds = self.facts.get("asked_at")
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC) if seconds else None

    def holds(self, text: str) -> bool:
        """Whether a search finds this phone."""
        words = (self.label, self.number, self.device.mac, self.model, self.device.id)
        return any(text.casefold() in word.casefold() for word in words)


def rows(state: SystemState, known: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """All telephones that fetch their configuration here, those with a trouble first."""
    numbers = {each.id: each.number for each in state["extensions"].extensions}
    found = [_row(device, numbers, known) for device in phones.provisioned(state)]
    return sorted(found, key=lambda row: (ORDER.index(row.status), row.number, row.id))


def _row(device: Device, numbers: Mapping[str, str], known: Mapping[str, Mapping[str, Any]]) -> Row:
    number, endpoint = "", ""
    if device.lines:
        number = numbers[device.lines[0].extension]
        endpoint = names.endpoint(number, device.lines[0].slot)
    return Row(device, number, endpoint, known.get(device.id, {}))


def counts(found: Iterable[Row]) -> dict[str, int]:
    """How many phones are in each status, in the order of attention."""
    total = dict.fromkeys(ORDER, 0)
    for row in found:
        total[row.status] += 1
    return {status: times for status, times in total.items() if times}
