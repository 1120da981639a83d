"""The draft: what the owner wants, not yet applied. One row for each object of the state.

Objects are kept as plain data in the shape of their State class, so the draft can hold
everything that the engine knows, also for services without a screen. The few columns
beside the data exist for searching and sorting.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import current_app, g
from sqlalchemy import JSON, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from appliance.services import registry
from appliance.state.codec import SecretWriter, decode, encode, reveal
from appliance.state.faults import Fault, StateError
from appliance.state.system_state import SCHEMA_VERSION, SystemState
from portal.core import audit
from portal.core.db import UtcTime, db, now
from portal.core.keys import Sealer
from portal.core.shapes import (
    Place,
    collections,
    folded,
    kind_at,
    search_text,
    settings_fields,
    title_of,
)


class DraftObject(db.Model):
    """One object. `version` grows with each change; `data` holds its secrets sealed.

    `owner` is the person that an extension or mailbox belongs to.
    """

    __tablename__ = "draft_objects"

    id: Mapped[int] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(String(63))
    collection: Mapped[str] = mapped_column(String(63))
    key: Mapped[str] = mapped_column(String(63))
    position: Mapped[int] = mapped_column(Integer)
    version: Mapped[int] = mapped_column(Integer, default=1)
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    title: Mapped[str] = mapped_column(String(200), default="")
    number: Mapped[str] = mapped_column(String(32), default="")
    owner: Mapped[str] = mapped_column(String(63), default="")
    department: Mapped[str] = mapped_column(String(80), default="")
    site: Mapped[str] = mapped_column(String(63), default="")
    search: Mapped[str] = mapped_column(Text, default="")
    changed_at: Mapped[datetime.datetime] = mapped_column(UtcTime, default=now)
    changed_by: Mapped[str] = mapped_column(String(255), default="")

    __table_args__ = (
        UniqueConstraint("service", "collection", "key"),
        Index("ix_draft_objects_order", "service", "collection", "title"),
        Index("ix_draft_objects_number", "number"),
        Index("ix_draft_objects_owner", "owner"),
    )

    @property
    def place(self) -> Place:
        return Place(self.service, self.collection, self.key)


class DraftMark(db.Model):
    """One counter of the draft as a whole."""

    __tablename__ = "draft_marks"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(Integer)


@dataclass(frozen=True, slots=True)
class Edit:
    """One object as it shall be; `after` None deletes it.

    `expected` is the version that the editor has seen, 0 when the object must be new,
    None when the caller read it in this same transaction. `position` orders the object
    among its neighbours; None keeps its place, or puts a new one last.
    """

    place: Place
    after: Any
    expected: int | None = None
    position: int | None = None


class Stale(RuntimeError):
    """Somebody else changed the object since the editor read it."""

    def __init__(self, place: Place, row: DraftObject | None) -> None:
        self.place = place
        self.row = row
        super().__init__(f"{place} was changed meanwhile")


class CannotUndo(RuntimeError):
    """What the entry did was changed again since, at `places`."""

    def __init__(self, places: list[Place]) -> None:
        self.places = places
        super().__init__(", ".join(map(str, places)))


def sealer() -> Sealer:
    """The cipher of this machine."""
    return current_app.extensions["sealer"]


# ── reading ───────────────────────────────────────────────────────────────────────────


def version() -> int:
    """A number that differs whenever the draft differs."""
    return db.session.scalar(db.select(DraftMark.value).filter_by(name="version")) or 0


def find(place: Place) -> DraftObject | None:
    """The row of an object."""
    if "\0" in place.id:
        return None  # PostgreSQL takes no such text, not even to look for it
    query = db.select(DraftObject).filter_by(
        service=place.service, collection=place.collection, key=place.id
    )
    return db.session.scalar(query)


def instance(row: DraftObject) -> Any:
    """The State object that a row holds."""
    return _instance(row.place, row.data)


def _instance(place: Place, sealed: Mapping[str, Any]) -> Any:
    return decode(kind_at(place), sealer().open(dict(sealed)), str(place))


def settings(service: str) -> tuple[Any, int]:
    """A service's State with its own settings alone, and their version."""
    row = find(Place(service))
    if row is None:
        return registry.STATE_TYPES[service](), 0
    return instance(row), row.version


