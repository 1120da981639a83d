"""The screen of classes of service: one class, cell by cell. The whole table is a page of
its own, `portal.dialling`."""

from __future__ import annotations

from typing import Any

from flask_babel import get_locale

from appliance.services.classes_of_service import ClassOfService
from appliance.services.outside import ALWAYS, CATEGORIES, NEVER_BARRED, foreign_countries
from portal.core.choosing import Several
from portal.core.forms import Choice, RowForm, Rows, StateForm, Switch, Text
from portal.core.i18n import _, _l
from portal.core.outside_numbers import CATEGORY_LABELS, prefix
from portal.core.screens import Column, Part, Record, Screen, choices
from portal.core.shapes import folded

CELLS = tuple(name for name in CATEGORIES if name not in NEVER_BARRED)
"""The columns of the table: what a class can allow or not."""


def windows() -> list[tuple[str, Any]]:
    """When something is allowed: always, or in some hours."""
    return [(ALWAYS, _("always")), *choices("time_window")]


class PermissionForm(RowForm):
    key = ("category",)
    csv = ("category", "window")

    category = Choice(_l("Kind"), [("", "–"), *((name, CATEGORY_LABELS[name]) for name in CELLS)])
    window = Choice(_l("When"), windows, default=ALWAYS)


class ExceptionForm(RowForm):
    key = ("prefix",)
    csv = ("prefix", "window")

    prefix = Text(_l("Numbers that begin with"), clean=prefix)
    window = Choice(_l("When"), lambda: [("", _("never")), *windows()], empty=None)


def countries() -> list[tuple[str, str]]:
    """Every country with a code, by its name in the reader's language."""
    locale = get_locale()
    names = locale.territories if locale else {}
    found = [(code, names.get(code, code)) for code in foreign_countries()]
    return sorted(found, key=lambda each: folded(each[1]))


class ClassForm(StateForm):
    parts = {"": ClassOfService}  # noqa: RUF012

    label = Text(_l("Name"))
    permissions = Rows(
        _l("May call"),
        PermissionForm,
        hint=_l("What is not here is not allowed. Emergency numbers always are."),
    )
    all_countries = Switch(_l("Abroad: all countries"))
    exceptions = Rows(
        _l("Exceptions"),
        ExceptionForm,
        hint=_l("They come before everything above; the longest beginning that fits decides."),
    )
    countries = Several(_l("Abroad: these countries"), countries)


def _kinds(record: Record) -> Any:
    names = [str(CATEGORY_LABELS[each.category]) for each in record.objects[""].permissions]
    return ", ".join(names) or _("inside and emergency only")


class ClassesOfService(Screen):
    name = "classes_of_service"
    kind = "class_of_service"
    parts = {"": Part("classes_of_service", "classes")}  # noqa: RUF012
    form = ClassForm
    columns = (
        Column("label", _l("Name"), main=True),
        Column("permissions", _l("May call"), show=_kinds, sort=False),
    )
    title = _l("Classes of service")
    noun = _l("class of service")
    add_label = _l("Add a class")
    empty = _l("No class yet: nobody can call outside, except emergency numbers.")
    icon = "shield-check"
    section = "lines"
    match = ("label",)
    ordered = True
    bulk = ("permissions", "countries", "all_countries", "exceptions")


SCREEN = ClassesOfService()
