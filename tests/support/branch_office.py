"""The sample company whose site of Parma is a branch with two lines, applied."""

from __future__ import annotations

import datetime
import random
import time
from pathlib import Path
from typing import Any

from flask import Flask

from failover_router.report import LineReport
from failover_router.spoken_code import read
from portal.branches import curves, desk
from portal.branches.models import LineHour
from portal.core import draft
from portal.core.db import db, transaction
from portal.core.engine import engine
from tests.support import branches
from tests.support.fake_router import FakeRouter, line, through


def apply(company: Flask, **fields: Any) -> None:
    """Make it so; `fields` are the branch's."""
    with company.app_context():
        state = draft.state()
        lines = (
            branches.line("fibra", "wan1", priority=10, up_kbits=20_000, down_kbits=100_000),
            branches.line(
                "radio", "wan2", priority=20, kind="radio", up_kbits=800, down_kbits=8_000
            ),
        )
        parma = branches.branch("parma", 7, lines=lines, **fields)
        state = state.replaced(vpn=branches.state(parma))
        with transaction():
            draft.replace(state, "draft.wizard", "test", author="system")
        job = engine().apply(state, engine().status()["current"], "test")
        engine().wait(job, 20)


def watched(company: Flask, folder: Path) -> None:
    """A router that reports, and a day behind it: at some hour the fibre was lost for a while."""
    with company.app_context():
        text, _until = desk.open_code("parma")
        router = FakeRouter.enrolled(through(company), read(text).secret, folder)
    router.report(*(_line(name) for name in DELAYS_US))
    begin = int(time.time()) // curves.HOUR_S * curves.HOUR_S
    lost = begin - 4 * curves.HOUR_S + 20 * curves.MINUTE_S
    back = lost + 9 * curves.MINUTE_S
    chance = random.Random(7)  # the same picture each time
    with company.app_context(), transaction():
        _moved(lost, "fibra", "radio", "lost", 340)
        _moved(back, "radio", "fibra", "returned", 0)
        for name in DELAYS_US:
            for at in range(begin - 24 * curves.HOUR_S, begin, curves.HOUR_S):
                minutes = range(at, at + curves.HOUR_S, curves.MINUTE_S)
                data = _hour(name, [lost <= minute < back for minute in minutes], chance)
                hour = LineHour(branch="parma", line=name, hour=at // curves.HOUR_S, data=data)
                db.session.add(hour)


DELAYS_US = {"fibra": 11_800, "radio": 24_500}


def _line(name: str, factor: float = 1.0, **fields: Any) -> LineReport:
    delay_us = int(DELAYS_US[name] * factor)
    return line(name, rtt_us=delay_us, jitter_us=int(delay_us * factor) // 30, **fields)


def _hour(name: str, cut: list[bool], chance: random.Random) -> bytes:
    """An hour of a line; `cut` says of each minute whether the fibre was lost."""
    data = curves.EMPTY_HOUR
    for index, lost in enumerate(cut):
        up = not (lost and name == "fibra")
        loss = 3 if chance.random() < 0.02 else 0
        report = _line(name, chance.uniform(0.9, 1.3), up=up, good=up, loss_permille=loss)
        active = (name == "radio") == lost
        data = curves.noted(data, index, curves.minute_of(report, active=active))
    return data


def _moved(at: int, before: str, after: str, cause: str, gap_ms: int) -> None:
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
    desk.note("parma", "switch", moment, before=before, after=after, cause=cause, gap_ms=gap_ms)
