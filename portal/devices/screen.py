"""The screen of devices. Passwords of lines are made by the system and never shown."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from flask import g

from appliance.services.devices import Device
from appliance.state.tokens import new_secret
from portal.core import draft
from portal.core.draft import Edit
from portal.core.forms import Choice, Hidden, NamedNumber, Number, RowForm, Rows, StateForm, Text
from portal.core.i18n import _ as gettext
from portal.core.i18n import _l, translated
from portal.core.screens import Column, Part, Record, Screen, choices
from portal.core.shapes import Place
from portal.devices.keys import KeyForm
from portal.extensions.numbers import extension_with, number_of, some_extensions
from provisioning import catalogue, enrolment, phones, render

TRANSPORTS = (
    ("udp", "UDP"),
    ("tcp", "TCP"),
    ("tls", _l("TLS, encrypted")),
    ("wss", _l("browser (WebSocket)")),
)


def bare_mac(text: str) -> str:
    """A MAC as labels have it (00:15:65-AB.CD.EF) in twelve small digits."""
    plain = re.sub(r"[\s:.-]", "", text)
    return plain.lower() if re.fullmatch(r"[0-9A-Fa-f]{12}", plain) else text.strip()


def _models() -> list[tuple[str, str]]:
    """The catalogue; what is no telephone of it is set up by hand."""
    known = [(each.id, each.name) for each in catalogue.models().values()]
    return [*known, ("other", gettext("Other, set up by hand"))]


class LineForm(RowForm):
    key = ("extension",)
    kept = {"secret": ""}  # noqa: RUF012

    extension = NamedNumber(_l("Extension"), extension_with, number_of, suggestions=some_extensions)
    slot = Number(_l("Place"), default="1")
    ring_delay_s = Number(_l("Rings after"), default="0", unit=_l("seconds"))


class DeviceForm(StateForm):
    parts = {"": Device}  # noqa: RUF012

    label = Text(_l("Name"), hint=_l("For example: reception, left."))
    model = Choice(_l("Model"), _models)
    mac = Text(_l("MAC address"), clean=bare_mac, hint=_l("From the label below the telephone."))
    site = Choice(_l("Site"), lambda: choices("site"))
    transport = Choice(_l("Transport"), TRANSPORTS)
    lines = Rows(_l("Lines"), LineForm, hint=_l("The extensions that this device rings for."))
    keys = Rows(_l("Keys"), KeyForm, hint=_l("Programmable keys, counted over its side modules."))
    expansion_modules = Number(_l("Side modules"), default="0")
    web_password = Hidden(
        _l("Password of its web pages"), hint=_l("Empty: the password of the site.")
    )


def _numbers(record: Record) -> str:
    return ", ".join(number_of(line.extension) for line in record.objects[""].lines)


class Devices(Screen):
    name = "devices"
    kind = "device"
    parts = {"": Part("devices", "devices")}  # noqa: RUF012
    form = DeviceForm
    columns = (
        Column("label", _l("Name"), show=lambda r: r.objects[""].label or r.id, main=True),
        Column("model", _l("Model")),
        Column("lines", _l("Extensions"), show=_numbers, sort=False),
        Column("mac", _l("MAC address"), narrow=False),
        Column("site", _l("Site"), kind="site", narrow=False),
    )
    title = _l("Devices")
    noun = _l("device")
    add_label = _l("Add a device")
    empty = _l("No telephone yet. Add one with its model and the MAC address on its label.")
    icon = "device-landline-phone"
    bulk = ("site", "transport")
    match = ("mac",)
    edit_template = "devices/edit.html"

    def with_ids(
        self,
        objects: Mapping[str, Any],
        record: Record | None,
        used: dict[Part, set[str]] | None = None,
    ) -> dict[str, Any]:
        """New lines get passwords; known ones keep theirs, found by extension and slot."""
        found = super().with_ids(objects, record, used)
        held = record.objects[""].lines if record else ()
        known = {(line.extension, line.slot): line.secret for line in held}
        device = found[""]
        lines = tuple(
            dataclasses.replace(line, secret=known.get((line.extension, line.slot)) or new_secret())
            for line in device.lines
        )
        return {**found, "": enrolment.completed(dataclasses.replace(device, lines=lines))}

    def further_edits(
        self, id: str, objects: Mapping[str, Any], record: Record | None
    ) -> Iterator[Edit]:
        """The first telephone of a site brings the site a password for telephones' pages."""
        device = objects[""]
        made = g.setdefault("sites_with_phones", set())
        if device is None or not device.token or device.site in made:
            return
        place = Place("provisioning", "sites", device.site)
        if draft.find(place) is None:
            made.add(device.site)
            yield Edit(place, enrolment.new_site(device.site))

    def problems(self, record: Record) -> list[str]:
        """What of the wishes does not fit this telephone, e.g. keys beyond its last one."""
        device: Device = record.objects[""]
        if not enrolment.served(device) or draft.faults():
            return []
        estate = phones.Estate(draft.state())
        # Problems do not depend on the address that phones are given.
        wished = phones.phone_of(estate, device, phones.Door("localhost"))
        return [translated(each.text, dict(each.values)) for each in render.problems(wished)]

    def wanted_id(self, part: str, held: Any) -> str:
        """Devices are named after what stands on their label."""
        return held.mac or super().wanted_id(part, held)


SCREEN = Devices()
