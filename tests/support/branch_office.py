"""The sample company whose site of Parma is a branch with two lines, applied."""

from __future__ import annotations

from typing import Any

from flask import Flask

from portal.core import draft
from portal.core.db import transaction
from portal.core.engine import engine
from tests.support import branches


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
