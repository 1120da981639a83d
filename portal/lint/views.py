"""The page of checks: what stops the draft, and what is allowed but probably not meant."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, render_template

from appliance.lint import Finding, lint
from portal.core import draft
from portal.core.i18n import _l, translated
from portal.core.permissions import Guarded, requires
from portal.core.sentences import ShownFault, shown_fault

PAGES = Blueprint("lint", __name__, url_prefix="/checks")
GUARDED = (Guarded("lint", _l("Checks"), verbs=("view",), presets={"hr": ("view",)}),)


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """A finding as a person reads it."""

    severity: str
    blocks: bool
    fault: ShownFault
    advice: str


@PAGES.get("/")
@requires("lint.view")
def index() -> str:
    """Faults of the draft, else what the rules find; each leads to the field concerned."""
    faults = draft.faults()
    return render_template(
        "lint/index.html",
        faults=[shown_fault(f) for f in faults],
        findings=[] if faults else findings(),
    )


def findings() -> list[ShownFinding]:
    """What the rules find in a draft without faults, the gravest first."""
    state = draft.state()
    return [_shown(each, shown_fault(each.fault, state)) for each in lint(state)]


def _shown(finding: Finding, fault: ShownFault) -> ShownFinding:
    return ShownFinding(finding.severity, finding.blocks, fault, translated(finding.advice))
