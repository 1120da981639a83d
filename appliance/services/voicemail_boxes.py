"""Voicemail: boxes of extensions, messages by mail, and who may listen to them.

Asterisk keeps the messages; who may hear them is decided by our own dialplan: from the
box's own telephones as the owner chose, from anywhere else with the PIN, and after five
wrong PINs not at all until somebody listens from an own telephone or an administrator
unlocks the box.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from appliance import product
from appliance.asterisk import names
from appliance.asterisk.voicemail_texts import TEXTS, MailText
from appliance.render.environments import render_asterisk
from appliance.render.escape import voicemail_field
from appliance.render.fileset import File
from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.fields import Between, Email, ObjectId, Secret
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.state.tokens import guessable_pin
from appliance.verify.probes import NOT_IN_MAP, Probe

SHORTEST_PIN, LONGEST_PIN = 6, 12
FEWEST_DIFFERENT_DIGITS = 3
NUMBER_LENGTHS = range(2, 9)
MOST_WRONG_PINS = 5
"""Wrong PINs in a row, over all calls, after which a box answers only its own phones."""


@dataclass(frozen=True, slots=True)
class VoicemailBox:
    """The box of one extension.

    `pin` opens it from other telephones; without one it opens from its own alone.
    `email` empty means that of the extension's person, if `send_mail`. `delete_after_mail`
    leaves no message on the machine once it is handed to the mail relay. `instructions`
    tells callers what to do before the tone. `ask_pin_at_own_phones` is for telephones in
    places where others walk by.
    """

    id: ObjectId
    extension: ObjectId
    pin: Secret = Secret("")  # noqa: RUF009 - immutable
    send_mail: bool = True
    email: Email = ""
    attach_audio: bool = True
    delete_after_mail: bool = False
    instructions: bool = True
    ask_pin_at_own_phones: bool = False
    longest_message_s: Annotated[int, Between(30, 3600, "s")] = 300


@dataclass(frozen=True, slots=True)
class State:
    boxes: tuple[VoicemailBox, ...] = ()


def references(state: State) -> Iterator[Reference]:
    """Yield every box; its number and name are those of its extension."""
    for box in state.boxes:
        entry = f"{names.VOICEMAIL},{{number}},1"
        owner = ("extension", box.extension)
        yield Reference("voicemail_box", box.id, "", entry=entry, named_after=owner)


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield faults of boxes without an extension, with guessable PINs, and of mails that
    could go nowhere."""
    yield from duplicate_ids("voicemail_boxes", state.boxes)
    owners: set[str] = set()
    for box in state.boxes:
        where = f"voicemail_boxes/{box.id}"
        yield from references.missing(f"{where}/extension", "extension", box.extension)
        if box.extension in owners:
            yield Fault(f"{where}/extension", "has another voicemail box already")
        owners.add(box.extension)
        yield from _bad_pin(box, references)
        address = _address(box, references)
        if address and voicemail_field(address) != address:
            yield Fault(f"{where}/email", "holds a sign that voicemail cannot write to")
        if box.delete_after_mail and not (address and box.attach_audio):
            yield Fault(f"{where}/delete_after_mail", "needs a mail with the message in it")


def _bad_pin(box: VoicemailBox, references: References) -> Iterator[Fault]:
    """Yield the fault of a PIN that somebody would try first (facts of toll fraud: the
    commonest PINs are rows, repetitions and the number of the extension)."""
    pin = box.pin.reveal()
    if not pin:
        return
    where = f"voicemail_boxes/{box.id}/pin"
    extension = references.get("extension", box.extension)
    if not (pin.isascii() and pin.isdigit() and SHORTEST_PIN <= len(pin) <= LONGEST_PIN):
        values = {"least": SHORTEST_PIN, "most": LONGEST_PIN}
        yield Fault(where, "must have %(least)d to %(most)d digits", values)
    elif guessable_pin(pin) or len(set(pin)) < FEWEST_DIFFERENT_DIGITS:
        yield Fault(where, "is too easy to guess")
    elif extension and (extension.number in pin or extension.number[::-1] in pin):
        yield Fault(where, "must not hold the number of the extension")


