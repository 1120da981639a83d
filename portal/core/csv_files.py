"""CSV out and in: a file that a spreadsheet can change and the portal takes back.

An import is first only looked at: what it would add, change and delete, and what is
wrong with which line. It is then made as a whole or not at all.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from appliance.state.faults import Fault
from portal.core import draft
from portal.core.db import db
from portal.core.draft import Edit
from portal.core.forms import Choice, StateForm, Switch
from portal.core.i18n import _, fault_text
from portal.core.screens import Part, Record, Screen, label_of
from portal.core.shapes import folded

LARGEST_FILE = 8 * 1024 * 1024
MOST_ROWS = 20_000
LONGEST_CELL = 2_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula (CWE-1236)."""
_YES = {"yes", "si", "true", "1", "x", "y", "s", "vero"}


class CsvError(ValueError):
    """The file as a whole cannot be used; the message says why."""


def guarded(text: str) -> str:
    """A cell that no spreadsheet runs; `unguarded` gives the text back."""
    return f"'{text}" if text.startswith((*_FORMULA, "'")) else text


def unguarded(text: str) -> str:
    """The text of a cell that `guarded` has written, or that a person has typed."""
    return text[1:] if text.startswith("'") and text[1:].startswith((*_FORMULA, "'")) else text


# ── out ───────────────────────────────────────────────────────────────────────────────


def write(screen: Screen, records: Iterable[Record], delimiter: str = ";") -> bytes:
    """The records as a CSV file in UTF-8 with a mark, as Excel wants it."""
    names = field_names(screen)
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(["id", *names])
    for record in records:
        form = empty_form(screen, record)
        writer.writerow([record.id, *(guarded(form[name].text()) for name in names)])
    return ("\ufeff" + out.getvalue()).encode()


def empty_form(screen: Screen, record: Record | None) -> StateForm:
    """The screen's form holding a record, outside any page."""
    objects = record.objects if record else None
    return screen.form(objects, formdata=None, meta={"csrf": False})


def field_names(screen: Screen) -> list[str]:
    """The columns of the screen's files: stable names, those of the State classes."""
    return [field.name for field in empty_form(screen, None).state_fields() if field.in_csv]


# ── in ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Table:
    """A read file: its columns by field name, and (line, cells) for each row."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    note: str = ""


@dataclass(slots=True)
class Preview:
    """What an import would do. Nothing is done when `problems` holds anything."""

    added: list[tuple[int, str]] = field(default_factory=list)
    changed: list[tuple[int, str, list[tuple[Any, str, str]]]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    same: int = 0
    problems: list[tuple[int, str, str]] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    note: str = ""

    @property
    def empty(self) -> bool:
        """Whether nothing would change."""
        return not self.edits and not self.problems


def read(screen: Screen, content: bytes) -> Table:
    """The table in a file; CsvError when it is too large, no text, or has unknown columns."""
    if len(content) > LARGEST_FILE:
        raise CsvError(_("The file is larger than %(most)d MB.", most=LARGEST_FILE // 2**20))
    text, note = _decoded(content)
    if "\0" in text:
        raise CsvError(_("This is not a text file. Save it as CSV and try again."))
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        rows = tuple(_rows(reader, len(header)))
    except csv.Error as error:
        raise CsvError(_("Line %(line)d cannot be read.", line=reader.line_num)) from error
    return Table(_columns(screen, header), rows, note)


def _decoded(content: bytes) -> tuple[str, str]:
    """The text, and a remark when its encoding had to be guessed."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace"), ""
    try:
        return content.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    if "\ufffd" in text:
        raise CsvError(_("The letters of this file cannot be read. Save it as CSV UTF-8."))
    return text, _("The file was read as Windows-1252: look whether the accents are right.")


def _delimiter(text: str) -> str:
    head = text.partition("\n")[0]
    return max((";", ",", "\t"), key=head.count)


def _rows(reader: Any, width: int) -> Iterator[tuple[int, tuple[str, ...]]]:
    for count, cells in enumerate(reader, 1):
        if count > MOST_ROWS:
            raise CsvError(_("The file has more than %(most)d rows.", most=MOST_ROWS))
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > width:
            raise CsvError(_("Line %(line)d has too many cells.", line=reader.line_num))
        if any(len(cell) > LONGEST_CELL for cell in cells):
            raise CsvError(_("Line %(line)d has a cell that is too long.", line=reader.line_num))
        filled = [*cells, *[""] * (width - len(cells))]
        yield reader.line_num, tuple(unguarded(cell.strip()) for cell in filled)


