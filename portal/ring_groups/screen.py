"""The screen of ring groups."""

from __future__ import annotations

from typing import Any

from appliance.services.ring_groups import RingGroup
from portal.core.destinations import called
from portal.core.forms import (
    Choice,
    NamedNumber,
    Number,
    RowForm,
    Rows,
    StateForm,
    Switch,
    Target,
    Text,
)
from portal.core.i18n import _l
from portal.core.screens import Column, Part, Record, Screen, slug
from portal.extensions.numbers import extension_with, number_of, some_extensions

STRATEGIES = {"ring_all": _l("all at once"), "in_order": _l("one after the other")}


class MemberForm(RowForm):
    key = ("extension",)
    csv = ("extension", "delay_s")

    extension = NamedNumber(_l("Extension"), extension_with, number_of, suggestions=some_extensions)
    delay_s = Number(_l("Rings later by"), default="0", unit=_l("seconds"))


class GroupForm(StateForm):
    parts = {"": RingGroup}  # noqa: RUF012

    name = Text(_l("Name"), hint=_l("For example: sales, workshop, reception."))
    number = Text(_l("Number"), hint=_l("2 to 8 digits that nobody else has."))
    strategy = Choice(
        _l("How it rings"),
        STRATEGIES.items(),
        hint=_l("All at once: who answers first has the call. Or in the order of the members."),
    )
    ring_time_s = Number(
        _l("Ring time"),
        unit=_l("seconds"),
        hint=_l("For all together; one after the other, for each."),
    )
    members = Rows(
        _l("Members"),
        MemberForm,
        ordered=True,
        hint=_l("Who is asked, first to last. The delay counts only when all ring at once."),
    )
    skip_busy = Switch(
        _l("Leave out who is in a call"),
        hint=_l("Off: a second call knocks at members who are talking."),
    )
    caller_prefix = Text(
        _l("Before the caller's name"),
        hint=_l("Shown on the members' telephones, e.g. “Sales: ”. May be empty."),
        clean=str.lstrip,
    )
    fallback = Target(
        _l("Nobody answers: the call goes to"), nothing=_l("the announcement that says so")
    )


def _members(record: Record) -> str:
    numbers = [number_of(each.extension) or each.extension for each in record.objects[""].members]
    return ", ".join(numbers[:8]) + (" …" if len(numbers) > 8 else "")


def _fallback(record: Record) -> Any:
    to = record.objects[""].fallback
    return called(to.kind, to.id) if to else "–"


class RingGroups(Screen):
    name = "ring_groups"
    kind = "ring_group"
    parts = {"": Part("ring_groups", "groups")}  # noqa: RUF012
    form = GroupForm
    columns = (
        Column("name", _l("Name"), main=True),
        Column("number", _l("Number")),
        Column("members", _l("Members"), show=_members, sort=False, narrow=False),
        Column(
            "strategy",
            _l("How it rings"),
            show=lambda r: STRATEGIES[r.objects[""].strategy],
            narrow=False,
        ),
        Column("fallback", _l("Nobody answers"), show=_fallback, sort=False, narrow=False),
    )
    title = _l("Ring groups")
    noun = _l("ring group")
    add_label = _l("Add a ring group")
    empty = _l(
        "No ring group yet. A group has one number that rings several people, such as an office "
        "or a workshop: give it a name, a number and its members."
    )
    icon = "users-group"
    section = "calls"
    bulk = ("strategy", "ring_time_s", "skip_busy", "fallback")
    match = ("number",)
    presets = {"operator": ("view",)}  # noqa: RUF012

    def wanted_id(self, part: str, held: Any) -> str:
        """Groups are named after what they are called, not after their number."""
        return slug(held.name) or super().wanted_id(part, held)


SCREEN = RingGroups()
