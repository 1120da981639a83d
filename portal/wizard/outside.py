"""The wizard's two pages for the outside: one line, and the numbers that it brings."""

from __future__ import annotations

import dataclasses
from typing import Any

from appliance.services.dids import DidRange
from appliance.services.organisation import Site
from appliance.services.trunk_shapes import shapes
from appliance.services.trunks import Trunk
from appliance.state.codec import decode, encode, reveal
from appliance.state.faults import StateError
from portal.core import draft
from portal.core.db import transaction
from portal.core.draft import Edit
from portal.core.forms import Choice, Hidden, NumberChoice, StateForm, Target, Text, defaults
from portal.core.i18n import _, _l
from portal.core.outside_numbers import e164
from portal.core.screens import slug
from portal.core.shapes import Place

TRUNKS, RANGES = ("trunks", "trunks"), ("dids", "ranges")
MAIN_SITE = Place("organisation", "sites", "main")
USUAL_SHAPE = "registration-plus"


def carriers() -> list[tuple[str, str]]:
    """Every known carrier and the usual kinds of lines."""
    return [(each.id, translated_label(each.label)) for each in shapes().values()]


def translated_label(label: str) -> str:
    """Carriers' names stay; the two usual kinds are said in the reader's language."""
    return str(USUAL_KINDS.get(label, label))


USUAL_KINDS = {
    "Known by address, numbers without +": _l("another one that knows our address"),
    "Registration, numbers with +": _l("another one, with user and password"),
}


class LineForm(StateForm):
    """What a carrier's letter says; everything else comes from what is known of the carrier."""

    parts = {"": Trunk}  # noqa: RUF012

    shape = Choice(_l("Carrier"), carriers)
    host = Text(
        _l("Server"),
        hint=_l(
            "As in the carrier's letter, e.g. sip.example.com. Empty: the carrier's usual one."
        ),
    )
    user = Text(_l("User"), hint=_l("Empty where the carrier knows our address."))
    password = Hidden(_l("Password"))
    number = Text(
        _l("Main number"),
        clean=e164,
        hint=_l("As on your cards, e.g. 0522 123400. Others see it when somebody calls out."),
    )

    @property
    def empty(self) -> bool:
        """Whether nothing was typed: the line is left for later."""
        return not any(self[name].data for name in ("host", "user", "password", "number"))

    def _decode(self, part: str, kind: type) -> bool:
        """What was typed over what the carrier publishes over the usual."""
        shape = shapes().get(self.shape.data or "") or shapes()[USUAL_SHAPE]
        held = self.before.get(part)
        if held is not None and held.shape == shape.id:
            plain = encode(held, reveal)
        else:
            known = {name: encode(value, reveal) for name, value in shape.fields.items()}
            plain = {**defaults(kind), "id": held.id if held else "new", "host": "", **known}
        typed = {field.name: field.plain() for field in self.state_fields()}
        plain |= {name: value for name, value in typed.items() if value}
        label = plain["host"] if shape.label in USUAL_KINDS else shape.label
        plain |= {"shape": shape.id, "label": label or shape.label}
        try:
            self.objects[part] = decode(kind, plain)
        except StateError as error:
            for fault in error.faults:
                self.show(fault, fault.where)
            return False
        return True


def line_form() -> LineForm:
    """The form over the first line of the draft, or over a new one."""
    row = next(draft.objects(*TRUNKS), None)
    form = LineForm({"": draft.instance(row)} if row else {})
    if row is None and not form.is_submitted():
        form.shape.data = USUAL_SHAPE
    return form


def keep_line(form: LineForm) -> None:
    """Put the line into the draft; the main site shows its number to emergency services."""
    held = form.before.get("")
    made: Trunk = form.objects[""]
    if held is None:
        made = dataclasses.replace(made, id=slug(made.label) or "line")
    edits = [Edit(Place(*TRUNKS, made.id), made)]
    row = draft.find(MAIN_SITE)
    if row and made.number:
        site: Site = draft.instance(row)
        if not site.number:
            edits.append(Edit(MAIN_SITE, dataclasses.replace(site, number=made.number)))
    with transaction():
        draft.commit(edits, "draft.wizard", made.label)


DIRECT = (
    (0, _l("no")),
    (2, _l("by the last 2 digits")),
    (3, _l("by the last 3 digits")),
    (4, _l("by the last 4 digits")),
)


class NumbersForm(StateForm):
    parts = {"": DidRange}  # noqa: RUF012

    first = Text(_l("First number"), clean=e164, hint=_l("For example 0522 123400."))
    last = Text(_l("Last number"), clean=e164, hint=_l("Empty: there is only one."))
    direct_digits = NumberChoice(
        _l("Do callers reach extensions directly?"),
        DIRECT,
        hint=_l("With the numbers …200 to …299, for example, …215 rings the extension 215."),
    )
    otherwise = Target(
        _l("All other calls go to"), nothing=_l("the announcement that the number is unknown")
    )

    def validate(self, **kwargs: Any) -> bool:
        """Whether the numbers are good ones; a single number is its own last."""
        self.last.data = self.last.data or self.first.data
        self.before = self.before or {"": DidRange("main", "line", "+0", "+0")}
        return super().validate(**kwargs)


def first_line() -> Trunk | None:
    """The line whose numbers are asked for."""
    row = next(draft.objects(*TRUNKS), None)
    return draft.instance(row) if row else None


def numbers_form(line: Trunk) -> NumbersForm:
    """The form over the first numbers of the draft, or over those that the line begins with."""
    row = next(draft.objects(*RANGES), None)
    if row is not None:
        return NumbersForm({"": draft.instance(row)})
    form = NumbersForm({})
    if not form.is_submitted():
        form.first.data = line.number
        form.otherwise.process_data(_reception())
    return form


def _reception() -> Any:
    """The lowest extension: most often that of whoever answers first."""
    rows = list(draft.objects("extensions", "extensions"))
    first = min(rows, key=lambda row: (len(row.number), row.number), default=None)
    return {"kind": "extension", "id": first.key} if first else None


def keep_numbers(form: NumbersForm, line: Trunk) -> None:
    """Put the numbers into the draft."""
    held, made = form.before.get(""), form.objects[""]
    made = dataclasses.replace(made, id=held.id if held else "main", trunk=line.id)
    with transaction():
        draft.commit([Edit(Place(*RANGES, made.id), made)], "draft.wizard", _("Numbers"))
