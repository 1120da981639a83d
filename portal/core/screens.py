"""A screen over one list of the state: what it shows, how it is found, how it is changed.

`Screen` is all that a simple screen needs; `portal.core.screen_views` makes the pages.
A record may join several objects: a person and the extension that belongs to them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from flask import current_app, g, url_for
from sqlalchemy import Select, func
from sqlalchemy.orm import aliased

from portal.core import draft
from portal.core.db import db
from portal.core.draft import DraftObject, Edit
from portal.core.forms import StateForm
from portal.core.permissions import Access, Guarded, access
from portal.core.shapes import Place, folded, kind_at, title_of

PAGE_SIZE = 50
LONGEST_SEARCH = 80


class Part(NamedTuple):
    """One object of a record. An owned part is found through its `user`, the record's id."""

    service: str
    collection: str
    owned: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a list. `show` makes its text from a record; by default the field's value.

    `kind` translates an id into the name of the object it names.
    """

    field: str
    label: Any
    part: str = ""
    show: Callable[[Record], Any] | None = None
    kind: str = ""
    sort: bool = True
    main: bool = False
    narrow: bool = True
    """Whether the column is also shown on a telephone's screen."""


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a list, one page of editing. `version` names the versions of all parts."""

    id: str
    version: str
    objects: Mapping[str, Any]
    places: Mapping[str, Place]
    changed_by: str = ""
    changed_at: Any = None
    department: str = ""
    site: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of records; `total` counts all that match."""

    records: list[Record]
    total: int
    number: int
    pages: int
    query: str
    sort: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Search:
    """What a list is asked for. `sort` is the name of a column, never SQL."""

    text: str = ""
    sort: str = ""
    descending: bool = False
    page: int = 1
    filters: Mapping[str, str] = field(default_factory=dict)


