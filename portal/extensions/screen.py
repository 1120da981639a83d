"""The screen of extensions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from appliance.services.extensions import Extension
from portal.core.draft import Edit
from portal.core.forms import (
    LANGUAGE_CHOICES,
    Choice,
    Number,
    StateForm,
    Switch,
    Target,
    Text,
    defaults,
)
from portal.core.i18n import _l
from portal.core.outside_numbers import e164
from portal.core.pages import name_of
from portal.core.screens import Column, Part, Record, Screen, choices
from portal.extensions import leaving


class ExtensionForm(StateForm):
    parts = {"": Extension}  # noqa: RUF012

    number = Text(_l("Number"), hint=_l("2 to 8 digits."))
    user = Choice(
        _l("Person"),
        lambda: [("", _l("nobody: a room or a function")), *choices("user")],
        empty=None,
    )
    label = Text(_l("Name on telephones"), hint=_l("Only where there is no person."))
    language = Choice(_l("Language"), LANGUAGE_CHOICES)
    ring_time_s = Number(
        _l("Ring time"),
        unit=_l("seconds"),
        hint=_l("How long a call rings before it counts as not answered."),
    )
    call_waiting = Switch(
        _l("A second call knocks"),
        hint=_l("Off: the number is busy as soon as one of its telephones is in a call."),
    )
    class_of_service = Choice(
        _l("Class of service"),
        lambda: choices("class_of_service"),
        empty=defaults(Extension)["class_of_service"],
        hint=_l("Whom it may call outside. Forwards and transfers count by it too."),
    )
    presented_number = Text(
        _l("Number shown outside"),
        clean=e164,
        hint=_l("One of ours. Empty: the own direct number, else that of the line."),
    )
    on_busy = Target(_l("Busy: calls go to"), nothing=_l("the busy tone"))
    on_no_answer = Target(
        _l("Not answered: calls go to"), nothing=_l("the announcement that says so")
    )
    on_unreachable = Target(
        _l("No telephone there: calls go to"), nothing=_l("the announcement that says so")
    )


def _shown_name(record: Record) -> Any:
    extension = record.objects[""]
    return name_of("user", extension.user) if extension.user else extension.label


class Extensions(Screen):
    name = "extensions"
    kind = "extension"
    parts = {"": Part("extensions", "extensions")}  # noqa: RUF012
    form = ExtensionForm
    columns = (
        Column("number", _l("Number")),
        Column("label", _l("Name"), show=_shown_name),
        Column("ring_time_s", _l("Ring time"), show=lambda r: f"{r.objects[''].ring_time_s} s"),
        Column("class_of_service", _l("Class of service"), kind="class_of_service", narrow=False),
    )
    title = _l("Extensions")
    noun = _l("extension")
    add_label = _l("Add an extension")
    empty = _l("No extension yet. Add people first: each gets an extension with the person.")
    icon = "phone"
    bulk = (
        "language",
        "ring_time_s",
        "call_waiting",
        "class_of_service",
        "on_busy",
        "on_no_answer",
        "on_unreachable",
    )
    match = ("number",)
    presets = {"operator": ("view",)}  # noqa: RUF012
    by_number = _l("extension")

    def removal(self, record: Record) -> list[Edit]:
        """An extension goes with its lines, memberships and its voicemail box."""
        return self.removals([record])

    def removals(self, records: Iterable[Record]) -> list[Edit]:
        """Many go together: a group that loses several is changed once."""
        chosen = list(records)
        gone = [Edit(record.places[""], None) for record in chosen]
        return [*gone, *leaving.without({record.id for record in chosen})]


SCREEN = Extensions()
