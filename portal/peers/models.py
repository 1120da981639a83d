"""Which other machines may read the list of this one."""

from __future__ import annotations

import datetime
import hashlib

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.db import UtcTime, db, now


class ListReader(db.Model):
    """One token, made for one machine. Only its SHA-256 is kept: it has 190 random bits, so
    nobody finds it from that. `seen_at` is about when it was last used."""

    __tablename__ = "list_readers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    made_at: Mapped[datetime.datetime] = mapped_column(UtcTime, default=now)
    made_by: Mapped[str] = mapped_column(String(255))
    seen_at: Mapped[datetime.datetime | None] = mapped_column(UtcTime)


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
