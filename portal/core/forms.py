"""Forms over State classes: the rules stand in the State, the form adds words and widgets.

A form names the State classes whose fields it shows (`parts`), and one WTForms field for
each of them. What was typed becomes plain data, and the codec decides: the same rules and
the same words as in the engine, the CSV import and the YAML files.

    class SiteForm(StateForm):
        parts = {"": organisation.Site}
        name = Text(_l("Name"))
        address = Text(_l("Address"), hint=_l("Told to the emergency services."))
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from flask_wtf import FlaskForm
from wtforms import Field

from appliance.state.codec import decode, encode, field_types, reveal
from appliance.state.faults import Fault, StateError
from portal.core.fields import (
    Choice,
    Described,
    Duration,
    Hidden,
    Joined,
    Lines,
    NamedNumber,
    NamedNumbers,
    Number,
    NumberChoice,
    RowForm,
    Rows,
    Switch,
    Target,
    Text,
    options,
)
from portal.core.i18n import _l, fault_text
from portal.core.shapes import base_type

__all__ = [
    "LANGUAGE_CHOICES",
    "Choice",
    "Duration",
    "Hidden",
    "Joined",
    "Lines",
    "NamedNumber",
    "NamedNumbers",
    "Number",
    "NumberChoice",
    "RowForm",
    "Rows",
    "StateForm",
    "Switch",
    "Target",
    "Text",
    "defaults",
    "options",
]
"""Forms and their fields are imported from here."""


class StateForm(FlaskForm):
    """A form over one or several State objects.

    `parts` maps the name of each part to its class; the first is the object itself. An
    `optional` part exists only while the named field is filled.
    """

    parts: ClassVar[Mapping[str, type]] = {}
    optional: ClassVar[Mapping[str, str]] = {}

    def __init__(self, objects: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self.before = dict(objects or {})
        super().__init__(data=self._shown(), **kwargs)
        self.objects: dict[str, Any] = {}
        self.applied: frozenset[str] | None = None
        self.other_faults: list[str] = []

    def _shown(self) -> dict[str, Any]:
        """Field name -> plain value, of the objects as they are or of new ones."""
        values: dict[str, Any] = {}
        for part, kind in self.parts.items():
            held = self.before.get(part)
            plain = encode(held, reveal) if held is not None else defaults(kind)
            for name, field in self._unbound().items():
                if field.kwargs.get("part", "") != part:
                    continue
                if name in plain:
                    values[name] = plain[name]
                elif held is not None and (of := joined_by(field)):
                    values[name] = {each: plain[each] for each in of}
        return values

    @classmethod
    def _unbound(cls) -> dict[str, Any]:
        return {
            name: value
            for name in dir(cls)
            if not name.startswith("_") and hasattr(value := getattr(cls, name), "creation_counter")
        }

    def state_fields(self) -> list[Field]:
        """The fields that belong to a State, in order."""
        return [field for field in self if isinstance(field, Described)]

    def validate(self, **kwargs: Any) -> bool:
        """Whether what was typed makes good objects; they are in `objects` then.

        Only fields in `applied` count where that is set; the others keep what they hold.
        """
        fine = super().validate(**kwargs)
        for part, kind in self.parts.items():
            if self._left_out(part):
                self.objects[part] = None
            else:
                fine &= self._decode(part, kind)
        return fine

    def _left_out(self, part: str) -> bool:
        """Whether an optional part is not wanted: its key field is empty."""
        key = self.optional.get(part)
        if key is None:
            return False
        if self.applied is not None and key not in self.applied:
            return self.before.get(part) is None
        return not self[key].plain()

    def _decode(self, part: str, kind: type) -> bool:
        held = self.before.get(part)
        plain = encode(held, reveal) if held is not None else defaults(kind)
        if "id" in field_types(kind):
            plain.setdefault("id", "new")
        for field in self.state_fields():
            if field.part == part and (self.applied is None or field.name in self.applied):
                plain |= {n: v for n, v in field.values().items() if n in field_types(kind)}
        try:
            self.objects[part] = decode(kind, plain)
        except StateError as error:
            for fault in error.faults:
                self.show(fault, fault.where)
            return False
        return True

    def show(self, fault: Fault, where: str) -> None:
        """Put a fault's sentence at the field it is about, or above the form."""
        target, _dot, rest = where.partition("/")
        field: Any = self._fields.get(target) or self._joining(target)
        index, _dot, inner = rest.partition("/")
        if isinstance(field, Rows) and index.isdigit() and int(index) < len(field.entries):
            row = field.entries[int(index)].form
            field = row._fields.get(inner.partition("/")[0], field)
        if field is None:
            self.other_faults.append(fault_text(fault))
        else:
            field.errors = [*field.errors, fault_text(fault)]

    def _joining(self, name: str) -> Any:
        """The field that stands for a field of the State among others."""
        return next((each for each in self if name in getattr(each, "of", ())), None)

    def changes(self, objects: Mapping[str, Any]) -> list[tuple[Field, str, str]]:
        """(field, their text, this form's text) where saved objects differ from this form."""
        theirs = type(self)(objects, formdata=None, meta={"csrf": False})
        return [
            (mine, other.text(), mine.text())
            for mine in self.state_fields()
            if (other := theirs[mine.name]).text() != mine.text()
        ]


def joined_by(unbound: Any) -> tuple[str, ...]:
    """The fields of the State that an unbound field stands for together."""
    return unbound.args[1] if unbound.field_class is Joined else ()


def defaults(kind: type) -> dict[str, Any]:
    """The plain values that a new object of a class begins with."""
    found = {}
    for item in dataclasses.fields(kind):
        if item.default is not dataclasses.MISSING:
            found[item.name] = encode(item.default, reveal)
        elif item.default_factory is not dataclasses.MISSING:
            found[item.name] = encode(item.default_factory(), reveal)
        elif base_type(field_types(kind)[item.name]) is tuple:
            found[item.name] = []
    return found


LANGUAGE_CHOICES = (("it", _l("Italian")), ("en", _l("English")))
