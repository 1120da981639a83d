"""The audit log: every change with its author, its moment, and both sides of it.

Entries are only ever added. Triggers in the database refuse anything else, so that a
mistake in the portal cannot rewrite history either.
"""

from __future__ import annotations

import datetime
from typing import Any

from flask import has_request_context, request
from flask_login import current_user
from sqlalchemy import JSON, ForeignKey, Index, String, event
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.db import UtcTime, db, now

SYSTEM = "system"
"""The author of what nobody asked for: the first draft, a start. No account can have this name:
theirs are mail addresses."""


class AuditEntry(db.Model):
    """One act.

    `action` is a short word such as `draft.edit` or `account.disable`; `subject` names
    what it was done to; `edits` holds the objects before and after (secrets sealed).
    `undoes` is the entry that this one takes back.
    """

    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime.datetime] = mapped_column(UtcTime, default=now, index=True)
    author: Mapped[str] = mapped_column(String(255))
    address: Mapped[str] = mapped_column(String(64), default="")
    action: Mapped[str] = mapped_column(String(40), index=True)
    subject: Mapped[str] = mapped_column(String(255), default="")
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    edits: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    undoes: Mapped[int | None] = mapped_column(ForeignKey("audit_entries.id"))

    __table_args__ = (Index("ix_audit_entries_undoes", "undoes"),)


def record(action: str, subject: str = "", **facts: Any) -> AuditEntry:
    """Add an entry to the open transaction; the caller commits it with the change itself."""
    entry = AuditEntry(
        author=facts.pop("author", None) or author(),
        address=(request.remote_addr or "") if has_request_context() else "",
        action=action,
        subject=subject[:255],
        edits=facts.pop("edits", []),
        undoes=facts.pop("undoes", None),
        detail=facts,
    )
    db.session.add(entry)
    db.session.flush()
    return entry


def author() -> str:
    """Who acts: the signed-in account, or the system itself."""
    if has_request_context() and current_user and current_user.is_authenticated:
        return str(current_user.email)
    return SYSTEM


SQLITE_TRIGGERS = tuple(
    f"CREATE TRIGGER IF NOT EXISTS audit_entries_no_{verb} BEFORE {verb} ON audit_entries "
    "BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END"
    for verb in ("update", "delete")
)
POSTGRESQL_TRIGGERS = (
    "CREATE OR REPLACE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the audit log only grows'; END $$",
    "CREATE OR REPLACE TRIGGER audit_entries_no_change BEFORE UPDATE OR DELETE OR TRUNCATE "
    "ON audit_entries EXECUTE FUNCTION audit_only_grows()",
)


def protect(connection: Any) -> None:
    """Create the triggers; used by the migration and by tables made in tests."""
    sqlite = connection.dialect.name == "sqlite"
    for statement in SQLITE_TRIGGERS if sqlite else POSTGRESQL_TRIGGERS:
        connection.exec_driver_sql(statement)


event.listen(
    AuditEntry.__table__,
    "after_create",
    lambda _table, connection, **_kw: protect(connection),
)
