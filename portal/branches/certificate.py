"""The record of a drill as PDF: what was cut, for how long, and what was heard of it."""

from __future__ import annotations

import datetime
import io
import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask_babel import force_locale, format_datetime
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from appliance import product
from appliance.services.organisation import Site
from portal.branches import desk, drills
from portal.branches.models import Drill
from portal.branches.words import DRILL_STATES, DRILL_WHY
from portal.core.i18n import LOCALES, _, decimal

FONTS = Path("/usr/share/fonts/truetype/dejavu")
"""Debian's fonts-dejavu-core: names of any European script print as they are."""

INK, QUIET, GOOD, BAD = (24, 32, 44), (96, 104, 116), (26, 127, 90), (179, 38, 30)


def certify(drill: Drill) -> None:
    """Keep the record of a drill that has ended, in the company's language."""
    state = desk.in_force()
    company = state["organisation"]
    site = next((s for s in company.sites if s.id == drill.branch), Site("x", drill.branch))
    branch = desk.branch_in_force(drill.branch)
    line = next((each for each in branch.lines if each.id == drill.line), None) if branch else None
    with force_locale(LOCALES[company.language]):
        drill.certificate = document(drill, company.name, site, line.label if line else drill.line)


def document(drill: Drill, company: str, site: Site, line: str) -> bytes:
    """The PDF. Its only moment is the drill's, so that it is the same whenever it is made."""
    pdf = FPDF(format="A4", unit="mm")
    font = _font(pdf)
    pdf.set_creation_date(drill.ended_at or drill.wanted_at)
    pdf.set_title(_("Record of a continuity drill"))
    pdf.set_author(product.NAME)
    pdf.set_margins(22, 24, 22)
    pdf.add_page()
    _heading(pdf, font, company)
    _verdict(pdf, font, drill)
    for label, value in rows(drill, site, line):
        _row(pdf, font, label, value)
    _foot(pdf, font, drill)
    out = io.BytesIO()
    pdf.output(out)
    return out.getvalue()


def rows(drill: Drill, site: Site, line: str) -> Iterator[tuple[str, str]]:
    """What the record says, label and value."""
    zone = zoneinfo.ZoneInfo(site.time_zone)
    yield _("Site"), site.name + (f", {site.address}" if site.address else "")
    yield _("Line that was cut"), line
    yield _("Planned length"), _("%(count)d seconds", count=drill.seconds)
    yield _("Ordered by"), _("schedule") if drill.wanted_by == "plan" else drill.wanted_by
    yield _("Began"), _moment(drill.began_at, zone)
    yield _("Ended"), _moment(drill.ended_at, zone)
    result: dict[str, Any] = drill.result or {}
    if drill.state == "done" and result:
        yield _("Time without the line"), f"{decimal(result['lasted_ms'] / 1000)} s"
        yield _("Longest outage of calls"), f"{result['outage_ms']} ms"
        yield _("Back on the line after"), f"{decimal(result['back_ms'] / 1000)} s"
        lost = _("%(lost)d of %(sent)d", lost=result["lost"], sent=result["sent"])
        yield _("Test packets lost"), lost
        if result["calls"]:
            yield _("Calls in progress"), str(result["calls"])
    elif drill.why:
        yield _("Reason"), str(DRILL_WHY[drill.why])


def _font(pdf: FPDF) -> str:
    """The family to write in. Without the fonts' package, signs beyond Latin-1 show as ?."""
    if not (FONTS / "DejaVuSans.ttf").exists():
        return "helvetica"
    pdf.add_font("dejavu", "", FONTS / "DejaVuSans.ttf")
    pdf.add_font("dejavu", "B", FONTS / "DejaVuSans-Bold.ttf")
    return "dejavu"


def _heading(pdf: FPDF, font: str, company: str) -> None:
    pdf.set_text_color(*QUIET)
    pdf.set_font(font, size=10)
    _line(pdf, font, company or product.NAME, 6)
    pdf.set_text_color(*INK)
    pdf.set_font(font, "B", 20)
    _line(pdf, font, _("Record of a continuity drill"), 11)
    pdf.ln(4)


def _verdict(pdf: FPDF, font: str, drill: Drill) -> None:
    good = drills.passed(drill)
    text = str(DRILL_STATES[drill.state])
    if drill.state == "done":
        text = _("Passed") if good else _("Not passed")
    pdf.set_fill_color(*(GOOD if good else BAD))
    pdf.set_text_color(255, 255, 255)
    pdf.set_font(font, "B", 13)
    pdf.cell(0, 12, _plain(font, f"  {text}"), fill=True, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_text_color(*INK)
    pdf.ln(5)


def _row(pdf: FPDF, font: str, label: str, value: str) -> None:
    pdf.set_font(font, size=10.5)
    pdf.set_text_color(*QUIET)
    pdf.cell(62, 8, _plain(font, label))
    pdf.set_text_color(*INK)
    pdf.multi_cell(0, 8, _plain(font, value), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_draw_color(214, 219, 226)
    pdf.line(pdf.l_margin, pdf.get_y(), pdf.w - pdf.r_margin, pdf.get_y())


def _foot(pdf: FPDF, font: str, drill: Drill) -> None:
    pdf.ln(8)
    pdf.set_font(font, size=9)
    pdf.set_text_color(*QUIET)
    limit = _("A drill is passed when calls were silent for %(limit)d ms at most.")
    text = limit % {"limit": drills.PASSED_OUTAGE_MS}
    how = _(
        "The router cut the line itself and measured with test packets through the tunnel, ten a "
        "second. It shows what happens when this line fails, not what happens at the provider."
    )
    pdf.multi_cell(0, 5, _plain(font, f"{text} {how}"))
    pdf.ln(3)
    _line(pdf, font, f"{product.NAME} · {drill.id}", 5)


def _line(pdf: FPDF, font: str, text: str, height: float) -> None:
    pdf.cell(0, height, _plain(font, text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _plain(font: str, text: str) -> str:
    return text if font == "dejavu" else text.encode("latin-1", "replace").decode("latin-1")


def _moment(at: datetime.datetime | None, zone: zoneinfo.ZoneInfo) -> str:
    if at is None:
        return "–"
    return f"{format_datetime(at.astimezone(zone), 'medium', rebase=False)} ({zone.key})"
