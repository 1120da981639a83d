"""What the portal remembers of branches beside the draft: routers, codes, curves, drills."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.db import UtcTime, db, now

Moment = Mapped[datetime.datetime | None]


class Router(db.Model):
    """One router that a branch was given: a generation.

    `kind` says how its profile was handed over: `own` by a code, `openwrt` or `routeros` as a
    file. `status` is its last report; `boots` are the starts before `boot`. `contested_at` is
    when a second machine with the same identity was last heard of.
    """

    __tablename__ = "branch_routers"

    id: Mapped[int] = mapped_column(primary_key=True)
    branch: Mapped[str] = mapped_column(String(63), index=True)
    name: Mapped[str] = mapped_column(String(63))
    generation: Mapped[int] = mapped_column()
    kind: Mapped[str] = mapped_column(String(12))
    serial: Mapped[str] = mapped_column(String(40))
    certificate: Mapped[str] = mapped_column(Text)
    authority: Mapped[str] = mapped_column(Text)
    hardware: Mapped[str] = mapped_column(String(80), default="")
    made_at: Mapped[datetime.datetime] = mapped_column(UtcTime, default=now)
    made_by: Mapped[str] = mapped_column(String(255), default="")
    enrolled_at: Moment = mapped_column(UtcTime)
    ended_at: Moment = mapped_column(UtcTime)
    seen_at: Moment = mapped_column(UtcTime)
    contested_at: Moment = mapped_column(UtcTime)
    source: Mapped[str] = mapped_column(String(64), default="")
    boot: Mapped[str] = mapped_column(String(16), default="")
    sequence: Mapped[int] = mapped_column(default=-1)
    boots: Mapped[list[str]] = mapped_column(JSON, default=list)
    switches: Mapped[int] = mapped_column(default=0)
    status: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    __table_args__ = (UniqueConstraint("name", "generation"),)


class RouterCode(db.Model):
    """A code that is open for a branch. `digest` is keyed: the database alone tells nothing."""

    __tablename__ = "branch_codes"

    branch: Mapped[str] = mapped_column(String(63), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    until: Mapped[datetime.datetime] = mapped_column(UtcTime)
    misses: Mapped[int] = mapped_column(default=0)
    opened_by: Mapped[str] = mapped_column(String(255), default="")


class LineHour(db.Model):
    """An hour of a line, packed by `portal.branches.curves`. `hour` counts since 1970."""

    __tablename__ = "branch_line_hours"

    branch: Mapped[str] = mapped_column(String(63), primary_key=True)
    line: Mapped[str] = mapped_column(String(63), primary_key=True)
    hour: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class BranchEvent(db.Model):
    """Something that happened at a branch: a switch, a router that came or was ended."""

    __tablename__ = "branch_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    branch: Mapped[str] = mapped_column(String(63))
    at: Mapped[datetime.datetime] = mapped_column(UtcTime, default=now)
    kind: Mapped[str] = mapped_column(String(20))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    __table_args__ = (Index("ix_branch_events_order", "branch", "at"),)


class Drill(db.Model):
    """A line that was, or is to be, cut on purpose. `state` begins with `planned`; then it is what
    the router says. It is not begun before `not_before` nor after `not_after`."""

    __tablename__ = "branch_drills"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    branch: Mapped[str] = mapped_column(String(63))
    line: Mapped[str] = mapped_column(String(63))
    seconds: Mapped[int] = mapped_column()
    state: Mapped[str] = mapped_column(String(12), default="planned")
    why: Mapped[str] = mapped_column(String(20), default="")
    wanted_at: Mapped[datetime.datetime] = mapped_column(UtcTime, default=now)
    wanted_by: Mapped[str] = mapped_column(String(255), default="")
    not_before: Mapped[datetime.datetime] = mapped_column(UtcTime)
    not_after: Mapped[datetime.datetime] = mapped_column(UtcTime)
    began_at: Moment = mapped_column(UtcTime)
    ended_at: Moment = mapped_column(UtcTime)
    result: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    certificate: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)

    __table_args__ = (Index("ix_branch_drills_order", "branch", "wanted_at"),)


class DrillPlan(db.Model):
    """A drill that comes again: on a weekday (0 is Monday), at an hour of the site's own time."""

    __tablename__ = "branch_drill_plans"

    branch: Mapped[str] = mapped_column(String(63), primary_key=True)
    line: Mapped[str] = mapped_column(String(63))
    weekday: Mapped[int] = mapped_column()
    hour: Mapped[int] = mapped_column()
    every_weeks: Mapped[int] = mapped_column()
    seconds: Mapped[int] = mapped_column(default=60)
    next_at: Mapped[datetime.datetime] = mapped_column(UtcTime)
