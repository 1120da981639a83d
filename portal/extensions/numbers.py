"""Extensions by the number that people know them by, for the forms of other screens."""

from __future__ import annotations

from sqlalchemy import func

from portal.core.db import db
from portal.core.draft import DraftObject
from portal.core.screens import Screen, choices, screens

SUGGESTED = 500
"""Numbers that a page offers while somebody types; any other may be typed as well."""


def _screen() -> Screen:
    return screens()["extensions"]


def _extensions() -> tuple[object, object]:
    return (
        DraftObject.service == "extensions",
        DraftObject.collection == "extensions",
    )


def extension_with(number: str) -> str:
    """The id of the extension with a number; "" when there is none."""
    return _screen().with_number(number)


def number_of(id: str) -> str:
    """The number of an extension; "" when there is no such extension."""
    return _screen().number_of(id)


def names() -> dict[str, str]:
    """Id -> what people call an extension: its person, or its own name."""
    people = dict(choices("user"))
    query = db.select(DraftObject.key, DraftObject.owner, DraftObject.data).filter(*_extensions())
    return {
        id: people.get(owner, "") or data.get("label", "")
        for id, owner, data in db.session.execute(query)
    }


def name_of_extension(id: str) -> str:
    """What people call one extension; "" when it has no name."""
    query = db.select(DraftObject.owner, DraftObject.data)
    row = db.session.execute(query.filter(*_extensions(), DraftObject.key == id)).first()
    if row is None:
        return ""
    return dict(choices("user")).get(row.owner, "") or row.data.get("label", "")


def some_extensions() -> list[tuple[str, str]]:
    """(number, name) of the first extensions, by number."""
    query = db.select(DraftObject).filter(*_extensions())
    ordered = query.order_by(func.length(DraftObject.number), DraftObject.number)
    people = dict(choices("user"))
    return [
        (row.number, people.get(row.owner, "") or row.data.get("label", ""))
        for row in db.session.scalars(ordered.limit(SUGGESTED))
    ]