def _address(box: VoicemailBox, references: References) -> str:
    """Where the box's mails go, "" for nowhere."""
    if not box.send_mail:
        return ""
    if box.email:
        return box.email
    extension = references.get("extension", box.extension)
    person = references.get(*extension.named_after) if extension and extension.named_after else None
    return person.detail["email"] if person else ""


def pin_proof(number: str, pin: str) -> str:
    """What stands in the map instead of the PIN; the dialplan makes the same of what is
    pressed. It keeps PINs out of files and differences, not from who may read the map."""
    return hashlib.sha1(f"voicemail:{number}:{pin}".encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class _Row:
    """One box as the files see it."""

    box: VoicemailBox
    number: str
    name: str
    address: str
    language: str
    text: MailText | None

    @property
    def pin(self) -> str:
        pin = self.box.pin.reveal()
        return pin_proof(self.number, pin) if pin else ""

    @property
    def options(self) -> str:
        """The last field of a line of voicemail.conf."""
        found = {
            "attach": _yes_no(self.box.attach_audio),
            "delete": _yes_no(self.box.delete_after_mail),
            "language": self.language,
            "maxsecs": str(self.box.longest_message_s),
        }
        if self.text:
            found |= {"emailsubject": self.text.subject, "emailbody": self.text.body}
        return "|".join(f"{name}={value}" for name, value in found.items())


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


def _rows(state: State, references: References) -> Iterator[_Row]:
    usual = _company(references)["language"]
    for box in state.boxes:
        extension = references.get("extension", box.extension)
        if extension is None:
            continue
        language = extension.detail["language"]
        yield _Row(
            box,
            extension.number,
            references.label("voicemail_box", box.id),
            _address(box, references),
            language,
            None if language == usual else TEXTS[language],
        )


def _company(references: References) -> Mapping[str, str]:
    company = references.get("company", "company")
    return company.detail if company else {"language": "it", "time_zone": "Europe/Rome"}


def files(state: State, references: References, machine: Machine) -> Iterator[File]:
    """Yield voicemail.conf, the map and the dialplan that takes and plays messages."""
    rows = list(_rows(state, references))
    company = _company(references)
    sender = references.get("mail_sender", "mail_sender")
    yield File(
        "etc/asterisk/voicemail.conf",
        render_asterisk(
            "voicemail_boxes",
            "voicemail.conf",
            rows=rows,
            names=names,
            text=TEXTS[company["language"]],
            time_zone=company["time_zone"],
            sender=sender.label if sender else f"voicemail@{machine.host_name}",
            product=product.NAME,
        ),
        reload=("voicemail",),
        group="asterisk",
    )
    yield File(
        f"etc/asterisk/{names.VOICEMAIL_MAP}",
        render_asterisk("voicemail_boxes", names.VOICEMAIL_MAP, rows=rows),
        group="asterisk",
    )
    yield File(
        "etc/asterisk/extensions_voicemail_boxes.conf",
        render_asterisk(
            "voicemail_boxes",
            "extensions_voicemail_boxes.conf",
            names=names,
            number_lengths=NUMBER_LENGTHS,
            most_wrong_pins=MOST_WRONG_PINS,
            longest_pin=LONGEST_PIN,
            disk_full=machine.layout.voicemail_full,
        ),
        reload=("dialplan",),
        group="asterisk",
    )


def probes(state: State, references: References) -> Iterator[Probe]:
    """Ask whether each box is there, and for what the dialplan knows of it."""
    for row in _rows(state, references):
        where = f"voicemail_boxes/{row.box.id}"
        yield Probe(
            where,
            f"dialplan eval function VM_INFO({row.number}@{names.VOICEMAIL_CONTEXT},exists)",
            ("Result: 1",),
            absent="Result: 0",
        )
        yield Probe(
            where,
            f"dialplan eval function AST_CONFIG({names.VOICEMAIL_MAP},{row.number},ask_pin)",
            (f"Result: {_yes_no(row.box.ask_pin_at_own_phones)}",),
            absent=NOT_IN_MAP,
        )