def objects(service: str, collection: str) -> Iterator[DraftObject]:
    """The rows of one list in their own order."""
    query = (
        db.select(DraftObject)
        .filter_by(service=service, collection=collection)
        .order_by(DraftObject.position, DraftObject.id)
    )
    return iter(db.session.scalars(query))


def data() -> dict[str, Any]:
    """The whole draft as plain data with open secrets, in the form of a state file."""
    columns = (
        DraftObject.service,
        DraftObject.collection,
        DraftObject.data,
    )
    rows = db.session.execute(
        db.select(*columns).order_by(DraftObject.service, DraftObject.position, DraftObject.id)
    )
    services: dict[str, dict[str, Any]] = {}
    for service, collection, sealed in rows:
        part = services.setdefault(service, {})
        if collection:
            part.setdefault(collection, []).append(sealer().open(sealed))
        else:
            part.update(sealer().open(sealed))
    for service, part in services.items():
        if service in registry.STATE_TYPES:
            for name in collections(service):
                part.setdefault(name, [])
    return {"schema_version": SCHEMA_VERSION, "services": services}


class _Loaded:
    """The last draft that was put together, kept as long as it is the same draft."""

    def __init__(self) -> None:
        self.version = -1
        self.state: SystemState | None = None
        self.faults: tuple[Fault, ...] | None = None


def init_app(app: Any) -> None:
    """Give the application its memory of the last draft."""
    app.extensions["draft"] = _Loaded()


def state() -> SystemState:
    """The draft as the engine takes it; StateError when older data breaks newer rules."""
    loaded = current_app.extensions["draft"]
    current = version()
    if loaded.version != current or loaded.state is None:
        found = registry.decode(data())
        loaded.state, loaded.faults, loaded.version = found, None, current
    return loaded.state


def faults() -> tuple[Fault, ...]:
    """Everything that stops the draft from being applied."""
    try:
        wanted = state()
    except StateError as error:
        return error.faults
    loaded = current_app.extensions["draft"]
    if loaded.state is wanted and loaded.faults is not None:
        return loaded.faults
    found = registry.check(wanted)
    if loaded.state is wanted:
        loaded.faults = found
    return found


def faults_of_data() -> tuple[Fault, ...]:
    """The faults of the draft inside an open transaction, without remembering it."""
    try:
        return registry.check(registry.decode(data()))
    except StateError as error:
        return error.faults


# ── changing ──────────────────────────────────────────────────────────────────────────


def commit(
    edits: Iterable[Edit], action: str = "draft.edit", subject: str = "", **facts: Any
) -> audit.AuditEntry | None:
    """Make the edits in the open transaction, all or none, and record them.

    Returns the audit entry, or None when nothing differs. Raises Stale when an object is
    not in the version that the editor has seen.
    """
    wanted = list(edits)
    rows = _rows([edit.place for edit in wanted])
    done = [made for edit in wanted if (made := _make(edit, rows.get(edit.place)))]
    if not done:
        return None
    db.session.flush()
    g.pop("choices", None)
    db.session.merge(DraftMark(name="version", value=version() + 1))
    return audit.record(action, subject, edits=done, **facts)


def _rows(places: list[Place]) -> dict[Place, DraftObject]:
    """The rows at the places; whole lists are read at once when many are asked for."""
    found: dict[Place, DraftObject] = {}
    lists: dict[tuple[str, str], set[str]] = {}
    for place in places:
        lists.setdefault((place.service, place.collection), set()).add(place.id)
    for (service, collection), keys in lists.items():
        query = db.select(DraftObject).filter_by(service=service, collection=collection)
        if len(keys) <= 200:
            query = query.filter(DraftObject.key.in_(keys))
        found |= {row.place: row for row in db.session.scalars(query) if row.key in keys}
    return found


def _make(edit: Edit, row: DraftObject | None) -> dict[str, Any] | None:
    if edit.expected is not None and edit.expected != (row.version if row else 0):
        raise Stale(edit.place, row)
    if edit.after is None:
        return _delete(edit.place, row) if row else None
    if row is None:
        return _add(edit)
    same = sealer().open(row.data) == _plain(edit, reveal)
    if same and edit.position in (None, row.position):
        return None
    before, position = row.data, row.position
    _write(row, edit)
    row.version += 1
    return _made(edit.place, before, row.data, position, row.position)


