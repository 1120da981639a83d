"""Hostile values through every field of every form and every CSV column.

Whatever is typed is refused with a sentence, or comes back as it was typed and means
nothing to anybody: files still render, the state still decodes, pages show it as text.
"""

import pytest

from appliance.services import registry
from appliance.state.machine import Machine
from appliance.state.tokens import new_secret
from portal.core import csv_files, draft
from portal.core.forms import Rows

HOSTILE = (
    "a;b",
    "a\nb",
    'a\r\n#include "x"',
    "#include <passwd>",
    "[section]",
    "a&b",
    "a,b",
    "\"'`",
    "x" * 3000,
    "\u202eoffice",
    "\u200f",
    "<script>alert(1)</script>",
    "{{ 7*7 }}",
    "=cmd|' /C calc'!A0",
    "${EXTEN}",
    "../../etc/passwd",
    "%s%(x)s",
    "\x00",
    "\ud800",
    "-1",
    "٢١٥",
    "999999999999999999999",
    "1' OR '1'='1",
)
QUICK = HOSTILE[:8]
"""Those that CSV adds something to: cells are typed into the same forms."""
SHARES = 6
MACHINE = Machine(secrets={name: new_secret() for name in ("ami-live", "ari-apps")})


MADE = (
    ("ring-groups", {"name": "Vendite", "number": "300", "members-0-extension": "201"}),
    ("pickup-groups", {"name": "Ufficio", "members": "201, 205"}),
    ("voicemail-boxes", {"extension": "201"}),
    ("music-on-hold", {"name": "Inverno", "order": "random"}),
    ("number-ranges", {"purpose": "people", "first": "200", "last": "299"}),
    (
        "backup-targets",
        {
            "name": "NAS",
            "kind": "smb",
            "address": "nas.example.com",
            "folder": "copie/pbx",
            "user": "pbx",
            "password": "segreto-lungo",
            "port": "0",
            "keep": "7",
        },
    ),
    ("blocks", {"network": "203.0.113.0/24", "reason": "Scansioni", "until": "2031-12-31"}),
    ("peers", {"name": "Modena", "address": "pbx.example.com", "port": "443", "token": "t" * 40}),
    (
        "vlans",
        {
            "label": "Telefoni",
            "number": "40",
            "parent": "ens192",
            "ipv4": "static",
            "address": "10.40.0.1/24",
            "ipv6": "automatic",
        },
    ),
)
"""What the sample company has none of."""


@pytest.fixture
def everything(company, manager):
    """The company with one record of each screen."""
    assert manager.send("/network/take-over").status_code == 302
    usual = {"strategy": "ring_all", "ring_time_s": "30", "longest_message_s": "300"}
    for screen, form in MADE:
        answer = manager.send(f"/{screen}/new", {"members-0-delay_s": "0", **usual, **form})
        assert answer.status_code == 302, answer.text
    return company


def fields(app):
    """(screen, field, is a row's field) of every form that the portal has."""
    with app.test_request_context():
        for screen in app.extensions["screens"].values():
            form = screen.form(formdata=None, meta={"csrf": False})
            for field in form.state_fields():
                if isinstance(field, Rows):
                    for inner in field.spare().form:
                        yield screen.name, f"{field.name}-0-{inner.short_name}"
                else:
                    yield screen.name, field.name


def first(app, screen):
    with app.test_request_context():
        app.preprocess_request = lambda: None
        row = next(draft.objects(*app.extensions["screens"][screen].main[:2]), None)
        return row.key if row else None


def typed(app, screen, id, name, value):
    """The form of a record with one field replaced."""
    with app.test_request_context():
        found = app.extensions["screens"][screen]
        objects = {
            part: draft.instance(row) if row else None for part, row in _rows(found, id).items()
        }
        form = found.form(objects, formdata=None, meta={"csrf": False})
        data = {}
        for field in form.state_fields():
            if isinstance(field, Rows):
                for entry in field.entries:
                    data |= {inner.name: inner.data or "" for inner in entry.form}
            elif field.data not in (None, False):
                data[field.name] = field.data
        return {**data, name: value}


def page_of(app, screen, id):
    with app.test_request_context():
        return app.extensions["screens"][screen].address(id)


def _rows(screen, id):
    found = {}
    for name, part in screen.parts.items():
        query = draft.db.select(draft.DraftObject).filter_by(
            service=part.service, collection=part.collection
        )
        query = query.filter_by(owner=id) if part.owned else query.filter_by(key=id)
        found[name] = draft.db.session.scalar(query.limit(1))
    return found


def harmless(app):
    """The draft still decodes and, where it has no faults, still renders."""
    with app.app_context():
        state = draft.state()
        if not registry.check(state):
            registry.files(state, MACHINE)


@pytest.fixture(scope="session")
def thinned(request):
    """Each field meets all texts on the stricter database, and a third of them in a quick run."""
    return 1 if request.config.getoption("portal_database") == "postgresql" else 3


# Two hundred fields, two dozen texts in each: minutes, so the fields are dealt out and several
# processors can have a share each.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("share", range(SHARES))
def test_every_field_of_every_form_refuses_or_keeps_what_is_typed(
    everything, manager, share, thinned
):
    company, walked = everything, 0
    for number, (screen, name) in enumerate(list(fields(company))[share::SHARES]):
        id = first(company, screen)
        assert id is not None, screen
        for value in HOSTILE[number % thinned :: thinned]:
            form = typed(company, screen, id, name, value)
            with company.app_context():
                versions = [r.version if r else 0 for r in _rows_of(company, screen, id)]
            form["version"] = ".".join(map(str, versions))
            answer = manager.send(page_of(company, screen, id), _sendable(form))
            assert answer.status_code in {302, 422}, (screen, name, value, answer.status_code)
            if answer.status_code == 422:
                assert "field-error" in answer.text or "notice bad" in answer.text
            else:
                page = manager.get(page_of(company, screen, id)).text
                assert "<script>alert" not in page
                harmless(company)
            walked += 1
    assert walked > 4500 / SHARES / thinned


def _rows_of(app, screen, id):
    return _rows(app.extensions["screens"][screen], id).values()


def _sendable(form):
    """What a client can put on the wire: a lone surrogate cannot be encoded at all."""
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in form.items()
    }


def imports(app):
    """The address of every CSV import that the portal has, by screen."""
    found = {}
    for rule in app.url_map.iter_rules():
        name, _dot, act = rule.endpoint.partition(".")
        if act == "import":
            found[name] = rule.rule
    return found


def test_every_csv_column_of_every_import_refuses_or_keeps_what_is_typed(everything, manager):
    company, walked = everything, set()
    for screen, address in imports(company).items():
        with company.app_context():
            names = csv_files.field_names(company.extensions["screens"][screen])
        id = first(company, screen)
        for name in names:
            for value in QUICK:
                cell = '"' + value.replace('"', '""') + '"'
                content = f"id;{name}\n{id};{cell}".encode("utf-8", "replace")
                answer = manager.send(address, {"pasted": content.decode()})
                assert answer.status_code in {200, 422}, (screen, name, value)
                assert "<script>alert" not in answer.text
        walked.add(screen)
    with company.app_context():
        listed = {name for name, each in company.extensions["screens"].items() if each.columns}
    assert {"people", "devices", "dids", "trunks", "outbound_routes"} <= walked
    assert walked <= listed


@pytest.mark.parametrize("value", HOSTILE)
def test_a_search_for_anything_finds_nothing_and_breaks_nothing(company, manager, value):
    if "\ud800" in value:
        value = "\ufffd"
    answer = manager.get("/people/", query_string={"q": value})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
