"""Every number of a block with who gets it, and giving the block to people all at once.

Who gets a number is never decided here: the engine's own inbound resolution says it, for the
block as it is or as it would be with other digits for direct dialling.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for

from appliance.services import outside
from appliance.services.dids import DidRange
from appliance.services.outside import Resolution
from appliance.state.codec import decode, encode, reveal
from appliance.state.faults import StateError
from portal.core import draft
from portal.core.db import transaction
from portal.core.destinations import called
from portal.core.draft import DraftObject, Edit, Stale
from portal.core.i18n import _, fault_text
from portal.core.pages import name_of
from portal.core.permissions import access, requires
from portal.core.screen_views import saved
from portal.core.shapes import Place
from portal.dids.ranges import written
from portal.extensions.numbers import names

PAGES = Blueprint("did_numbers", __name__, url_prefix="/did-numbers")

SHOWN = 100
"""Numbers on one page."""


class Line(NamedTuple):
    """One number: who gets it, by which rule, and how it would be with the digits asked for."""

    number: str
    now: str
    why: str
    then: str


class Leads(NamedTuple):
    """One number, where it leads, and where it would."""

    number: str
    before: Resolution
    after: Resolution


@PAGES.get("/<id>")
@requires("dids.view")
def index(id: str) -> Any:
    """The numbers of a block, a page at a time; with digits, what they would change."""
    row, held = _found(id)
    problem = ""
    try:
        wished = _wished(held)
    except StateError as error:
        wished, problem = held, fault_text(error.faults[0])
    leads: list[Leads] = []
    if draft.faults():
        problem = _("The draft has faults. Mend them first: then the numbers can be shown.")
    else:
        leads = _leads(held, wished)
    free = sum(each.after.destination is None for each in leads)
    changed = sum(each.before.destination != each.after.destination for each in leads)
    if request.args.get("show") == "free":
        leads = [each for each in leads if each.after.destination is None]
    pages = max(1, -(-len(leads) // SHOWN))
    number = _page_number(pages)
    shown = leads[(number - 1) * SHOWN : number * SHOWN]
    return render_template(
        "dids/numbers.html",
        held=held,
        wished=wished,
        label=held.label or written(held.first, held.last),
        version=row.version,
        lines=list(_lines(shown)),
        free=free,
        changed=changed,
        number=number,
        pages=pages,
        problem=problem,
        may_edit=access().allows("dids.edit"),
    )


@PAGES.post("/<id>")
@requires("dids.edit")
def save(id: str) -> Any:
    """Take the digits that were looked at into the draft."""
    row, held = _found(id)
    seen = request.form.get("version", "")
    version = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else -1
    try:
        wished = _wished(held)
        with transaction():
            entry = draft.commit([Edit(row.place, wished, version)], "draft.edit", id)
    except StateError as error:
        flash(fault_text(error.faults[0]), "warning")
    except Stale:
        flash(_("Somebody has changed this meanwhile. This is how it is now."), "warning")
    else:
        label = held.label or written(held.first, held.last)
        saved(_("“%(label)s” is saved in the draft.", label=label), entry)
    return redirect(url_for("did_numbers.index", id=id))


def _found(id: str) -> tuple[DraftObject, DidRange]:
    row = draft.find(Place("dids", "ranges", id)) or abort(404)
    return row, draft.instance(row)


def _wished(held: DidRange) -> DidRange:
    """The block with the digits that were asked for; StateError when they are none."""
    digits = request.values.get("digits")
    if digits is None:
        return held
    typed = digits.strip()
    plain = encode(held, reveal)
    number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 4 else typed
    prefix = request.values.get("prefix", "").strip()
    wished = {"direct_digits": number, "direct_prefix": prefix if number else ""}
    return decode(DidRange, {**plain, **wished})


def _leads(held: DidRange, wished: DidRange) -> list[Leads]:
    """Every number of the block as it is and as it would be. A block may have 100,000, so
    nothing is put into words here."""
    state = draft.state()
    now = list(outside.all_leads(state, held))
    if wished == held:
        return [Leads(number, found, found) for number, found in now]
    then = outside.all_leads(state, wished)
    return [Leads(number, old, new) for (number, old), (_same, new) in zip(now, then, strict=True)]


def _lines(leads: list[Leads]) -> Iterator[Line]:
    """The numbers of a page in words."""
    people = names()
    for number, before, after in leads:
        yield Line(number, _goes_to(before, people), _why(after), _goes_to(after, people))


def _goes_to(found: Resolution, people: dict[str, str]) -> str:
    target = found.destination
    if target is None:
        return ""
    name = people.get(target.id, "") if target.kind == "extension" else ""
    return f"{called(target.kind, target.id)} {name}".strip()


def _why(found: Resolution) -> str:
    kind, _slash, id = found.rule.partition("/")
    if kind == "route":
        return _("Rule “%(label)s”", label=name_of("inbound_route", id))
    if kind == "direct":
        return _("direct dialling")
    return _("the block's other numbers") if kind == "range" else _("nobody")


def _page_number(pages: int) -> int:
    typed = request.args.get("page", "1")
    number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 7 else 1
    return min(max(number, 1), pages)