def _delete(place: Place, row: DraftObject) -> dict[str, Any]:
    db.session.delete(row)
    return _made(place, row.data, None, row.position, None)


def _add(edit: Edit) -> dict[str, Any]:
    place = edit.place
    row = DraftObject(service=place.service, collection=place.collection, key=place.id, version=1)
    row.position = _last_position(place) + 1 if edit.position is None else edit.position
    _write(row, edit)
    db.session.add(row)
    return _made(place, None, row.data, None, row.position)


def _made(
    place: Place, before: Any, after: Any, old: int | None, new: int | None
) -> dict[str, Any]:
    return {
        "place": str(place),
        "before": before,
        "after": after,
        "positions": [old, new],
    }


def _last_position(place: Place) -> int:
    """The last place in a list; new rows of this transaction count too."""
    pending = [
        row.position
        for row in db.session.new
        if isinstance(row, DraftObject)
        and (row.service, row.collection) == (place.service, place.collection)
    ]
    if pending:
        return max(pending)
    query = db.select(db.func.max(DraftObject.position)).filter_by(
        service=place.service, collection=place.collection
    )
    return db.session.scalar(query) or 0


def _write(row: DraftObject, edit: Edit) -> None:
    kind, plain = kind_at(edit.place), _plain(edit, sealer().write)
    row.data = plain
    row.title = folded(title_of(plain))[:200]
    row.number = _text(plain, "number")[:32]
    row.owner = _text(plain, "user")[:63]
    row.department = _text(plain, "department")[:80]
    row.site = _text(plain, "site")[:63]
    row.search = search_text(kind, plain)
    row.changed_at, row.changed_by = now(), audit.author()
    if edit.position is not None:
        row.position = edit.position


def _plain(edit: Edit, secrets: SecretWriter) -> dict[str, Any]:
    """An edit's object as plain data; of a whole State only its own settings."""
    plain = encode(edit.after, secrets)
    if edit.place.collection:
        return plain
    return {name: plain[name] for name in settings_fields(edit.place.service)}


def _text(plain: Mapping[str, Any], name: str) -> str:
    value = plain.get(name)
    return value if isinstance(value, str) else ""


def replace(
    wanted: SystemState, action: str, subject: str = "", **facts: Any
) -> audit.AuditEntry | None:
    """Make the whole draft equal to a state; objects that stay the same keep their version."""
    return commit(list(_edits_to(wanted)), action, subject, **facts)


def _edits_to(wanted: SystemState) -> Iterator[Edit]:
    left = {row.place for row in db.session.scalars(db.select(DraftObject))}
    for service, part in wanted.services.items():
        yield Edit(Place(service), part)
        left.discard(Place(service))
        for name in collections(service):
            for position, item in enumerate(getattr(part, name), 1):
                place = Place(service, name, item.id)
                yield Edit(place, item, position=position)
                left.discard(place)
    yield from (Edit(place, None) for place in sorted(left))


def undo(entry: audit.AuditEntry) -> audit.AuditEntry | None:
    """Take back what an entry did; CannotUndo when its objects were changed again since."""
    places = {Place.parse(made["place"]): made for made in entry.edits}
    rows = _rows(list(places))
    moved = [p for p, made in places.items() if _data(rows.get(p)) != made["after"]]
    if moved:
        raise CannotUndo(moved)
    edits = [
        Edit(
            place,
            _instance(place, made["before"]) if made["before"] is not None else None,
            position=made["positions"][0],
        )
        for place, made in places.items()
    ]
    return commit(edits, "draft.undo", entry.subject, undoes=entry.id)


def _data(row: DraftObject | None) -> dict[str, Any] | None:
    return row.data if row else None


def ensure(first_state: Path) -> None:
    """Begin the draft with what the machine has begun with, so that the first apply takes nothing
    back of what was said at its first start."""
    if db.session.scalar(db.select(DraftObject.id).limit(1)) is None:
        replace(registry.first_state(first_state), "draft.begin", author=audit.SYSTEM)
