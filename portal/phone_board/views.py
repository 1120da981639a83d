"""The pages of the board, and what can be done to one telephone."""

from __future__ import annotations

from typing import Any

import segno
from flask import (
    Blueprint,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from markupsafe import Markup

from portal.core import audit, draft, live
from portal.core.db import transaction
from portal.core.draft import Edit
from portal.core.engine import running_state, status
from portal.core.i18n import _, _l, translated
from portal.core.permissions import Guarded, access, requires
from portal.core.shapes import Place
from portal.phone_board import board
from portal.phone_board.server import now, server
from provisioning import enrolment
from provisioning.client import Opened, Refused, ServerUnreachable

PAGES = Blueprint("phone_board", __name__, url_prefix="/phone-board")
GUARDED = (
    Guarded("phone_board", _l("Configuration of telephones"), presets={"operator": ("view",)}),
)

PAGE_SIZE = 100
OPEN_MINUTES = (5, 15, 60)


@PAGES.get("/")
@requires("phone_board.view")
def index() -> Any:
    """All telephones, those with a trouble first."""
    problem, found = _rows()
    chosen, text = request.args.get("status", ""), request.args.get("q", "").strip()
    shown = [row for row in found if chosen in ("", row.status) and (not text or row.holds(text))]
    page = render_template(
        "phone_board/index.html",
        rows=shown[:PAGE_SIZE],
        more=max(0, len(shown) - PAGE_SIZE),
        counts=board.counts(found),
        statuses=board.STATUSES,
        colours=board.COLOURS,
        chosen=chosen,
        text=text,
        problem=problem,
    )
    return live.allow(make_response(page))


@PAGES.get("/dhcp")
@requires("phone_board.view")
def dhcp() -> Any:
    """What the company's DHCP server must say so that new telephones come here."""
    try:
        lines, problem = server().dhcp(), ""
    except ServerUnreachable as error:
        lines, problem = {}, str(error)
    return render_template("phone_board/dhcp.html", lines=lines, problem=problem)


@PAGES.get("/<id>")
@requires("phone_board.view")
def phone(id: str) -> Any:
    """One telephone."""
    return live.allow(make_response(_page(_row(id))))


@PAGES.post("/<id>/open")
@requires("phone_board.edit")
def open_(id: str) -> Any:
    """Open the first stage; its address is shown on this one page and never again."""
    row = _row(id)
    minutes = request.form.get("minutes", "")
    allowed = [str(each) for each in OPEN_MINUTES]
    seconds = 60 * int(minutes) if minutes in allowed else 60 * OPEN_MINUTES[0]
    try:
        opened = server().open(id, seconds)
    except (Refused, ServerUnreachable) as error:
        return _refused(id, error)
    _record("phone.open", row)
    return _page(_row(id), opened=opened)


@PAGES.post("/<id>/close")
@requires("phone_board.edit")
def close(id: str) -> Any:
    """Close the first stage."""
    return _act(id, "phone.close", lambda: server().close(id), _("The address is closed."))


@PAGES.post("/<id>/revoke")
@requires("phone_board.edit")
def revoke(id: str) -> Any:
    """Give a lost telephone nothing any more, from this moment on."""
    text = _("This telephone gets nothing any more. Now give it new secrets and apply them.")
    return _act(id, "phone.revoke", lambda: server().revoke(id), text)


@PAGES.post("/<id>/resync")
@requires("phone_board.edit")
def resync(id: str) -> Any:
    """Have the telephone fetch its file now."""
    text = _("The telephone is told to fetch its file, as soon as it is not in a call.")
    return _act(id, "phone.resync", lambda: server().resync(id), text)


@PAGES.post("/<id>/renew")
@requires("phone_board.edit")
def renew(id: str) -> Any:
    """New secrets in the draft: for a telephone that was lost, replaced or reset."""
    row = _row(id)
    held = draft.find(Place("devices", "devices", id)) or abort(404)
    with transaction():
        new = enrolment.renewed(draft.instance(held))
        draft.commit([Edit(held.place, new, held.version)], "phone.renew", row.label)
    flash(_("The new secrets are in the draft: apply them, then open the first visit."), "info")
    return redirect(url_for("phone_board.phone", id=id))


@PAGES.post("/<id>/reveal")
@requires("phone_board.edit")
def reveal(id: str) -> Any:
    """The file with its secrets; who looked is recorded."""
    row = _row(id)
    _record("phone.reveal", row)
    return _page(row, reveal=True)


def _rows() -> tuple[str, list[board.Row]]:
    """Why the server's facts are missing ("" when they are not), and all rows in scope."""
    problem, known = "", {}
    try:
        known = server().phones()
    except ServerUnreachable as error:
        problem = str(error)
    state = running_state((status() or {}).get("current", 0))
    found = board.rows(state, known)
    return problem, [row for row in found if access().covers("", row.device.site)]


def _row(id: str) -> board.Row:
    found = next((row for row in _rows()[1] if row.id == id), None)
    return found or abort(404)


def _page(row: board.Row, *, opened: Opened | None = None, reveal: bool = False) -> str:
    text, problems = "", []
    try:
        text, found = server().file(row.id, reveal=reveal)
        problems = [translated(each.text, dict(each.values)) for each in found]
    except (ServerUnreachable, Refused) as error:
        problems = [translated(str(error))]
    return render_template(
        "phone_board/phone.html",
        row=row,
        statuses=board.STATUSES,
        colours=board.COLOURS,
        text=text,
        problems=problems,
        opened=opened,
        code=qr(opened.url) if opened else "",
        seconds=opened.until - now() if opened else 0,
        minutes=OPEN_MINUTES,
        revealed=reveal,
        may_edit=access().allows("phone_board.edit"),
    )


def qr(text: str) -> Markup:
    """A QR code as SVG without styles of its own, which the page's policy would refuse."""
    made = segno.make(text, error="m", micro=False)
    return Markup(  # noqa: S704 - made by segno from the text, as paths
        made.svg_inline(scale=4, border=2, svgclass="qr", lineclass=None, omitsize=True)
    )


def _act(id: str, action: str, act: Any, text: str) -> Any:
    row = _row(id)
    try:
        act()
    except (Refused, ServerUnreachable) as error:
        return _refused(id, error)
    _record(action, row)
    flash(text, "info")
    return redirect(url_for("phone_board.phone", id=id))


def _refused(id: str, error: Exception) -> Any:
    flash(translated(str(error)), "warning")
    return redirect(url_for("phone_board.phone", id=id))


def _record(action: str, row: board.Row) -> None:
    with transaction():
        audit.record(action, row.label, device=row.id)
