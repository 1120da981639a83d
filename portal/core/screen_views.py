"""The pages of a screen: list, add, change, delete, change many, CSV out and in."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Callable
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_login import current_user
from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.core import csv_files, draft, live
from portal.core.db import UtcTime, db, now, transaction
from portal.core.draft import Edit, Stale
from portal.core.forms import StateForm
from portal.core.i18n import _, _n, fault_text
from portal.core.permissions import access, requires
from portal.core.screens import Record, Screen, Search
from portal.core.settings_screens import THE_RECORD
from portal.core.shapes import locate

KEPT_IMPORTS = datetime.timedelta(hours=1)
SMALL_DRAFT = 3000
"""Objects up to which a page also shows what the checks of the whole draft say of it."""


class StagedImport(db.Model):
    """A file between its preview and the decision to take it."""

    __tablename__ = "staged_imports"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    screen: Mapped[str] = mapped_column(String(63))
    remove_missing: Mapped[bool] = mapped_column()
    draft_version: Mapped[int] = mapped_column()
    content: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime.datetime] = mapped_column(UtcTime, default=now)


def blueprint(screen: Screen) -> Blueprint:
    """The pages of a screen below `/<name>`."""
    pages = Pages(screen)
    made = Blueprint(screen.name, f"portal.{screen.name}", url_prefix=f"/{url_of(screen)}")

    def add(rule: str, view: Callable[..., Any], verb: str, *methods: str) -> None:
        def named(**values: Any) -> Any:
            return view(**values)

        endpoint = "index" if verb == "view" and rule == "/" else view.__name__.rstrip("_")
        guarded = requires(f"{screen.name}.{verb}")(named)
        made.add_url_rule(rule, endpoint, guarded, methods=methods or ("GET",))

    if screen.single:
        add("/", pages.settings, "view")
        add("/", pages.save_settings, "edit", "POST")
        return made
    add("/", pages.index, "view")
    add("/export.csv", pages.export, "view")
    if screen.can_add:
        add("/new", pages.new, "edit", "GET", "POST")
    add("/import", pages.import_, "edit", "GET", "POST")
    add("/import/<token>", pages.import_take, "edit", "POST")
    add("/bulk", pages.bulk, "edit", "POST")
    add("/<id>", pages.edit, "view", "GET", "POST")
    add("/<id>/delete", pages.delete, "edit", "GET", "POST")
    if screen.ordered:
        add("/<id>/move", pages.move, "edit", "POST")
    return made


def url_of(screen: Screen) -> str:
    """The screen's name as an address has it."""
    return screen.name.replace("_", "-")


def search_of(args: Any, default_sort: str = "") -> Search:
    """What the address asks a list for; anything odd falls back to the first page."""
    page = args.get("page", "1")
    return Search(
        text=args.get("q", "").strip(),
        sort=args.get("sort", default_sort),
        descending=args.get("dir") == "desc",
        page=int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1,
        filters={name: args.get(name, "") for name in ("department", "site")},
    )


