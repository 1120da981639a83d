"""The screen of VLANs; it is reached from the network's page."""

from __future__ import annotations

from appliance.system.network import Vlan
from portal.core.forms import Choice, Number, StateForm, Text
from portal.core.i18n import _l
from portal.core.pages import name_of
from portal.core.screens import Column, Part, Screen, choices
from portal.network_interfaces import forms
from portal.network_interfaces.screen import ways


class VlanForm(StateForm):
    parts = {"": Vlan}  # noqa: RUF012

    label = Text(_l("Name"), hint=_l("For people, such as: telephones."))
    number = Number(_l("Number"), hint=_l("1 to 4094, as the switch has it."))
    parent = Choice(_l("On the cable of"), lambda: choices("network_interface"))
    ipv4, address, gateway = forms.ipv4(), forms.address(), forms.gateway()
    ipv6, address6, gateway6 = forms.ipv6(), forms.address6(), forms.gateway6()
    routes = forms.routes()


class Vlans(Screen):
    name = "vlans"
    kind = "vlan"
    parts = {"": Part("network", "vlans")}  # noqa: RUF012
    form = VlanForm
    columns = (
        Column("label", _l("Name"), main=True),
        Column("number", _l("Number"), show=lambda r: r.objects[""].number, sort=False),
        Column(
            "parent",
            _l("On the cable of"),
            show=lambda r: name_of("network_interface", r.objects[""].parent),
            sort=False,
            narrow=False,
        ),
        Column("address", _l("Addresses"), show=lambda r: ways(r.objects[""]), sort=False),
    )
    title = _l("VLANs")
    noun = _l("VLAN")
    add_label = _l("Add a VLAN")
    empty = _l("None: the machine is in the networks of its cables. A VLAN puts it into the "
               "network of the telephones too, over the same cable.")  # fmt: skip
    icon = "route"
    section = "network"
    match = ("label",)
    list_template = "network_interfaces/list.html"
    edit_template = "network_interfaces/edit.html"

    def wanted_id(self, part: str, held: Vlan) -> str:
        """Its number tells one VLAN from another."""
        return f"vlan-{held.number}"


SCREEN = Vlans()
