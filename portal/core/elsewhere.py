"""The portal's database when a PostgreSQL server keeps it: copied into backups and back.

A backup holds it in one form whatever keeps it: as an SQLite file of the newest schema. So
a backup of either kind of machine restores on the other. Run as
`python -m portal.core.elsewhere FILE` to write such a file from CENTRALINO_DATABASE_URL.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from flask import Flask
from sqlalchemy import Connection, Table, create_engine, func, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from appliance.credentials import DATABASE_URL
from appliance.state.fields import Secret
from appliance.state.machine import PORTAL_DATABASE, RESTORED
from portal.core import schema
from portal.core.app import create_app
from portal.core.db import db
from portal.core.keys import derived
from portal.core.settings import Settings

ROWS = 1000
"""Rows that are in memory at a time."""


class NotCopied(RuntimeError):
    """Why a database could not be copied."""


def copy_out(url: str, target: Path) -> int:
    """Write the database at `url` into a new SQLite file, as it is at one moment; returns
    the number of rows."""
    app = _application(target)
    with app.app_context(), _closed(app, target):
        schema.bring_to_newest()
        source = create_engine(url, isolation_level="REPEATABLE READ")
        try:
            with source.connect() as there, db.engine.begin() as here:
                _require_same_schema(there, here)
                return _copy(there, here)
        finally:
            source.dispose()


def take_restored(app: Flask) -> bool:
    """After a restore, put the restored SQLite file into the PostgreSQL server in force.

    Everything there is replaced in one transaction; a cut before its end changes nothing, and
    the next start begins anew. The schema of the server must be the newest.
    """
    settings: Settings = app.extensions["settings"]
    mark, file = settings.folder / RESTORED, settings.folder / PORTAL_DATABASE
    if not mark.exists():
        return False
    load = db.engine.dialect.name == "postgresql" and file.exists()
    if load:
        _load(app, file)
        file.unlink()
    mark.unlink()
    return load


def _load(app: Flask, file: Path) -> None:
    restored = _application(file)
    with restored.app_context(), _closed(restored, file):
        schema.bring_to_newest()
        with app.app_context():
            target = db.engine
        with db.engine.connect() as there, target.begin() as here:
            _copy(there, here)


def _application(file: Path) -> Flask:
    """The portal over an SQLite file, for its tables alone: no secret is opened or sealed."""
    nobody = Secret("nobody's secret: nothing is opened with it")
    keys = derived(nobody, Secret("none"), nobody)
    folder = file.parent
    return create_app(Settings(folder, folder / "engine.sock", keys, f"sqlite:///{file}"))


@contextmanager
def _closed(app: Flask, file: Path) -> Iterator[None]:
    """Leave one whole file behind, without those that SQLite keeps beside it."""
    try:
        yield
    finally:
        with app.app_context():
            db.engine.dispose()
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")


def _require_same_schema(there: Connection, here: Connection) -> None:
    version = text("SELECT version_num FROM alembic_version")
    if not inspect(there).has_table("alembic_version"):
        raise NotCopied("the PostgreSQL database holds no portal")
    if there.scalar(version) != here.scalar(version):
        raise NotCopied("the PostgreSQL database has another schema: restart the portal first")


def _copy(there: Connection, here: Connection) -> int:
    """Every row of every table; what was in the tables is gone."""
    tables = db.metadata.sorted_tables
    with _audit_log_open(here):
        for table in reversed(tables):
            here.execute(table.delete())
        copied = sum(_copy_table(table, there, here) for table in tables)
    if here.dialect.name == "postgresql":
        for table in tables:
            _continue_numbers(table, here)
    return copied


def _copy_table(table: Table, there: Connection, here: Connection) -> int:
    # By key, so that a row comes after those that it points to.
    wanted = select(table).order_by(*table.primary_key.columns)
    copied = 0
    for rows in there.execution_options(yield_per=ROWS).execute(wanted).mappings().partitions():
        here.execute(table.insert(), [dict(row) for row in rows])
        copied += len(rows)
    return copied


@contextmanager
def _audit_log_open(here: Connection) -> Iterator[None]:
    """The audit log's own triggers forbid emptying it, which a restore must do. On SQLite the
    file is new and its log empty."""
    postgresql = here.dialect.name == "postgresql"
    if postgresql:
        here.exec_driver_sql("ALTER TABLE audit_entries DISABLE TRIGGER USER")
    yield
    if postgresql:
        here.exec_driver_sql("ALTER TABLE audit_entries ENABLE TRIGGER USER")


def _continue_numbers(table: Table, here: Connection) -> None:
    """Let PostgreSQL count on after the highest number that was put in."""
    for column in table.primary_key.columns:
        name = func.pg_get_serial_sequence(table.name, column.name)
        sequence = here.scalar(select(name))
        if sequence:
            highest = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
            here.execute(select(func.setval(sequence, highest, False)))


def main() -> int:
    """Entry point; says in one line why it failed."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s %(levelname)s %(message)s")
    target = Path(sys.argv[1])
    try:
        copied = copy_out(os.environ[DATABASE_URL], target)
    except (SQLAlchemyError, NotCopied, OSError) as error:
        target.unlink(missing_ok=True)
        print(str(error).splitlines()[0][:300], file=sys.stderr)  # noqa: T201
        return 1
    print(f"{copied} rows")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
