"""What all templates share: the menu, icons, moments, the account's theme."""

from __future__ import annotations

import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from flask import Flask, g, request, url_for
from flask_babel import format_datetime, format_timedelta
from flask_login import current_user
from markupsafe import Markup

from portal.core import audit, pending
from portal.core.engine import status
from portal.core.i18n import LANGUAGES, _, _l, decimal, language
from portal.core.permissions import access, profile_label
from portal.core.screens import choices, screens
from portal.core.sentences import grouped


class Entry(NamedTuple):
    """One line of the menu; `permission` decides whether it is shown."""

    endpoint: str
    label: Any
    icon: str
    permission: str


class Section(NamedTuple):
    """A group of the menu; screens name theirs by `section`."""

    name: str
    label: Any
    entries: tuple[Entry, ...] = ()


SECTIONS = (
    Section(
        "start",
        None,
        (Entry("dashboard.index", _l("Overview"), "layout-dashboard", "dashboard.view"),),
    ),
    Section(
        "telephones",
        _l("Telephones"),
        (Entry("phone_board.index", _l("Configuration"), "download", "phone_board.view"),),
    ),
    Section("calls", _l("Calls")),
    Section(
        "lines",
        _l("Lines and numbers"),
        (
            Entry("dialling.index", _l("Who may dial what"), "help-circle", "dialling.view"),
            Entry("branches.index", _l("Branches"), "route", "branches.view"),
        ),
    ),
    Section(
        "effect",
        _l("Put into effect"),
        (
            Entry("changes.index", _l("Changes"), "git-compare", "changes.view"),
            Entry("lint.index", _l("Checks"), "checklist", "lint.view"),
        ),
    ),
    Section(
        "house",
        _l("House"),
        (
            Entry("accounts.index", _l("Accounts"), "user-shield", "accounts.view"),
            Entry("audit.index", _l("Audit log"), "history", "audit.view"),
        ),
    ),
    Section(
        "machine",
        _l("Machine"),
        (
            Entry("system.index", _l("System"), "server-cog", "system.view"),
            Entry("alarms.index", _l("Alarms"), "bell", "alarms.view"),
            Entry("backups.index", _l("Backups"), "device-floppy", "backups.view"),
            Entry("updates.index", _l("Updates"), "versions", "updates.view"),
            Entry("services.index", _l("Services"), "activity", "services.view"),
            Entry("captures.index", _l("Captures"), "wave-sine", "captures.view"),
            Entry("banned.index", _l("Bans"), "shield-lock", "bans.view"),
            Entry("certificates.index", _l("Certificates"), "certificate", "certificates.view"),
            Entry("support.index", _l("Support file"), "lifebuoy", "support.edit"),
        ),
    ),
)


def icon(name: str) -> Markup:
    """An icon of the sprite, as decoration: what it means is said beside it."""
    return _icon(url_for("static", filename="icons.svg"), name)


@lru_cache(maxsize=512)
def _icon(address: str, name: str) -> Markup:
    """A page has a hundred icons, the portal a hundred different ones. Bounded, since a request
    has a say in the address: a server may be told a prefix for it."""
    plain = Markup('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>')
    return plain.format(address, name)


def menu() -> list[tuple[Section, list[Entry]]]:
    """The menu of the signed-in account: only what it may see."""
    may = access()
    found = []
    for section in SECTIONS:
        own = [
            Entry(f"{s.name}.index", s.title, s.icon, f"{s.name}.view")
            for s in screens().values()
            if s.section == section.name
        ]
        entries = [e for e in (*own, *section.entries) if may.allows(e.permission)]
        if entries:
            found.append((section, entries))
    return found


def moment(value: datetime.datetime | str | None) -> str:
    """A moment as date and time of day."""
    if not value:
        return "–"
    parsed = datetime.datetime.fromisoformat(value) if isinstance(value, str) else value
    return format_datetime(parsed, "short")


def author(name: str) -> str:
    """Who did something, as a list shows it."""
    return _("this system") if name == audit.SYSTEM else name


def ago(value: datetime.datetime | None) -> str:
    """How long ago a moment is."""
    if value is None:
        return "–"
    return format_timedelta(value - datetime.datetime.now(datetime.UTC), add_direction=True)


def theme() -> str:
    """`light`, `dark` or `auto`, as the browser keeps it in a cookie."""
    chosen = request.cookies.get("theme", "auto")
    return chosen if chosen in {"light", "dark", "auto"} else "auto"


def name_of(kind: str, id: str) -> str:
    """What an object of a kind is called, e.g. a site in a list of people."""
    if not id:
        return ""
    known = g.setdefault("names", {})
    if kind not in known:
        known[kind] = dict(choices(kind))
    return known[kind].get(id, id)


def cell(column: Any, record: Any) -> Any:
    """What a list shows of a record in a column."""
    if column.show is not None:
        return column.show(record)
    part = column.part or next(iter(record.objects))
    value = getattr(record.objects.get(part), column.field, "")
    if column.kind:
        return name_of(column.kind, value)
    return "" if value is None else value


def address(**changed: Any) -> str:
    """This page's address with some arguments changed; None drops one."""
    values = {**request.args.to_dict(), **changed}
    kept = {name: value for name, value in values.items() if value not in (None, "")}
    return url_for(str(request.endpoint), **{**(request.view_args or {}), **kept})


def _open_alarms() -> dict[str, int] | None:
    """Level -> how many alarms nobody has acknowledged; None when there are none."""
    counts = (status() or {}).get("alarms") or {}
    return counts if sum(counts.values()) else None


def init_app(app: Flask) -> None:
    """Give the templates what they share."""
    app.jinja_env.globals |= {
        "icon": icon,
        "cell": cell,
        "address": address,
        "name_of": name_of,
        "profile_label": profile_label,
        "LANGUAGES": LANGUAGES,
        "language": language,
        "theme": theme,
        "grouped": grouped,
    }
    app.jinja_env.filters |= {
        "moment": moment,
        "ago": ago,
        "author": author,
        "decimal": decimal,
    }

    @app.context_processor
    def shared() -> dict[str, Any]:
        if not current_user or not current_user.is_authenticated:
            nothing = {"waiting": None, "pending_changes": None, "open_alarms": None}
            return {"menu": [], "viewing_as": "", **nothing}
        may = access()
        shows = may.allows("changes.view")
        return {
            "menu": menu(),
            "waiting": (status() or {}).get("trial") if shows else None,
            "pending_changes": pending.count() if shows else None,
            "open_alarms": _open_alarms() if may.allows("alarms.view") else None,
            "viewing_as": may.viewing_as,
            "may": may.allows,
        }
