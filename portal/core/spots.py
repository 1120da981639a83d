"""Fields of the state by their way down from an object: their type, and the form that shows them.

A difference names a field as `lines/tim/kind`; its label and the words of its values stand in
the form, where the row of a list is a form of its own.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from functools import cache
from typing import Any, NamedTuple

from flask import current_app

from appliance.state.codec import field_types
from portal.core.field_names import NAMES
from portal.core.fields import Rows
from portal.core.i18n import translated
from portal.core.shapes import Place, item_type, kind_at


class Spot(NamedTuple):
    """A field: the names of fields that lead to it, the keys of rows on the way, its type."""

    place: Place
    names: tuple[str, ...]
    keys: tuple[str, ...]
    hint: Any

    @property
    def path(self) -> str:
        """The way without ids, as `portal.core.field_names` has it."""
        return "/".join((self.place.service, self.place.collection, *self.names))

    @property
    def kind(self) -> Any:
        """What is here, or what its items are: a class, a Literal or an annotated type."""
        return inner(self.hint)

    @property
    def fields(self) -> dict[str, Spot]:
        """The fields of what is here, or of its rows."""
        kind = self.kind
        below = field_types(kind) if dataclasses.is_dataclass(kind) else {}
        return {n: self._replace(names=(*self.names, n), hint=hint) for n, hint in below.items()}


def root(place: Place) -> Spot:
    """The object at a place itself; LookupError when there is no such list."""
    return Spot(place, (), (), kind_at(place))


def spot(place: Place, field: str) -> Spot:
    """The field that a difference names; one that only an older version had is a text."""
    found = root(place)
    for part in field.split("/"):
        if item_type(found.hint):
            found = found._replace(keys=(*found.keys, part), hint=found.kind)
        else:
            gone = found._replace(names=(*found.names, part), hint=str)
            found = found.fields.get(part, gone)
    return found


def inner(hint: Any) -> Any:
    """A type without `| None` and without the tuple around it."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return inner(next(each for each in typing.get_args(hint) if each is not type(None)))
    return inner(typing.get_args(hint)[0]) if typing.get_origin(hint) is tuple else hint


def shown_by(at: Spot) -> Any:
    """The form's field that shows it, as WTForms keeps it until the form is made; None where
    no form does. Fields of an object inside an object are joined: `lan_network`."""
    return _in_forms(current_app.extensions["forms"], kind_at(at.place), at.names)


@cache
def _in_forms(forms: tuple[Any, ...], kind: type, names: tuple[str, ...]) -> Any:
    for form in forms:
        for part in (name for name, each in form.parts.items() if each is kind):
            if found := _in_form(form, names, part):
                return found
    return None


def _in_form(form: Any, names: tuple[str, ...], part: str) -> Any:
    whole = getattr(form, "_".join(names), None)
    if getattr(whole, "kwargs", None) is not None:
        return whole if whole.kwargs.get("part", "") == part else None
    rows = getattr(form, names[0], None)
    if len(names) == 2 and rows is not None and issubclass(rows.field_class, Rows):
        return getattr(rows.args[1], names[1], None)
    return None


def label(at: Spot) -> str:
    """What the field is called."""
    return _label(at) or translated(at.names[-1].replace("_", " "))


def _label(at: Spot) -> str:
    found = shown_by(at)
    if found is not None:
        return str(found.args[0] if found.args else found.kwargs.get("label", ""))
    return str(NAMES.get(at.path, ""))


def is_named(at: Spot) -> bool:
    """Whether somebody has given the field a name."""
    return bool(_label(at))
