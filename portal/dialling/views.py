"""Who may dial what: the whole table on one page, and questions with the rule that decided.

The answers are those of `appliance.services.outside`, on which the dialplan is tested; this
page only asks.
"""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from appliance.services import outside
from appliance.services.classes_of_service import ClassOfService, Permission
from appliance.services.outside import NEVER_BARRED, Decision, Resolution
from appliance.state.faults import StateError
from appliance.state.system_state import SystemState
from portal.classes_of_service.screen import CELLS, windows
from portal.core import draft
from portal.core.db import transaction
from portal.core.destinations import called
from portal.core.draft import Edit
from portal.core.i18n import _, _l, translated
from portal.core.outside_numbers import CATEGORY_LABELS, e164
from portal.core.pages import name_of
from portal.core.permissions import Guarded, access, requires
from portal.core.screen_views import saved
from portal.core.screens import choices, screens
from portal.extensions.numbers import some_extensions

PAGES = Blueprint("dialling", __name__, url_prefix="/dialling")
GUARDED = (Guarded("dialling", _l("Who may dial what"), presets={"operator": ("view",)}),)

NEVER = ""
LONGEST_TYPED = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed into the question about a call to the outside."""

    caller: str
    dialled: str
    at: datetime.datetime

    @property
    def moment(self) -> str:
        """The moment as a browser's field takes it."""
        return self.at.strftime("%Y-%m-%dT%H:%M")


@PAGES.get("/")
@requires("dialling.view")
def index() -> Any:
    """The table and the two questions; what was asked stands in the address."""
    state, problem = _state()
    asked = _asked(state)
    decision = _decision(state, asked) if state and asked.dialled else None
    number = request.args.get("number", "").strip()[:LONGEST_TYPED]
    from_ = request.args.get("from", "").strip()[:LONGEST_TYPED]
    leads = outside.where_leads(state, e164(number), e164(from_)) if state and number else None
    return render_template(
        "dialling/index.html",
        problem=problem,
        asked=asked,
        decision=decision,
        reason=_reason(decision) if decision else "",
        kind=_kind(decision) if decision else "",
        place=_where_set(decision, state, asked.caller) if decision and state else None,
        attempts=_attempts(decision) if decision else [],
        number=number,
        from_=from_,
        leads=leads,
        way=_way(leads) if leads else "",
        target=_target(leads) if leads else "",
        extensions=some_extensions(),
        classes=_classes(),
        cells=[(name, CATEGORY_LABELS[name]) for name in CELLS],
        always=[CATEGORY_LABELS[name] for name in sorted(NEVER_BARRED)],
        windows=[(NEVER, _("never")), *windows()],
        may_edit=access().allows("dialling.edit") and access().allows("classes_of_service.edit"),
    )


@PAGES.post("/table")
@requires("dialling.edit")
def save_table() -> Any:
    """Take the whole table into the draft. Cells that were not sent stay as they are."""
    if not access().allows("classes_of_service.edit"):
        return redirect(url_for("dialling.index"))
    offered = {value for value, _label in windows()} | {NEVER}
    edits = []
    for row in draft.objects("classes_of_service", "classes"):
        held = draft.instance(row)
        new = replace(held, permissions=_permissions(held, offered))
        seen = request.form.get(f"version-{held.id}", "")
        version = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else -1
        if new != held:
            edits.append(Edit(row.place, new, version))
    try:
        with transaction():
            entry = draft.commit(edits, "draft.change", _("Who may dial what"))
    except draft.Stale:
        text = _("Somebody has changed a class meanwhile: nothing was saved. Look again, please.")
        flash(text, "warning")
        return redirect(url_for("dialling.index"))
    if entry is None:
        flash(_("Nothing was changed."), "info")
    else:
        saved(_("The table is in the draft."), entry)
    return redirect(url_for("dialling.index"))


def _permissions(held: ClassOfService, offered: set[str]) -> tuple[Permission, ...]:
    """The cells of one class as they were sent, those already there in their old order."""
    wanted = {each.category: each.window for each in held.permissions}
    for category in CELLS:
        sent = request.form.get(f"cell-{held.id}-{category}")
        if sent is not None and sent in offered:
            wanted[category] = sent
    return tuple(Permission(category, window) for category, window in wanted.items() if window)


