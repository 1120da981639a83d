"""CSV: round trip, preview before anything, all or nothing."""

import re

import pytest

from portal.core import csv_files, draft
from portal.core.csv_files import guarded, unguarded


def upload(browser, text, screen="people", **other):
    return browser.send(f"/{screen}/import", {"pasted": text, **other})


def take(browser, answer, screen="people"):
    (token,) = re.findall(rf'action="/{screen}/import/([^"]+)"', answer.text)
    return browser.send(f"/{screen}/import/{token}")


def people(app):
    with app.app_context():
        return {user.id: user for user in draft.state()["users"].users}


@pytest.mark.row("D5")
def test_what_is_exported_changes_nothing_when_it_comes_back(company, manager):
    for screen in ("people", "extensions", "devices", "sites"):
        text = manager.get(f"/{screen}/export.csv").data.decode("utf-8-sig")
        answer = upload(manager, text, screen, remove_missing="yes")
        assert "ciò che la bozza contiene già" in answer.text, screen


@pytest.mark.row("D5")
def test_an_import_adds_changes_and_deletes_as_previewed_and_can_be_undone(company, manager):
    rows = manager.get("/people/export.csv").data.decode("utf-8-sig").splitlines()
    rows[1] = rows[1].replace("Vendite", "Direzione")
    text = "\n".join([*rows[:11], ";Nuova;Persona;299;;Vendite;main;it;25"])
    before = people(company)
    answer = upload(manager, text, remove_missing="yes")
    assert people(company) == before
    assert "Vendite" in answer.text
    take(manager, answer)
    after = people(company)
    assert len(after) == 11
    assert after["niccolo-d-amico"].department == "Direzione"
    assert after["nuova-persona"].last_name == "Persona"
    with company.app_context():
        entry = draft.db.session.scalar(
            draft.db.select(draft.audit.AuditEntry.id).filter_by(action="draft.import")
        )
    manager.send(f"/audit/{entry}/undo")
    assert people(company) == before


@pytest.mark.row("D5")
def test_one_wrong_line_stops_the_whole_file_and_is_named(company, manager):
    before = people(company)
    text = "last_name;number;email\nUno;301;\nDue;302;no address\nTre;303;"
    answer = upload(manager, text)
    assert answer.status_code == 422
    assert "Riga 3, email: deve essere un indirizzo e-mail" in answer.text
    assert people(company) == before


def test_a_number_that_is_taken_is_found_before_anything_is_saved(company, manager):
    text = "id;number\nchiara-nardo;200"
    answer = upload(manager, text)
    assert answer.status_code == 422
    assert "il numero 200 appartiene già" in answer.text


def test_a_draft_that_moved_on_is_previewed_again(company, manager):
    answer = upload(manager, "id;department\nchiara-nardo;Direzione")
    manager.send("/sites/new", {"name": "Modena", "time_zone": "Europe/Rome"})
    again = take(manager, answer)
    assert again.status_code == 412
    assert people(company)["chiara-nardo"].department == "Amministrazione"
    take(manager, again)
    assert people(company)["chiara-nardo"].department == "Direzione"


def test_columns_that_are_left_out_stay_as_they_are(company, manager):
    take(manager, upload(manager, "number;cognome\n201;Verdi"))
    changed = people(company)["chiara-nardo"]
    assert (changed.last_name, changed.first_name, changed.department) == (
        "Verdi",
        "Chiara",
        "Amministrazione",
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"last_name\nx\x00y", "non \u00e8 un file di testo"),
        (b"last_name;colour\nA;red", "colour"),
        (b"last_name;last_name\nA;B", "due volte"),
        (b'last_name\n"unclosed', "non si pu\u00f2 leggere"),
        (b"last_name\na;b;c", "troppe celle"),
        (b"last_name\n" + b"x" * 3000, "troppo lunga"),
        (b"\x81\x8d", "non sono leggibili"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_a_reason(app, content, said):
    with app.test_request_context(), pytest.raises(csv_files.CsvError) as caught:
        csv_files.read(app.extensions["screens"]["people"], content)
    assert said in str(caught.value)


def test_rows_and_size_have_limits(app, monkeypatch):
    monkeypatch.setattr(csv_files, "MOST_ROWS", 2)
    screen = app.extensions["screens"]["people"]
    with app.test_request_context(), pytest.raises(csv_files.CsvError, match="righe"):
        csv_files.read(screen, b"last_name\na\nb\nc")
    monkeypatch.setattr(csv_files, "LARGEST_FILE", 5)
    with app.test_request_context(), pytest.raises(csv_files.CsvError, match="supera"):
        csv_files.read(screen, b"last_name\na")


def test_letters_of_windows_are_read_and_said_so(app):
    screen = app.extensions["screens"]["people"]
    with app.test_request_context():
        table = csv_files.read(screen, "last_name\nNardò".encode("cp1252"))
    assert table.rows[0][1] == ("Nardò",)
    assert "Windows-1252" in table.note


@pytest.mark.parametrize(
    "text", ["=1+1", "+390522", "-5", "@x", "\tx", "'x", "''=1", "plain", "", "o'clock"]
)
def test_no_cell_begins_a_formula_and_every_cell_comes_back(text):
    assert not guarded(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unguarded(guarded(text)) == text
