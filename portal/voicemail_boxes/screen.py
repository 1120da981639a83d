"""The screen of voicemail boxes. A PIN is never shown, and no CSV file holds one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from appliance.apply.client import EngineError, EngineUnreachable
from appliance.services.voicemail_boxes import VoicemailBox
from portal.core import draft
from portal.core.db import db
from portal.core.draft import DraftObject
from portal.core.engine import engine
from portal.core.forms import Duration, Hidden, NamedNumber, StateForm, Switch, Text
from portal.core.i18n import _, _l
from portal.core.screens import Column, Part, Record, Screen
from portal.core.shapes import Place
from portal.extensions.numbers import (
    extension_with,
    name_of_extension,
    number_of,
    some_extensions,
)


class BoxForm(StateForm):
    parts = {"": VoicemailBox}  # noqa: RUF012

    extension = NamedNumber(_l("Extension"), extension_with, number_of, suggestions=some_extensions)
    pin = Hidden(
        _l("PIN"),
        hint=_l("6 to 12 digits, not easy to guess. Without one, only its own telephones open it."),
        erase=_l("Take the PIN away"),
    )
    send_mail = Switch(_l("Send messages by mail"))
    email = Text(_l("E-mail"), hint=_l("Empty: that of the extension's person."))
    attach_audio = Switch(_l("With the message as an attachment"))
    delete_after_mail = Switch(
        _l("Keep no copy here"), hint=_l("Deleted as soon as the mail is handed over.")
    )
    instructions = Switch(
        _l("Tell callers what to do"), hint=_l("“Leave a message after the tone …”")
    )
    ask_pin_at_own_phones = Switch(
        _l("Ask for the PIN at its own telephones too"),
        hint=_l("For telephones in places where others walk by."),
    )
    longest_message_s = Duration(_l("Longest message"))


def _owner(record: Record) -> str:
    id = record.objects[""].extension
    return f"{number_of(id) or id} {name_of_extension(id)}".strip()


def _mail(record: Record) -> str:
    box = record.objects[""]
    if not box.send_mail:
        return _("no")
    return box.email or _("of the person")


class LockedBox(NamedTuple):
    """A box that does not take its PIN, and how many wrong ones it was given."""

    record: Record
    tries: int


class VoicemailBoxes(Screen):
    name = "voicemail_boxes"
    kind = "voicemail_box"
    parts = {"": Part("voicemail_boxes", "boxes")}  # noqa: RUF012
    form = BoxForm
    columns = (
        Column("extension", _l("Extension"), show=_owner, main=True),
        Column("email", _l("By mail"), show=_mail, sort=False, narrow=False),
        Column(
            "pin",
            _l("PIN"),
            show=lambda r: _("set") if r.objects[""].pin else _("none"),
            sort=False,
        ),
    )
    title = _l("Voicemail")
    noun = _l("voicemail box")
    add_label = _l("Add a voicemail box")
    empty = _l(
        "No voicemail box yet. Add one for an extension, or one for each extension at once; then "
        "send unanswered calls there."
    )
    icon = "record-mail"
    section = "calls"
    bulk = (
        "send_mail",
        "attach_audio",
        "delete_after_mail",
        "instructions",
        "ask_pin_at_own_phones",
        "longest_message_s",
    )
    match = ("extension",)
    list_template = "voicemail_boxes/list.html"
    by_number = _l("voicemail of")

    def label(self, record: Record) -> str:
        """Called as its extension is."""
        return _owner(record)

    def wanted_id(self, part: str, held: Any) -> str:
        """Boxes are named after the number of their extension."""
        return number_of(held.extension) or super().wanted_id(part, held)

    def with_number(self, number: str) -> str:
        """The box of the extension with a number."""
        extension = extension_with(number)
        return next((row.key for row in self._rows() if row.data["extension"] == extension), "")

    def number_of(self, id: str) -> str:
        """The number of the extension that a box belongs to."""
        row = draft.find(self._place(id))
        return number_of(row.data["extension"]) if row else ""

    def locked(self) -> list[LockedBox]:
        """The boxes that wrong PINs have locked; none when nobody can tell."""
        try:
            found = engine().locked_voicemail()
        except (EngineError, EngineUnreachable):
            return []
        boxes = ((self.get(self.with_number(each["number"])), each["tries"]) for each in found)
        return [LockedBox(record, tries) for record, tries in boxes if record]

    def without_box(self) -> list[tuple[str, str]]:
        """(id, number) of every extension that has no box yet."""
        have = {row.data["extension"] for row in self._rows()}
        query = db.select(DraftObject.key, DraftObject.number).filter_by(
            service="extensions", collection="extensions"
        )
        return [(id, number) for id, number in db.session.execute(query) if id not in have]

    def _rows(self) -> Iterator[DraftObject]:
        return draft.objects(self.main.service, self.main.collection)

    def _place(self, id: str) -> Place:
        return Place(self.main.service, self.main.collection, id)


SCREEN = VoicemailBoxes()
