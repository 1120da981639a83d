"""The screen of wired interfaces; it is reached from the network's page."""

from __future__ import annotations

from typing import Any

from appliance.system.network import Addressing, Interface
from portal.core.forms import StateForm, Text
from portal.core.i18n import _, _l
from portal.core.screens import Column, Part, Record, Screen
from portal.network_interfaces import forms


def hardware_address(typed: str) -> str:
    """A MAC address as the settings have it, however it is printed on the card."""
    digits = "".join(sign for sign in typed.lower() if sign not in " :.-")
    if len(digits) != 12:
        return typed.strip()
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


class InterfaceForm(StateForm):
    parts = {"": Interface}  # noqa: RUF012

    label = Text(_l("What it is for"), hint=_l("For people, such as: office network."))
    name = Text(_l("Name of the interface"), hint=_l("As the machine calls it, such as ens192."))
    mac = Text(
        _l("MAC address"),
        hint=_l("Instead of the name, where the machine has several cards that may change places."),
        clean=hardware_address,
    )
    ipv4, address, gateway = forms.ipv4(), forms.address(), forms.gateway()
    ipv6, address6, gateway6 = forms.ipv6(), forms.address6(), forms.gateway6()
    routes = forms.routes()


def ways(it: Addressing) -> str:
    """How an interface gets its addresses, in a few words."""
    found = list(it.fixed)
    if it.ipv4 == "dhcp":
        found.insert(0, _("DHCP"))
    if it.ipv6 == "automatic":
        found.append(_("IPv6 automatic"))
    return ", ".join(found) or _("no address")


class NetworkInterfaces(Screen):
    name = "network_interfaces"
    kind = "network_interface"
    parts = {"": Part("network", "interfaces")}  # noqa: RUF012
    form = InterfaceForm
    columns = (
        Column("name", _l("Interface"), show=lambda r: r.objects[""].name or r.objects[""].mac),
        Column("label", _l("What it is for")),
        Column("address", _l("Addresses"), show=lambda r: ways(r.objects[""]), sort=False),
    )
    title = _l("Interfaces")
    noun = _l("interface")
    add_label = _l("Add an interface")
    empty = _l("None yet: the page of the network shows those of this machine and takes them over.")
    icon = "topology-star-3"
    section = "network"
    match = ("name",)
    list_template = "network_interfaces/list.html"
    edit_template = "network_interfaces/edit.html"

    def label(self, record: Record) -> Any:
        """Called by what it is for."""
        held = record.objects[""]
        return held.label or held.name or held.mac or record.id


SCREEN = NetworkInterfaces()
