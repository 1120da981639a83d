"""Extensions by the number that people know them by, for the forms of other screens."""

from __future__ import annotations

from sqlalchemy import func

from portal.core.db import db
from portal.core.draft import DraftObject
from portal.core.screens import choices

SUGGESTED = 500
"""Numbers that a page offers while somebody types; any other may be typed as well."""


def _extensions() -> tuple[object, object]:
    return (
        DraftObject.service == "extensions",
        DraftObject.collection == "extensions",
    )


def extension_with(number: str) -> str:
    """The id of the extension with a number; "" when there is none."""
    if not (number.isascii() and number.isdigit()):
        return ""  # PostgreSQL refuses to look for some of what can be typed, such as NUL
    query = db.select(DraftObject.key).filter(*_extensions(), DraftObject.number == number)
    return db.session.scalar(query.limit(1)) or ""


def number_of(id: str) -> str:
    """The number of an extension; "" when there is no such extension."""
    query = db.select(DraftObject.number).filter(*_extensions(), DraftObject.key == id)
    return db.session.scalar(query) or ""


def some_extensions() -> list[tuple[str, str]]:
    """(number, name) of the first extensions, by number."""
    query = db.select(DraftObject).filter(*_extensions())
    ordered = query.order_by(func.length(DraftObject.number), DraftObject.number)
    people = dict(choices("user"))
    return [
        (row.number, people.get(row.owner, "") or row.data.get("label", ""))
        for row in db.session.scalars(ordered.limit(SUGGESTED))
    ]