def _columns(screen: Screen, header: list[str]) -> tuple[str, ...]:
    """The fields that the header names, by their stable names or their labels."""
    fields = empty_form(screen, None).state_fields()
    known = {"id": "id"} | {folded(str(f.label.text)): f.name for f in fields if f.in_csv}
    known |= {f.name: f.name for f in fields if f.in_csv}
    names = [folded(unguarded(cell.strip())) for cell in header]
    unknown = [cell for cell, name in zip(header, names, strict=True) if name not in known]
    if not names or unknown:
        shown = ", ".join(cell[:40] for cell in unknown) or "–"
        fitting = ", ".join(["id", *(f.name for f in fields if f.in_csv)])
        text = _(
            "Unknown columns: %(unknown)s. The first line may name: %(known)s.",
            unknown=shown,
            known=fitting,
        )
        raise CsvError(text)
    found = tuple(known[name] for name in names)
    if len(set(found)) < len(found):
        raise CsvError(_("A column is named twice."))
    return found


class Import:
    """One import being looked at: matches rows with records and collects the edits."""

    def __init__(self, screen: Screen, table: Table) -> None:
        self.screen, self.table = screen, table
        self.preview = Preview(note=table.note)
        self._records = {record.id: record for record in screen.records()}
        self._by_match = self._index()
        self._used: dict[Part, set[str]] = {}
        self._seen: set[str] = set()

    def run(self, *, remove_missing: bool) -> Preview:
        """Everything that the file would do, checked as a whole against the draft."""
        for line, cells in self.table.rows:
            self._row(line, dict(zip(self.table.columns, cells, strict=True)))
        if remove_missing:
            self._remove_missing()
        if self.preview.edits and not self.preview.problems:
            for fault in new_faults(self.preview.edits):
                self.preview.problems.append((0, fault.where, fault_text(fault)))
        return self.preview

    def _index(self) -> dict[tuple[str, str], Record]:
        found = {}
        for record in self._records.values():
            for name in self.screen.match:
                if text := _held(record, name):
                    found[name, text] = record
        return found

    def _row(self, line: int, cells: dict[str, str]) -> None:
        record = self._match(line, cells)
        if record is not None and record.id in self._seen:
            self._problem(line, "id", _("This record stands in the file twice."))
            return
        form = self._form(record, cells)
        if not form.validate():
            for each in form.state_fields():
                for error in each.errors:
                    self._problem(line, each.name, str(error))
            for error in form.other_faults:
                self._problem(line, "", error)
            return
        if record is not None:
            self._seen.add(record.id)
        elif cells.get("id"):
            self._problem(line, "id", _("There is no record with this id."))
            return
        self._take(line, record, form)

    def _match(self, line: int, cells: Mapping[str, str]) -> Record | None:
        if cells.get("id"):
            return self._records.get(cells["id"])
        for name in self.screen.match:
            found = self._by_match.get((name, cells.get(name, "")))
            if found is not None:
                return found
        return None

    def _form(self, record: Record | None, cells: Mapping[str, str]) -> StateForm:
        typed = {name: text for name, text in cells.items() if name != "id"}
        shown = empty_form(self.screen, record)
        data = MultiDict({name: _typed(shown[name], text) for name, text in typed.items()})
        objects = record.objects if record else None
        form = self.screen.form(objects, formdata=data, meta={"csrf": False})
        form.applied = frozenset(typed)
        return form

    def _take(self, line: int, record: Record | None, form: StateForm) -> None:
        objects = self.screen.with_ids(form.objects, record, self._used)
        edits = self.screen.edits(objects, record, None)
        if record is None:
            self.preview.added.append((line, first_label(objects)))
        else:
            if objects == dict(record.objects):
                self.preview.same += 1
                return
            differences = [
                (each.label.text, before, each.text())
                for each, before, _mine in form.changes(record.objects)
                if each.name in (form.applied or ())
            ]
            self.preview.changed.append((line, self.screen.label(record), differences))
        self.preview.edits += edits

    def _remove_missing(self) -> None:
        left = [record for record in self._records.values() if record.id not in self._seen]
        self.preview.removed += [self.screen.label(record) for record in left]
        self.preview.edits += self.screen.removals(left)

    def _problem(self, line: int, name: str, text: str) -> None:
        self.preview.problems.append((line, name, text))


def _held(record: Record, name: str) -> str:
    return next((str(v) for o in record.objects.values() if (v := getattr(o, name, ""))), "")


def first_label(objects: Mapping[str, Any]) -> str:
    """What people call the main object of a record."""
    return label_of(next(iter(objects.values())))


def _typed(field: Any, text: str) -> str:
    """A cell as the form would have sent it: switches and names of choices."""
    if isinstance(field, Switch):
        return "1" if folded(text) in _YES else ""
    if isinstance(field, Choice):
        by_name = {folded(str(label)): str(value) for value, label in field.pairs()}
        return by_name.get(folded(text), text)
    return text


def new_faults(edits: list[Edit]) -> list[Fault]:
    """The faults that the draft would have after the edits and has not now.

    The edits are made and taken back; nothing of them stays.
    """
    before = set(map(str, draft.faults()))
    with db.session.begin_nested() as trial:
        draft.commit(edits, "draft.trial")
        after = draft.faults_of_data()
        trial.rollback()
    db.session.expire_all()
    return [fault for fault in after if str(fault) not in before]
