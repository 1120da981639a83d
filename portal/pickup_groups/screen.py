"""The screen of pickup groups."""

from __future__ import annotations

from appliance.services.pickup_groups import PickupGroup
from portal.core.forms import NamedNumbers, StateForm, Text
from portal.core.i18n import _l
from portal.core.screens import Column, Part, Record, Screen
from portal.extensions.numbers import extension_with, names, number_of


class GroupForm(StateForm):
    parts = {"": PickupGroup}  # noqa: RUF012

    name = Text(_l("Name"), hint=_l("For example: office on the first floor."))
    members = NamedNumbers(
        _l("Members"),
        extension_with,
        number_of,
        names=names,
        hint=_l(
            "Extensions, one a line or with commas: 201, 205. They may take each other's calls; "
            "the first are looked at first."
        ),
    )


def _members(record: Record) -> str:
    members = record.objects[""].members
    numbers = [number_of(id) or id for id in members]
    return ", ".join(numbers[:10]) + (" …" if len(numbers) > 10 else "")


class PickupGroups(Screen):
    name = "pickup_groups"
    kind = "pickup_group"
    parts = {"": Part("pickup_groups", "groups")}  # noqa: RUF012
    form = GroupForm
    columns = (
        Column("name", _l("Name"), main=True),
        Column("members", _l("Members"), show=_members, sort=False),
    )
    title = _l("Pickup groups")
    noun = _l("pickup group")
    add_label = _l("Add a pickup group")
    empty = _l(
        "No pickup group yet, so nobody can take a call that rings at somebody else. Add one for "
        "each room or office."
    )
    icon = "hand-grab"
    section = "calls"
    match = ("name",)
    presets = {"operator": ("view",)}  # noqa: RUF012


SCREEN = PickupGroups()