class Pages:
    """The views of one screen."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen

    # ── list ──────────────────────────────────────────────────────────────────────

    def index(self) -> Any:
        """The list with its search, order and pages."""
        page = self.screen.page(search_of(request.args))
        text = render_template(
            self.screen.list_template,
            screen=self.screen,
            page=page,
            may_edit=access().allows(f"{self.screen.name}.edit"),
        )
        return live.allow(make_response(text)) if self.screen.live else text

    def export(self) -> Response:
        """All records that match the search, as a CSV file."""
        records = self.screen.records(search=search_of(request.args))
        delimiter = "," if request.args.get("separator") == "comma" else ";"
        content = csv_files.write(self.screen, records, delimiter)
        name = f"{url_of(self.screen)}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(content, mimetype="text/csv", headers=headers)

    # ── one record ────────────────────────────────────────────────────────────────

    def new(self) -> Any:
        """Add a record."""
        form = self.screen.form()
        if form.validate_on_submit():
            objects = self.screen.with_ids(form.objects, None)
            if answer := self._save(form, objects, None, None):
                return answer
        return self._form_page(form, None), 422 if request.method == "POST" else 200

    def settings(self) -> Any:
        """The only record of a screen without a list."""
        return self.edit(THE_RECORD)

    def save_settings(self) -> Any:
        """Change the only record."""
        return self.edit(THE_RECORD)

    def edit(self, id: str) -> Any:
        """Show or change a record. A write must name the version that was read."""
        record = self.screen.get(id) or abort(404)
        form = self.screen.form(record.objects)
        if request.method == "GET":
            return Response(self._form_page(form, record), headers={"ETag": f'"{record.version}"'})
        if not self.screen.allowed(record):
            abort(403)
        version = version_seen()
        if form.validate_on_submit():
            objects = self.screen.with_ids(form.objects, record)
            if answer := self._save(form, objects, record, version):
                return answer
            record = self.screen.get(id) or abort(404)
            differences = form.changes(record.objects)
            return self._form_page(form, record, differences), 412
        return self._form_page(form, record, seen=version), 422

    def delete(self, id: str) -> Any:
        """Ask, then remove a record with everything that is its own."""
        record = self.screen.get(id) or abort(404)
        if not self.screen.allowed(record):
            abort(403)
        if request.method == "GET":
            return render_template("core/delete.html", screen=self.screen, record=record)
        label = self.screen.label(record)
        with transaction():
            entry = draft.commit(self.screen.removal(record), "draft.delete", label)
        saved(_("“%(label)s” is deleted.", label=label), entry)
        return redirect(self._list())

    def move(self, id: str) -> Any:
        """Let a record change places with the one above or below it."""
        record = self.screen.get(id) or abort(404)
        if not self.screen.allowed(record):
            abort(403)
        edits = self.screen.moved(record, up=request.form.get("to") != "down")
        with transaction():
            entry = draft.commit(edits, "draft.move", self.screen.label(record))
        if entry is not None:
            saved(_("“%(label)s” is moved.", label=self.screen.label(record)), entry)
        return redirect(self._list())

    def _save(
        self, form: StateForm, objects: dict[str, Any], record: Record | None, version: str | None
    ) -> Any:
        """Save and go on; None when somebody else was faster, or the change is out of scope."""
        if not self._in_scope(objects):
            form.other_faults.append(_("This lies outside the departments or sites you manage."))
            return None
        edits = self.screen.edits(objects, record, version)
        label = str(self.screen.title) if self.screen.single else csv_files.first_label(objects)
        try:
            with transaction():
                entry = draft.commit(edits, "draft.edit", label)
        except Stale:
            return None
        if entry is None:
            flash(_("Nothing was changed."), "info")
        else:
            saved(_("“%(label)s” is saved in the draft.", label=label), entry)
        id = record.id if record else next(iter(objects.values())).id
        if request.form.get("then") == "another" and record is None:
            return redirect(url_for(f"{self.screen.name}.new"))
        return redirect(self.screen.address(id))

    def _in_scope(self, objects: dict[str, Any]) -> bool:
        main = next(iter(objects.values()))
        return access().covers(getattr(main, "department", ""), getattr(main, "site", ""))

    def _form_page(
        self,
        form: StateForm,
        record: Record | None,
        differences: Any = None,
        seen: str | None = None,
    ) -> str:
        return render_template(
            self.screen.edit_template,
            screen=self.screen,
            form=form,
            record=record,
            version=seen or (record.version if record else ""),
            differences=differences,
            faults=faults_of(record) if record else [],
            may_edit=self.screen.allowed(record) if record else True,
        )

    # ── many records ──────────────────────────────────────────────────────────────

    def bulk(self) -> Any:
        """Change or delete all chosen records at once; one entry, one undo."""
        records = self._chosen()
        if not records:
            flash(_("Choose at least one line first."), "warning")
            return redirect(self._list())
        if any(not self.screen.allowed(record) for record in records):
            abort(403)
        if request.form.get("act") == "delete":
            return self._bulk_delete(records)
        return self._bulk_change(records)

    def _chosen(self) -> list[Record]:
        if request.form.get("all") == "matching":
            return self.screen.records(search=search_of(request.form))
        return self.screen.records(request.form.getlist("id"))

    def _bulk_delete(self, records: list[Record]) -> Any:
        if request.form.get("sure") != "yes":
            return render_template("core/bulk_delete.html", screen=self.screen, records=records)
        edits = self.screen.removals(records)
        self._commit_many(edits, "draft.delete", len(records))
        return redirect(self._list())

    def _bulk_change(self, records: list[Record]) -> Any:
        wanted = [name for name in self.screen.bulk if request.form.get(f"set-{name}")]
        posted = request.form.get("step") == "save"
        form = self.screen.form(formdata=request.form if posted else None)
        if posted and wanted:
            edits, problems = self._bulk_edits(records, frozenset(wanted))
            if not problems:
                self._commit_many(edits, "draft.bulk", len(records))
                return redirect(self._list())
            form.other_faults = problems
        page = render_template(
            "core/bulk.html", screen=self.screen, form=form, records=records, wanted=wanted
        )
        return page, 422 if posted else 200

    def _bulk_edits(
        self, records: list[Record], wanted: frozenset[str]
    ) -> tuple[list[Edit], list[str]]:
        edits, problems = [], []
        for record in records:
            form = self.screen.form(record.objects, formdata=request.form)
            form.applied = wanted
            if not form.validate():
                texts = [str(e) for f in form.state_fields() for e in f.errors]
                label = self.screen.label(record)
                problems += [f"{label}: {text}" for text in [*texts, *form.other_faults]]
                if len(problems) >= 5:
                    break
            elif not self._in_scope(form.objects):
                problems.append(_("This lies outside the departments or sites you manage."))
                break
            edits += self.screen.edits(form.objects, record, record.version)
        return edits, problems

    def _commit_many(self, edits: list[Edit], action: str, count: int) -> None:
        subject = f"{self.screen.title}: {count}"
        with transaction():
            entry = draft.commit(edits, action, subject)
        if entry is None:
            flash(_("Nothing was changed."), "info")
        else:
            text = _n("%(num)d record is changed.", "%(num)d records are changed.", count)
            saved(text, entry)

    # ── CSV in ────────────────────────────────────────────────────────────────────

    def import_(self) -> Any:
        """Take a file and show what it would do."""
        if request.method == "GET":
            return self._import_page()
        upload = request.files.get("file")
        pasted = request.form.get("pasted", "").strip()
        content = upload.read(csv_files.LARGEST_FILE + 1) if upload and upload.filename else b""
        content = content or pasted.encode()
        if not content:
            return self._import_page(_("Choose a file or paste lines first.")), 422
        remove = request.form.get("remove_missing") == "yes"
        try:
            preview = self._preview(content, remove)
        except csv_files.CsvError as error:
            return self._import_page(str(error)), 422
        token = "" if preview.problems or preview.empty else self._stage(content, remove)
        status = 422 if preview.problems else 200
        return self._preview_page(preview, token), status

    def import_take(self, token: str) -> Any:
        """Make the import that was looked at; look again when the draft changed meanwhile."""
        staged = db.session.get(StagedImport, token)
        known = staged is not None and staged.screen == self.screen.name
        if not known or staged.account_id != current_user.id:
            abort(404)
        preview = self._preview(staged.content, staged.remove_missing)
        if staged.draft_version != draft.version() or preview.problems:
            flash(_("The draft has changed meanwhile: this is the new preview."), "warning")
            token = "" if preview.problems else self._stage(staged.content, staged.remove_missing)
            return self._preview_page(preview, token), 412
        with transaction():
            db.session.delete(staged)
            entry = draft.commit(preview.edits, "draft.import", f"{self.screen.title}: CSV")
        saved(_("The file is taken into the draft."), entry)
        return redirect(self._list())

    def _preview(self, content: bytes, remove: bool) -> csv_files.Preview:
        table = csv_files.read(self.screen, content)
        importing = csv_files.Import(self.screen, table)
        preview = importing.run(remove_missing=remove)
        if preview.edits and access().scope != "all" and not access().everything:
            self._refuse_out_of_scope(preview)
        return preview

    def _refuse_out_of_scope(self, preview: csv_files.Preview) -> None:
        """A scoped account may only add and keep what lies in its scope."""
        for edit in preview.edits:
            department = getattr(edit.after, "department", None)
            if department is not None and not access().covers(
                department, getattr(edit.after, "site", "")
            ):
                text = _("This lies outside the departments or sites you manage.")
                preview.problems.append((0, str(edit.place), text))
                return

    def _stage(self, content: bytes, remove: bool) -> str:
        token = secrets.token_urlsafe(24)
        with transaction():
            old = db.delete(StagedImport).where(StagedImport.at < now() - KEPT_IMPORTS)
            db.session.execute(old)
            db.session.add(
                StagedImport(
                    id=token,
                    account_id=current_user.id,
                    screen=self.screen.name,
                    remove_missing=remove,
                    draft_version=draft.version(),
                    content=content,
                )
            )
        return token

    def _import_page(self, problem: str = "") -> str:
        return render_template(
            "core/import.html",
            screen=self.screen,
            names=csv_files.field_names(self.screen),
            problem=problem,
        )

    def _preview_page(self, preview: csv_files.Preview, token: str) -> str:
        return render_template(
            "core/import_preview.html", screen=self.screen, preview=preview, token=token
        )

    def _list(self) -> str:
        return url_for(f"{self.screen.name}.index")


def version_seen() -> str:
    """The version that the editor has read; 428 when the request names none."""
    named = request.headers.get("If-Match", "").strip().strip('"')
    version = named or request.form.get("version", "")
    if not version:
        abort(428)
    return version


def saved(text: str, entry: Any) -> None:
    """Tell that something was saved, with the way to take it back."""
    flash({"text": text, "undo": entry.id if entry else None}, "saved")


def faults_of(record: Record) -> list[dict[str, str]]:
    """What the checks of the whole draft say of a record; nothing for a very large draft."""
    count = db.session.scalar(db.select(db.func.count(draft.DraftObject.id))) or 0
    if count > SMALL_DRAFT:
        return []
    places = set(record.places.values())
    found = []
    for fault in draft.faults():
        located = locate(fault.where)
        if located and located.place in places:
            found.append({"field": located.field.split("/")[0], "text": fault_text(fault)})
    return found
