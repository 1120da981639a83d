"""A time zone as phones need it: an offset, and when summer time begins and ends.

The rule comes from the last line of the zone's TZif file (RFC 9636 section 3.3), never
from the dates of one year: a rule derived from this year's dates takes the fourth for
the last Sunday in many other years.
"""

from __future__ import annotations

import datetime
import re
import zoneinfo
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from appliance.state.fields import time_zones

DAY_S = 86400


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A moment of each year: the `week`-th `weekday` of `month`, plus `time_s`.

    `week` 5 is the last one. `weekday` counts from Sunday = 0 (POSIX). `time_s` counts
    from local midnight before the change and may lie outside that day, -167 h to 167 h.
    """

    month: int
    week: int
    weekday: int
    time_s: int

    @property
    def day_shift(self) -> int:
        """Whole days by which the moment lies outside the named day."""
        return self.time_s // DAY_S

    @property
    def clock(self) -> tuple[int, int, int]:
        """Hours, minutes and seconds on the day of the change itself."""
        within = self.time_s % DAY_S
        return within // 3600, within // 60 % 60, within % 60

    @property
    def monday_weekday(self) -> int:
        """The weekday of the change itself, Monday = 1 … Sunday = 7."""
        return (self.weekday + self.day_shift - 1) % 7 + 1


@dataclass(frozen=True, slots=True)
class ZoneRule:
    """`offset_s` east of UTC in winter; `saving_s` more between `start` and `end`.

    `exact` is False where the zone's clocks follow no yearly rule (Morocco's Ramadan):
    then the rule is the best constant offset.
    """

    offset_s: int
    saving_s: int = 0
    start: ClockChange | None = None
    end: ClockChange | None = None
    exact: bool = True

    @property
    def changes(self) -> tuple[ClockChange, ClockChange] | None:
        """Beginning and end of summer time, None where there is none."""
        return (self.start, self.end) if self.start and self.end else None

    def fixed(self) -> ZoneRule:
        """The same zone without summer time, for a phone that cannot express it."""
        return ZoneRule(self.offset_s, exact=self.exact and self.changes is None)


class UnknownZone(LookupError):
    """No file of this machine describes the zone."""


@cache
def rule_of(zone: str) -> ZoneRule:
    """The yearly rule of an IANA zone. Raises UnknownZone."""
    rule = parse_footer(footer_of(zone))
    return rule if _agrees(rule, zoneinfo.ZoneInfo(zone)) else _without_changes(rule)


def _without_changes(rule: ZoneRule) -> ZoneRule:
    return ZoneRule(rule.offset_s, exact=False)


def footer_of(zone: str) -> str:
    """The POSIX TZ string at the end of a zone's TZif file."""
    data = _tzif(zone)
    if not data.startswith(b"TZif") or not data.endswith(b"\n"):
        raise UnknownZone(f"the file of {zone} has no footer")
    return data[:-1].rpartition(b"\n")[2].decode("ascii")


def _tzif(zone: str) -> bytes:
    if zone not in time_zones():
        raise UnknownZone(f"{zone} is not a time zone of this machine")
    for folder in zoneinfo.TZPATH:
        file = Path(folder, zone)
        if file.is_file():
            return file.read_bytes()
    package, _, name = f"tzdata.zoneinfo.{zone.replace('/', '.')}".rpartition(".")
    return resources.files(package).joinpath(name).read_bytes()


_NAME = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]+>)"
_TIME = r"[+-]?\d{1,3}(?::\d{2}(?::\d{2})?)?"
_CHANGE = rf"M(\d{{1,2}})\.(\d)\.(\d)(?:/({_TIME}))?"
_FOOTER = re.compile(rf"{_NAME}({_TIME})(?:{_NAME}({_TIME})?,{_CHANGE},{_CHANGE})?")


def parse_footer(text: str) -> ZoneRule:
    """The rule that a POSIX TZ string states. ValueError for the Julian-day forms.

    POSIX counts offsets west of Greenwich as positive and means 02:00 when a change has
    no time of its own.
    """
    found = _FOOTER.fullmatch(text)
    if not found:
        raise ValueError(f"time zone rule {text!r} is not understood")
    standard = -_seconds(found[1])
    if found[3] is None:
        return ZoneRule(standard)
    summer = -_seconds(found[2]) if found[2] else standard + 3600
    start, end = _change(found, 3), _change(found, 7)
    if summer < standard:  # Ireland: winter time is the exception that the rule names
        return ZoneRule(summer, standard - summer, end, start)
    return ZoneRule(standard, summer - standard, start, end)


def _change(found: re.Match[str], first: int) -> ClockChange:
    month, week, weekday = (int(found[first + i]) for i in range(3))
    return ClockChange(month, week, weekday, _seconds(found[first + 3] or "2"))


def _seconds(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    parts = [int(part) for part in text.lstrip("+-").split(":")]
    return sign * sum(value * unit for value, unit in zip(parts, (3600, 60, 1), strict=False))


def moment(change: ClockChange, year: int) -> datetime.datetime:
    """The local wall-clock time of a change in one year."""
    first = datetime.datetime(year, change.month, 1)
    # datetime counts Monday = 0, POSIX Sunday = 0.
    day = first + datetime.timedelta((change.weekday - 1 - first.weekday()) % 7)
    day += datetime.timedelta(weeks=change.week - 1)
    while day.month != change.month:
        day -= datetime.timedelta(weeks=1)
    return day + datetime.timedelta(seconds=change.time_s)


_SAMPLED_YEARS = range(2025, 2041)


def _agrees(rule: ZoneRule, zone: zoneinfo.ZoneInfo) -> bool:
    """Whether the rule gives the zone's own offset on every day of the sampled years.

    A file may list changes that its footer does not tell: Morocco's to 2087.
    """
    day = datetime.datetime(_SAMPLED_YEARS[0], 1, 1, 12, tzinfo=datetime.UTC)
    while day.year < _SAMPLED_YEARS.stop:
        meant = datetime.timedelta(seconds=_offset(rule, day))
        if day.astimezone(zone).utcoffset() != meant:
            return False
        day += datetime.timedelta(1)
    return True


def _offset(rule: ZoneRule, at: datetime.datetime) -> int:
    if rule.changes is None:
        return rule.offset_s
    begin, finish = rule.changes
    bare = at.replace(tzinfo=None)
    start = moment(begin, at.year) - datetime.timedelta(seconds=rule.offset_s)
    end = moment(finish, at.year) - datetime.timedelta(seconds=rule.offset_s + rule.saving_s)
    summer = start <= bare < end if start < end else not end <= bare < start
    return rule.offset_s + (rule.saving_s if summer else 0)