class Screen:
    """One list of the state. Subclasses set the names below; `docs/portal.md` explains them."""

    name: ClassVar[str]
    kind: ClassVar[str]
    parts: ClassVar[Mapping[str, Part]]
    form: ClassVar[type[StateForm]]
    columns: ClassVar[tuple[Column, ...]]
    title: ClassVar[Any]
    noun: ClassVar[Any]
    add_label: ClassVar[Any]
    empty: ClassVar[Any]
    lead: ClassVar[Any] = ""
    """A sentence below the title that says what the list is for."""
    icon: ClassVar[str]
    section: ClassVar[str] = "telephones"
    bulk: ClassVar[tuple[str, ...]] = ()
    presets: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    match: ClassVar[tuple[str, ...]] = ()
    """Fields that find the record of a CSV row that has no id."""
    list_template: ClassVar[str] = "core/list.html"
    edit_template: ClassVar[str] = "core/edit.html"
    can_add: ClassVar[bool] = True
    ordered: ClassVar[bool] = False
    """Whether the order of the list means something: it is shown so, and lines can be moved."""
    by_number: ClassVar[Any] = None
    """What such an object is called before its number, where forms of other screens let
    people type the number instead of choosing from a list that may hold thousands."""
    live: ClassVar[bool] = False
    """Whether its list follows the live hub."""
    single: ClassVar[bool] = False
    """Whether there is exactly one record, and so no list: `portal.core.settings_screens`."""

    # ── names ─────────────────────────────────────────────────────────────────────

    @property
    def guarded(self) -> Guarded:
        """The screen as permissions speak of it."""
        return Guarded(self.name, self.title, presets=self.presets)

    @property
    def main(self) -> Part:
        """The part that gives a record its id."""
        return next(iter(self.parts.values()))

    def label(self, record: Record) -> str:
        """How people call a record."""
        return label_of(next(iter(record.objects.values()))) or record.id

    def address(self, id: str, field: str | None = None) -> str:
        """Where a record is shown, at one of its fields."""
        return url_for(f"{self.name}.edit", id=id, _anchor=field)

    def with_number(self, number: str) -> str:
        """The id of the record with a number; "" when there is none."""
        if not (number.isascii() and number.isdigit()):
            return ""  # PostgreSQL refuses to look for some of what can be typed, such as NUL
        query = db.select(DraftObject.key).filter(*self._mine(), DraftObject.number == number)
        return db.session.scalar(query.limit(1)) or ""

    def number_of(self, id: str) -> str:
        """The number of a record; "" when there is no such record."""
        if "\0" in id:
            return ""  # as `draft.find`: PostgreSQL takes no such text
        query = db.select(DraftObject.number).filter(*self._mine(), DraftObject.key == id)
        return db.session.scalar(query) or ""

    def _mine(self) -> tuple[Any, Any]:
        part = self.main
        return DraftObject.service == part.service, DraftObject.collection == part.collection

    def with_ids(
        self,
        objects: Mapping[str, Any],
        record: Record | None,
        used: dict[Part, set[str]] | None = None,
    ) -> dict[str, Any]:
        """The objects of a record, new ones with ids of their own, owned ones with their owner.

        Ids are made from names and numbers and never change afterwards. `used` collects
        the ids that were given out for other new records of the same change.
        """
        found: dict[str, Any] = {}
        for name, part in self.parts.items():
            held = objects.get(name)
            if held is not None and (record is None or name not in record.places):
                taken = used.setdefault(part, set()) if used is not None else set()
                id = free_id(part, self.wanted_id(name, held), taken)
                taken.add(id)
                held = dataclasses.replace(held, id=id)
            if held is not None and part.owned:
                owner = record.id if record else next(iter(found.values())).id
                held = dataclasses.replace(held, user=owner)
            found[name] = held
        return found

    def wanted_id(self, part: str, held: Any) -> str:
        """What the id of a new object is made from."""
        return slug(getattr(held, "number", "")) or slug(label_of(held)) or part or self.kind

    def called(self, field: str, value: str) -> str:
        """What a value is called of a field that the form does not show; "" for as it is."""
        return ""

    # ── reading ───────────────────────────────────────────────────────────────────

    def page(self, search: Search) -> Page:
        """One page of the records that match, within what the account may see."""
        main, others = self._tables()
        query = self._matching(search, main, others)
        total = db.session.scalar(db.select(func.count()).select_from(query.subquery())) or 0
        pages = max(1, -(-total // PAGE_SIZE))
        number = min(max(search.page, 1), pages)
        ordered = query.order_by(*self._order(search, main, others))
        rows = db.session.execute(ordered.limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE))
        records = [self._record(row) for row in rows]
        return Page(records, total, number, pages, search.text, search.sort, search.descending)

    def records(
        self, ids: Iterable[str] | None = None, search: Search | None = None
    ) -> list[Record]:
        """All records, those with the ids, or those that match, in the list's own order."""
        main, others = self._tables()
        query = self._matching(search or Search(), main, others)
        if ids is not None:
            query = query.filter(main.key.in_(list(ids)))
        rows = db.session.execute(query.order_by(main.position, main.id))
        return [self._record(row) for row in rows]

    def get(self, id: str) -> Record | None:
        """One record, or None when there is none within what the account may see."""
        found = self.records([id])
        return found[0] if found else None

    def _tables(self) -> tuple[Any, list[Any]]:
        names = list(self.parts)
        return aliased(DraftObject), [aliased(DraftObject) for _name in names[1:]]

    def _matching(self, search: Search, main: Any, others: list[Any]) -> Select[Any]:
        query = db.select(main, *others).select_from(main)
        for part, table in zip(list(self.parts.values())[1:], others, strict=True):
            query = query.outerjoin(table, table.id == _first_owned(part, main))
        query = query.filter(
            main.service == self.main.service, main.collection == self.main.collection
        )
        query = access().limit(query, main)
        for name, value in search.filters.items():
            if name in {"department", "site"} and value:
                query = query.filter(getattr(main, name) == value)
        # PostgreSQL takes no NUL, not even to look for it; no text of ours holds one.
        if "\0" in search.text:
            query = query.filter(db.false())
        for word in folded(search.text[:LONGEST_SEARCH].replace("\0", " ")).split():
            hits = [t.search.contains(word, autoescape=True) for t in (main, *others)]
            query = query.filter(db.or_(*hits))
        return query

    def _order(self, search: Search, main: Any, others: list[Any]) -> list[Any]:
        """The order by, chosen from the columns by name."""
        column = next((c for c in self.columns if c.field == search.sort and c.sort), None)
        usual = main.position if self.ordered else main.title
        keys = [usual] if column is None else self._sort_keys(column, main, others)
        directed = [key.desc() if search.descending else key for key in keys]
        return [*directed, main.id]

    def _sort_keys(self, column: Column, main: Any, others: list[Any]) -> list[Any]:
        tables = dict(zip(self.parts, (main, *others), strict=True))
        table = tables[column.part] if column.part else main
        if column.main:
            return [table.title]
        if column.field == "number":
            return [func.length(table.number), table.number]
        if column.field in {"department", "site"}:
            return [getattr(table, column.field)]
        return [func.lower(table.data[column.field].as_string())]

    def _record(self, row: Any) -> Record:
        rows = dict(zip(self.parts, row, strict=True))
        main = row[0]
        versions = ".".join(str(each.version if each else 0) for each in row)
        return Record(
            id=main.key,
            version=versions,
            objects={n: draft.instance(r) if r else None for n, r in rows.items()},
            places={n: r.place for n, r in rows.items() if r},
            changed_by=main.changed_by,
            changed_at=main.changed_at,
            department=main.department,
            site=main.site,
        )

    # ── changing ──────────────────────────────────────────────────────────────────

    def edits(
        self, objects: Mapping[str, Any], record: Record | None, version: str | None
    ) -> list[Edit]:
        """The edits that make a record of the objects; `version` is what the editor saw."""
        expected = _versions(version, record, self.parts)
        id = record.id if record else next(iter(objects.values())).id
        found = []
        for name, part in self.parts.items():
            held, place = objects.get(name), record.places.get(name) if record else None
            if place is None and held is None:
                continue
            if place is None:
                place = Place(part.service, part.collection, held.id)
            found.append(Edit(place, held, expected[name]))
        return [*found, *self.further_edits(id, objects, record)]

    def further_edits(
        self, id: str, objects: Mapping[str, Any], record: Record | None
    ) -> Iterator[Edit]:
        """Edits of other objects that belong to the change; a screen may add some."""
        yield from ()

    def moved(self, record: Record, *, up: bool) -> list[Edit]:
        """The edits that let a record change places with its neighbour; none at the end."""
        records = self.records()
        places = [each.places[next(iter(self.parts))] for each in records]
        index = [each.id for each in records].index(record.id)
        other = index - 1 if up else index + 1
        if not 0 <= other < len(records):
            return []
        places[index], places[other] = places[other], places[index]
        known = {each.id: next(iter(each.objects.values())) for each in records}
        return [Edit(p, known[p.id], position=number) for number, p in enumerate(places, 1)]

    def removal(self, record: Record) -> list[Edit]:
        """The edits that remove a record with everything that is its own."""
        return [Edit(place, None) for place in record.places.values()]

    def removals(self, records: Iterable[Record]) -> list[Edit]:
        """The edits that remove several records; each object is edited once."""
        return [edit for record in records for edit in self.removal(record)]

    def removal_notes(self, record: Record) -> list[str]:
        """What else happens when a record is removed, as sentences."""
        return []

    def allowed(self, record: Record, permission: str = "edit") -> bool:
        """Whether the account may do this to this record."""
        may: Access = access()
        return may.allows(f"{self.name}.{permission}") and may.covers(
            record.department, record.site
        )


def _first_owned(part: Part, main: Any) -> Any:
    """The id of the first object of a part that belongs to a row, as a subquery."""
    own = aliased(DraftObject)
    return (
        db.select(func.min(own.id))
        .filter(
            own.service == part.service,
            own.collection == part.collection,
            own.owner == main.key,
        )
        .correlate(main)
        .scalar_subquery()
    )


def _versions(
    version: str | None, record: Record | None, parts: Mapping[str, Part]
) -> dict[str, int | None]:
    """The version that each part was seen in. A new record's objects must be new."""
    if record is None:
        return dict.fromkeys(parts, 0)
    if version is None:
        return dict.fromkeys(parts)
    numbers = version.split(".")
    if len(numbers) != len(parts) or not all(n.isdigit() and len(n) < 10 for n in numbers):
        return dict.fromkeys(parts, -1)
    return {name: int(number) for name, number in zip(parts, numbers, strict=True)}


def label_of(thing: Any) -> str:
    """How people call a State object."""
    # A label first: the `name` of a line is what Asterisk calls it.
    for name in ("full_name", "label", "name", "number", "id"):
        if text := getattr(thing, name, ""):
            return str(text)
    return ""


def slug(text: str) -> str:
    """A text as an id: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", folded(text)).strip("-")[:50].strip("-")


RESERVED = frozenset({"new", "import", "bulk", "export.csv"})
"""Ids that would hide a page of the screen."""


def free_id(part: Part, wanted: str, also: frozenset[str] | set[str] = frozenset()) -> str:
    """`wanted`, or with a number behind it where it is taken, in the draft or in `also`."""
    query = db.select(DraftObject.key).filter(
        DraftObject.service == part.service,
        DraftObject.collection == part.collection,
        DraftObject.key.startswith(wanted, autoescape=True),
    )
    taken = set(db.session.scalars(query))
    return next(each for each in _candidates(wanted) if each not in taken | also | RESERVED)


def _candidates(wanted: str) -> Iterator[str]:
    yield wanted
    for number in range(2, 100_000):
        yield f"{wanted}-{number}"


def screens() -> dict[str, Screen]:
    """The screens of this application by name."""
    return current_app.extensions["screens"]


def screen_of_kind(kind: str) -> Screen | None:
    """The screen that shows objects of a kind."""
    return next((screen for screen in screens().values() if screen.kind == kind), None)


def screen_over(place: Place) -> Screen | None:
    """The screen whose records are the objects of a list, or its settings."""
    return next((each for each in screens().values() if each.main[:2] == place[:2]), None)


def screen_at(place: Place) -> tuple[Screen, str] | None:
    """The screen and record that show the object at a place."""
    for screen in screens().values():
        for part in screen.parts.values():
            if (part.service, part.collection) == (place.service, place.collection):
                id = _owner(place) if part.owned else place.id
                if id or screen.single:
                    return screen, id
    return None


def _owner(place: Place) -> str:
    row = draft.find(place)
    return row.owner if row else ""


def choices(kind: str) -> list[tuple[str, str]]:
    """(id, name) of every object of a kind, by name; for lists to choose from.

    Remembered for the request, or until it changes the draft.
    """
    screen = screen_of_kind(kind)
    if screen is None:
        return []
    known = g.setdefault("choices", {})
    if kind not in known:
        part = screen.main
        query = db.select(DraftObject.key, DraftObject.data).filter_by(
            service=part.service, collection=part.collection
        )
        found = [(key, title_of(data)) for key, data in db.session.execute(query)]
        known[kind] = sorted(found, key=lambda each: folded(each[1]))
    return known[kind]


def state_class(part: Part) -> type:
    """The State class of a part."""
    return kind_at(Place(part.service, part.collection))
