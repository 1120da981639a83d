"""What the portal asks of the server: on the same socket, below a path that the web
server in front does not pass, and with a key that only the two of them have."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

from appliance.state.codec import decode
from appliance.state.fields import ObjectId, Secret
from provisioning import dhcp, identify, render, vendors
from provisioning.server.desk import Desk
from provisioning.server.ledger import Record

PREFIX = "/control/"


def bearer(key: Secret) -> str:
    """The word that opens the control paths, derived from the shared key."""
    return hmac.new(key.reveal().encode(), b"provisioning control", hashlib.sha256).hexdigest()


class Control:
    """The verbs, one method each; arguments come decoded from JSON, as plain data."""

    def __init__(self, desk: Desk, resync: Callable[[str], None]) -> None:
        self._desk = desk
        self._resync = resync

    def ask(self, verb: str, request: Mapping[str, Any]) -> Any:
        """Carry out one verb. LookupError for an unknown one, StateError for bad data."""
        method = getattr(self, f"do_{verb}", None)
        if method is None:
            raise LookupError(f"no verb {verb[:40]!r}")
        return method(request)

    def do_phones(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """What is known of every phone, by device id, and which revision is served."""
        found = {device: self._phone(record) for device, record in self._desk.records.items()}
        return {"revision": self._desk.book.revision, "phones": found}

    def do_open(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Open a phone's first stage for some seconds; the address holds the code."""
        device = _device(request)
        code, opened = self._desk.open(device, decode(int, request.get("seconds"), "seconds"))
        phone = self._desk.entry(device).phone
        vendor = vendors.module(phone.model.vendor)
        folder = self._desk.book.door.first_stage(code)
        return {
            "url": f"{folder}{vendor.FILE_NAME_MACRO}",
            "file": f"{folder}{vendor.file_name(phone.mac)}",
            "until": opened.until,
        }

    def do_file(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A phone's file for people to look at, its secrets as dots unless `reveal`, and
        what of the owner's wishes does not fit the phone."""
        shown = decode(bool, request.get("reveal", False), "reveal")
        phone = self._desk.entry(_device(request)).phone
        found = render.problems(phone)
        return {
            "text": render.configuration(phone).content.decode()
            if shown
            else render.preview(phone),
            "problems": [{"text": each.text, "values": dict(each.values)} for each in found],
        }

    def do_dhcp(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """What a DHCP server must say, for dnsmasq and for Kea."""
        return {
            "dnsmasq": dhcp.dnsmasq(self._desk.book.door),
            "kea": dhcp.kea(self._desk.book.door),
        }

    def do_close(self, request: Mapping[str, Any]) -> None:
        """Close a phone's first stage."""
        self._desk.close(_device(request))

    def do_revoke(self, request: Mapping[str, Any]) -> None:
        """Let a phone's token open nothing from now on."""
        self._desk.revoke(_device(request))

    def do_resync(self, request: Mapping[str, Any]) -> None:
        """Ask a phone to fetch its file now, as soon as it is not in a call."""
        self._resync(self._desk.entry(_device(request)).phone.id)

    def _phone(self, record: Record) -> dict[str, Any]:
        desk = self._desk
        agent = identify.agent(record.agent)
        entry = desk.book.by_id.get(record.device)
        opened = desk.enrolments.get(record.device)
        is_open = opened is not None and opened.open_at(desk.clock())
        return {
            "desired": record.desired,
            "desired_since": record.desired_since,
            "served": record.served,
            "served_at": record.served_at,
            "stage": record.stage,
            "asked_at": record.asked_at,
            "agent": record.agent,
            "source": record.source,
            "firmware": agent.firmware if agent else "",
            "agent_model": agent.model if agent else "",
            "enrolled": bool(entry and record.token == entry.token),
            "revoked": bool(entry and entry.token in desk.revoked),
            "open_until": opened.until if opened and is_open else None,
        }


def _device(request: Mapping[str, Any]) -> str:
    device: str = decode(ObjectId, request.get("device"), "device")
    return device
