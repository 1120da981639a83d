"""`GET /health`: 200 while the database answers."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from portal.core.db import db
from portal.core.permissions import public

PAGES = Blueprint("health", __name__)


@PAGES.get("/health")
@public
def health() -> Any:
    """`{"status": "ok"}`, or 503."""
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return {"status": "the database does not answer"}, 503
    return {"status": "ok"}
