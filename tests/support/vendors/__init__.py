"""How each vendor's phones read their files: written from the vendors' grammars.

Nothing here uses the program under test, so that a mistake in a template cannot hide
behind the same mistake in its reader.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field


class NotUnderstood(ValueError):
    """A file that a phone of this vendor would not read, or would read otherwise."""


@dataclass(frozen=True)
class Clock:
    """An offset from UTC, and the UTC moments between which `saving_s` is added.

    `change(year, "start" | "end")` gives the local wall-clock time of a change, in the
    time that holds before it.
    """

    offset_s: int
    saving_s: int = 0
    change: Callable[[int, str], datetime.datetime] | None = None

    def transitions(self, years: range) -> list[tuple[datetime.datetime, int]]:
        """(UTC moment, offset in seconds from then on) of every change, in order."""
        found = []
        for year in years if self.change else ():
            start = self.change(year, "start") - datetime.timedelta(seconds=self.offset_s)
            before = self.offset_s + self.saving_s
            end = self.change(year, "end") - datetime.timedelta(seconds=before)
            found += [(start, before), (end, self.offset_s)]
        return sorted(found)


def nth_weekday(year: int, month: int, week: int, weekday: int) -> datetime.date:
    """The `week`-th `weekday` (Monday 1 … Sunday 7) of a month; week 5 is the last."""
    days = [datetime.date(year, month, 1) + datetime.timedelta(n) for n in range(31)]
    fitting = [day for day in days if day.month == month and day.isoweekday() == weekday]
    return fitting[-1] if week == 5 else fitting[week - 1]


@dataclass(frozen=True)
class ReadAccount:
    """One active account as the phone understands it."""

    index: int
    server: str
    port: int
    transport: str
    user: str
    auth: str
    secret: str
    name: str
    codecs: tuple[str, ...]
    srtp: bool
    expires_s: int
    retry_s: int


@dataclass(frozen=True)
class ReadKey:
    """One key that does something: `kind` is line, blf or speed_dial."""

    kind: str
    line: int
    value: str
    label: str
    pickup: str = ""


@dataclass(frozen=True)
class ReadPhone:
    """What a phone has understood of its file.

    `keys` maps (module, key) to the key; module 0 is the phone itself. `off` are the
    accounts and `idle` the keys that the file switches off by name. `next_url` is where
    it asks from now on, with its MAC put in.
    """

    accounts: tuple[ReadAccount, ...]
    off: frozenset[int]
    keys: dict[tuple[int, int], ReadKey]
    idle: frozenset[tuple[int, int]]
    clock: Clock
    language: str
    ntp_server: str
    web_password: str
    voicemail: str
    authority: str
    next_url: str
    refresh_s: int
    names: frozenset[str] = field(default=frozenset())
