"""Outside numbers as people type them, completed by the company's own numbering plan."""

from __future__ import annotations

from appliance.services import outside, registry
from appliance.state.faults import StateError
from portal.core import draft
from portal.core.i18n import _l

CATEGORY_LABELS = {
    "emergency": _l("Emergency"),
    "social": _l("Free help lines"),
    "toll_free": _l("Toll-free"),
    "local": _l("Local"),
    "national": _l("National"),
    "mobile": _l("Mobile"),
    "service": _l("Carrier's services"),
    "shared_cost": _l("Shared cost"),
    "premium": _l("Premium rate"),
    "foreign": _l("Abroad"),
    "satellite": _l("Satellite"),
}


def kind_called(kind: str) -> str:
    """A kind of call in words; what is no kind stays as it is."""
    return str(CATEGORY_LABELS.get(kind, kind))


def e164(text: str) -> str:
    """What somebody typed, as E.164 with + where the company's plan makes a number of it.

    Reads two rows of the draft, since a CSV file asks once for each of its lines.
    """
    if not text.strip():
        return ""
    try:
        plan = {name: draft.settings(name)[0] for name in ("organisation", "numbering")}
    except StateError:
        return text.strip()  # data of an older version; the checks say so
    return outside.completed(registry.empty_state().replaced(**plan), text)


def prefix(text: str) -> str:
    """A beginning of numbers: 00 stands for +, signs between digits are dropped."""
    plain = "".join(sign for sign in text if sign not in " .-/()")
    return f"+{plain[2:]}" if plain.startswith("00") else plain
