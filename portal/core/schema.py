"""The tables of the database, brought to their newest form.

Reading what migrates tables (Alembic and what it draws in) takes a fifth of the portal's
start and ten megabytes, so it is read only where there is something to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from flask import Flask, current_app
from sqlalchemy import inspect, text

from portal.core.db import db

MIGRATIONS = Path(__file__).with_name("migrations")


def newest() -> str:
    """The revision after the last migration, which its file's name begins with."""
    last = max(file.name for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    return last.partition("_")[0]


def bring_to_newest() -> None:
    """Migrate the tables of the application whose context is open, unless they are there."""
    if _noted() == [newest()]:
        return
    import flask_migrate

    flask_migrate.Migrate(cast("Flask", current_app), db)
    flask_migrate.upgrade(directory=str(MIGRATIONS))


def _noted() -> list[str]:
    """The revisions that the database says it has; none for one without tables."""
    with db.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return []
        return list(connection.scalars(text("SELECT version_num FROM alembic_version")))
