"""The screen of hours in which classes of service allow something."""

from __future__ import annotations

import re
from collections.abc import Iterator
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


class Openings(Rows):
    """Openings; in CSV files `mon,tue,wed 08:00-19:00`, several with | between them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.in_csv = True

    def _cells(self, text: str) -> Iterator[tuple[str, str]]:
        for index, row in enumerate(part for part in text.split("|") if part.strip()):
            names, _blank, hours = row.strip().partition(" ")
            begin, _hyphen, end = hours.strip().partition("-")
            where = f"{self.name}{self._separator}{index}{self._separator}"
            yield from ((f"{where}days", day) for day in re.split(r"[,+]", names))
            yield from ((f"{where}begin", begin.strip() or "?"), (f"{where}end", end.strip()))

    def text(self) -> str:
        rows = (entry.form for entry in self.entries)
        return "|".join(
            f"{','.join(row['days'].plain())} {row['begin'].plain()}-{row['end'].plain()}"
            for row in rows
        )


class TimeWindowForm(StateForm):
    parts = {"": TimeWindow}  # noqa: RUF012

    label = Text(_l("Name"))
    openings = Openings(
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