def _classes() -> list[tuple[ClassOfService, int, dict[str, str]]]:
    """(class, its version, category -> window) in their order."""
    found = []
    for row in draft.objects("classes_of_service", "classes"):
        held = draft.instance(row)
        cells = {each.category: each.window for each in held.permissions}
        found.append((held, row.version, cells))
    return found


def _state() -> tuple[SystemState | None, str]:
    """The draft, or why it cannot answer."""
    try:
        state = draft.state()
    except StateError:
        state = None
    if state is None or draft.faults():
        return None, _("The draft has faults. Mend them first: then questions have an answer.")
    return state, ""


def _asked(state: SystemState | None) -> Asked:
    zone = zoneinfo.ZoneInfo(state["organisation"].time_zone) if state else datetime.UTC
    now = datetime.datetime.now(zone).replace(second=0, microsecond=0)
    try:
        typed = datetime.datetime.fromisoformat(request.args.get("at", ""))
        at = typed.replace(tzinfo=zone) if 2000 <= typed.year <= 2100 else now
    except ValueError:
        at = now
    caller = request.args.get("caller", "").strip()[:LONGEST_TYPED]
    return Asked(caller, request.args.get("dialled", "").strip()[:LONGEST_TYPED], at)


def _decision(state: SystemState, asked: Asked) -> Decision:
    return outside.may_dial(state, outside.Request(asked.caller, asked.dialled, asked.at))


def _reason(decision: Decision) -> str:
    values = dict(decision.values)
    if values.get("category") in CATEGORY_LABELS:
        values["category"] = str(CATEGORY_LABELS[values["category"]])
    for name, kind in (("window", "time_window"), ("line", "trunk")):
        if name in values:
            values[name] = name_of(kind, values[name])
    return translated(decision.text, values)


_DECIDED_ON: Mapping[str, str] = {
    "emergency": "numbering",
    "internal": "numbering",
    "number": "numbering",
    "caller": "extensions",
    "lines": "outbound_routes",
    "limit": "call_limits",
    "allow": "classes_of_service",
    "class": "classes_of_service",
}
"""First word of the rule that decided -> the screen on which that rule is changed."""


def _where_set(decision: Decision, state: SystemState, caller: str) -> tuple[str, str]:
    """(the place where the rule that decided is changed, its address or "" when it is closed)."""
    head, _slash, rest = decision.rule.partition("/")
    screen = screens()[_DECIDED_ON[head]]
    id = rest.partition("/")[0] if head == "class" else ""
    if head == "allow" and decision.category not in NEVER_BARRED:
        held = (e.class_of_service for e in state["extensions"].extensions if e.number == caller)
        id = next(held, "")
    label = f"{screen.title}: {name_of('class_of_service', id)}" if id else str(screen.title)
    if not access().allows(f"{screen.name}.view"):
        return label, ""
    return label, screen.address(id) if id else url_for(f"{screen.name}.index")


def _kind(decision: Decision) -> str:
    return str(CATEGORY_LABELS.get(decision.category, ""))


def _attempts(decision: Decision) -> list[tuple[str, str, str]]:
    """(line, number as it is sent, caller's number as it is sent) in the order of trying."""
    return [(name_of("trunk", a.line), a.number, a.presented) for a in decision.attempts]


def _way(leads: Resolution) -> str:
    """The rule that decided, as a sentence."""
    kind, _slash, id = leads.rule.partition("/")
    known = {
        "route": lambda: _("Rule “%(label)s”", label=dict(choices("inbound_route")).get(id, id)),
        "direct": lambda: _("Direct dialling of %(number)s", number=id),
        "range": lambda: _(
            "All other numbers of “%(label)s”", label=dict(choices("did_range")).get(id, id)
        ),
        "unassigned": lambda: _(
            "In our numbers, but nobody has it: callers hear that it is not in use."
        ),
        "unknown": lambda: _("None of our numbers: add it under Numbers."),
    }
    return known[kind]()


def _target(leads: Resolution) -> str:
    target = leads.destination
    return called(target.kind, target.id) if target else ""
