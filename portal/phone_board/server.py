"""The provisioning server as the portal reaches it, real or pretended."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from flask import current_app

from appliance.state.fields import Secret
from appliance.state.system_state import SystemState
from appliance.system.machine import Facts
from portal.core.engine import running_state, status
from provisioning import catalogue, vendors
from provisioning.client import ProvisioningClient, Refused
from provisioning.server import book
from provisioning.server.control import Control
from provisioning.server.desk import Asked, Desk, NotOpened
from provisioning.server.ledger import Ledger


def server() -> ProvisioningClient:
    """The provisioning server of this application."""
    if "provisioning" not in current_app.extensions:
        settings = current_app.extensions["settings"]
        current_app.extensions["provisioning"] = (
            PretendServer()
            if settings.pretend
            else ProvisioningClient(settings.provisioning_socket, settings.provisioning_key)
        )
    client: ProvisioningClient = current_app.extensions["provisioning"]
    if isinstance(client, PretendServer):
        current = (status() or {}).get("current", 0)
        client.follow(current, running_state(current))
    return client


FACTS = Facts(host_name="centralino.example", addresses=("192.0.2.10",))

_AGENTS = {
    "yealink": "Yealink SIP-{model} 96.86.0.70 {mac}",
    "snom": "Mozilla/4.0 (compatible; {model}-SIP 10.1.159.12 {mac})",
    "cisco": "Cisco-CP-{model}-3PCC/11.3.7 ({mac})",
}


class PretendServer(ProvisioningClient):
    """The real desk without a socket, and phones that have fetched their file: for
    looking at the board without any telephone."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"), Secret(""))
        desk = Desk(Ledger(Path(":memory:")), b"")
        object.__setattr__(self, "_desk", desk)
        object.__setattr__(self, "_verbs", Control(desk, lambda _device: None))

    __slots__ = ("_desk", "_verbs")
    _desk: Desk
    _verbs: Control

    def follow(self, revision: int, state: SystemState) -> None:
        """Serve a revision, and let most of its new phones fetch their file at once."""
        desk = self._desk
        if desk.book.revision == revision:
            return
        new = book.of_state(revision, state, FACTS, desk.book)
        fresh = new.unrendered()
        for entry in fresh:
            entry.render()
        desk.take(new)
        for index, entry in enumerate(fresh):
            if index % 5:
                self._fetch(entry)

    def close(self) -> None:
        """Let go of the desk's database; an application that ends does this first."""
        self._desk.ledger.close()

    def _fetch(self, entry: book.Entry) -> None:
        phone = entry.phone
        vendor = phone.model.vendor
        name = vendors.module(vendor).file_name(phone.mac)
        agent = catalogue.models()[phone.model.id].facts.agent
        text = _AGENTS[vendor].format(model=agent, mac=phone.mac)
        path = f"{phone.address.reveal().partition('192.0.2.10')[2]}{name}"
        self._desk.answer(Asked(path, "10.20.1.50", encrypted=True, agent=text))

    def _ask(self, verb: str, **values: Any) -> Any:
        try:
            return self._verbs.ask(verb, values)
        except NotOpened as error:
            raise Refused(str(error)) from error


def now() -> int:
    """The clock that countdowns are set by."""
    return int(time.time())
