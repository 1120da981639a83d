"""The screen of hours in which classes of service allow something."""

from __future__ import annotations

from typing import Any

from appliance.services.classes_of_service import TimeWindow
from appliance.services.outside import DAYS
from portal.core.choosing import Several
from portal.core.forms import RowForm, Rows, StateForm, Text
from portal.core.i18n import _l
from portal.core.screens import Column, Part, Record, Screen

DAY_LABELS = {
    "mon": _l("Mon"),
    "tue": _l("Tue"),
    "wed": _l("Wed"),
    "thu": _l("Thu"),
    "fri": _l("Fri"),
    "sat": _l("Sat"),
    "sun": _l("Sun"),
}


class OpeningForm(RowForm):
    key = ("begin", "end")

    days = Several(_l("Days"), [(day, DAY_LABELS[day]) for day in DAYS])
    begin = Text(_l("From"))
    end = Text(_l("To"))


class TimeWindowForm(StateForm):
    parts = {"": TimeWindow}  # noqa: RUF012

    label = Text(_l("Name"))
    openings = Rows(
        _l("Open"),
        OpeningForm,
        hint=_l("By the clock of the caller's site; 24:00 is the end of the day."),
    )


def _openings(record: Record) -> Any:
    found = []
    for each in record.objects[""].openings:
        days = " ".join(str(DAY_LABELS[day]) for day in each.days)
        found.append(f"{days} {each.begin}–{each.end}")
    return "; ".join(found)


class TimeWindows(Screen):
    name = "time_windows"
    kind = "time_window"
    parts = {"": Part("classes_of_service", "windows")}  # noqa: RUF012
    form = TimeWindowForm
    columns = (
        Column("label", _l("Name"), main=True),
        Column("openings", _l("Open"), show=_openings, sort=False),
    )
    title = _l("Hours for calls")
    noun = _l("hours")
    add_label = _l("Add hours")
    empty = _l("No hours yet: classes of service allow what they allow at any time.")
    icon = "clock-hour-4"
    section = "lines"
    match = ("label",)


SCREEN = TimeWindows()
