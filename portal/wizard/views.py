"""Four short pages: company, people, one outside line, its numbers; then the preview."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Blueprint, abort, redirect, render_template, request, url_for

from appliance.apply.client import EngineError, EngineUnreachable
from appliance.services import registry
from appliance.services.numbering import State as Numbering
from appliance.services.organisation import Site
from appliance.services.organisation import State as Organisation
from appliance.system.firewall import State as Firewall
from portal.core import csv_files, draft, engine
from portal.core.db import transaction
from portal.core.draft import Edit
from portal.core.forms import LANGUAGE_CHOICES, Choice, Lines, StateForm, Text
from portal.core.i18n import _, _l
from portal.core.permissions import requires
from portal.core.screens import screens
from portal.core.shapes import Place
from portal.wizard import outside

PAGES = Blueprint("wizard", __name__, url_prefix="/wizard")

COUNTRIES = (("IT", _l("Italy")),)
MAIN_SITE = Place("organisation", "sites", "main")


class Step(NamedTuple):
    """One page; `needs` are the services without which it is left out."""

    name: str
    title: Any
    view: Callable[[], Any]
    needs: tuple[str, ...] = ()


class CompanyForm(StateForm):
    parts = {"": Organisation, "site": Site, "numbering": Numbering, "edge": Firewall}  # noqa: RUF012

    name = Text(_l("Name of the company"))
    country = Choice(_l("Country"), COUNTRIES)
    language = Choice(_l("Language of announcements"), LANGUAGE_CHOICES)
    time_zone = Text(_l("Time zone"), hint=_l("For example Europe/Rome."))
    address = Text(
        _l("Address of the main site"), part="site", hint=_l("Told to the emergency services.")
    )
    area_code = Text(
        _l("Area code"), part="numbering", hint=_l("For example 0522: calls there are local ones.")
    )
    outside_prefix = Text(
        _l("Digit for an outside line"),
        part="numbering",
        hint=_l("Empty, as is usual today: outside numbers are dialled as they are."),
    )
    telephones = Lines(
        _l("Networks of telephones"),
        part="edge",
        hint=_l("One a line, such as 10.20.1.0/24. Only from these do telephones register and "
                "fetch their files; proposed are the networks of this machine."),
    )  # fmt: skip


FORMS = (CompanyForm, outside.LineForm)


@PAGES.get("/")
@requires("changes.edit")
def begin() -> Any:
    """Go to the first page."""
    return redirect(url_for("wizard.step", name="company"))


@PAGES.route("/<name>", methods=["GET", "POST"])
@requires("changes.edit")
def step(name: str) -> Any:
    """One page of the wizard."""
    found = next((each for each in steps() if each.name == name), None)
    if found is None:
        abort(404)
    return found.view()


def steps() -> list[Step]:
    """The pages whose services are there."""
    known = registry.STATE_TYPES
    return [each for each in STEPS if all(service in known for service in each.needs)]


def company() -> Any:
    """Name, country, language and zone."""
    settings, _version = draft.settings("organisation")
    row = draft.find(MAIN_SITE)
    site = draft.instance(row) if row else Site("main", _("Main office"))
    numbering, _version = draft.settings("numbering")
    edge, _version = draft.settings("firewall")
    if not settings.name and not edge.telephones:
        edge = dataclasses.replace(edge, telephones=_networks_around())
    form = CompanyForm({"": settings, "site": site, "numbering": numbering, "edge": edge})
    if form.validate_on_submit() and _named(form):
        zone = form.objects[""].time_zone
        main = dataclasses.replace(form.objects["site"], time_zone=zone)
        with transaction():
            edits = [
                Edit(Place("organisation"), form.objects[""]),
                Edit(MAIN_SITE, main),
                Edit(Place("numbering"), form.objects["numbering"]),
                Edit(Place("firewall"), form.objects["edge"]),
            ]
            draft.commit(edits, "draft.wizard", form.objects[""].name)
        return _next("company")
    return _page("company", "wizard/form.html", form=form)


def _networks_around() -> tuple[str, ...]:
    """The private networks that this machine is in: telephones are most often there, too."""
    try:
        found = engine.engine().network()["interfaces"]
    except (EngineUnreachable, EngineError):
        return ()
    networks = [
        ipaddress.ip_interface(text).network for each in found for text in each["addresses"]
    ]
    return tuple(dict.fromkeys(str(each) for each in networks if each.is_private))


def _named(form: StateForm) -> bool:
    if form.objects[""].name:
        return True
    form["name"].errors = [*form["name"].errors, _("must not be empty")]
    return False


def people() -> Any:
    """People from a file or pasted lines; nobody at all is allowed too."""
    screen = screens()["people"]
    if request.method == "POST":
        upload = request.files.get("file")
        content = upload.read(csv_files.LARGEST_FILE + 1) if upload and upload.filename else b""
        pasted = request.form.get("pasted", "").strip()
        if not content and not pasted:
            return _next("people")
        content = content or _with_header(pasted).encode()
        try:
            importing = csv_files.Import(screen, csv_files.read(screen, content))
        except csv_files.CsvError as error:
            return _page("people", "wizard/people.html", problems=[str(error)], pasted=pasted)
        preview = importing.run(remove_missing=False)
        if preview.problems:
            problems = [_problem(*each) for each in preview.problems[:20]]
            return _page("people", "wizard/people.html", problems=problems, pasted=pasted)
        with transaction():
            draft.commit(preview.edits, "draft.wizard", f"{screen.title}")
        return _next("people")
    count = screen.page(_everything()).total
    return _page("people", "wizard/people.html", problems=[], pasted="", count=count)


HEADER = "first_name;last_name;number;email;department"


def _with_header(pasted: str) -> str:
    """Pasted lines without a header get the usual one, with their own separator."""
    first = pasted.partition("\n")[0]
    if "last_name" in first.casefold() or "cognome" in first.casefold():
        return pasted
    separator = max((";", "\t", ","), key=first.count)
    names = HEADER.split(";")[: first.count(separator) + 1]
    return separator.join(names) + "\n" + pasted


def _problem(line: int, name: str, text: str) -> str:
    place = _("Line %(line)d", line=line - 1) if line else name
    return f"{place}: {text}"


def _everything() -> Any:
    from portal.core.screens import Search

    return Search()


def line() -> Any:
    """One line to the outside; left for later when nothing is typed."""
    form = outside.line_form()
    if form.is_submitted() and form.empty and not form.before:
        return _next("line")
    if form.validate_on_submit():
        outside.keep_line(form)
        return _next("line")
    return _page("line", "wizard/line.html", form=form)


def numbers() -> Any:
    """The line's numbers and where their calls go; without a line there are none."""
    held = outside.first_line()
    if held is None:
        return _next("numbers")
    form = outside.numbers_form(held)
    if form.is_submitted() and not form["first"].data:
        return _next("numbers")
    if form.validate_on_submit():
        outside.keep_numbers(form, held)
        return _next("numbers")
    return _page("numbers", "wizard/form.html", form=form)


STEPS = (
    Step("company", _l("Company"), company, ("organisation",)),
    Step("people", _l("People"), people, ("users", "extensions")),
    Step("line", _l("The line to the outside"), line, ("trunks",)),
    Step("numbers", _l("Your numbers"), numbers, ("trunks", "dids")),
)


def _next(name: str) -> Any:
    names = [each.name for each in steps()]
    following = names[names.index(name) + 1 :]
    if following:
        return redirect(url_for("wizard.step", name=following[0]))
    return redirect(url_for("changes.index"))


def _page(name: str, template: str, **values: Any) -> Any:
    found = steps()
    place = [each.name for each in found].index(name)
    page = render_template(
        template,
        steps=found,
        place=place,
        step=found[place],
        back=url_for("wizard.step", name=found[place - 1].name) if place else "",
        **values,
    )
    wrong = values.get("problems") or (request.method == "POST")
    return page, 422 if wrong else 200
