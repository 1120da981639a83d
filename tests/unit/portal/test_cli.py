"""The command line on the draft and a pretend engine."""

import pytest
import yaml
from click.testing import CliRunner

from appliance.apply.client import EngineUnreachable
from appliance.system.firewall import State as Firewall
from portal import cli
from portal.core import draft
from portal.core.db import db, transaction
from portal.core.draft import Edit
from portal.core.shapes import Place


@pytest.fixture
def run(app, monkeypatch):
    """Runs one command against the application; returns (exit code, output)."""
    monkeypatch.setattr(cli.Tools, "engine", lambda _tools: app.extensions["engine"])
    monkeypatch.setattr(cli.Tools, "portal", lambda _tools: app)

    def command(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli.main, ["--prefix", "/nonexistent", *words])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    return command


def remove(app, place: Place) -> None:
    with app.app_context(), transaction():
        draft.commit([Edit(place, None)])


@pytest.mark.row("N7")
def test_plan_apply_and_plan_again(company, run):
    code, said = run("plan")
    assert code == 2
    assert "+ users/users/niccolo-d-amico" in said
    code, said = run("apply", "--reason", "first")
    assert (code, "revision 1 is in force" in said) == (0, True)
    assert run("plan") == (0, "The draft is what runs.\n")


@pytest.mark.row("N7")
def test_export_import_export_is_the_same_to_the_byte(company, run, tmp_path):
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    assert run("export", str(one))[0] == 0
    assert run("apply")[0] == 0
    assert run("import", str(one), "--yes") == (0, "The draft says this already.\n")
    assert run("export", str(two), "--running")[0] == 0
    assert one.read_bytes() == two.read_bytes()


def test_an_import_shows_before_it_takes(company, run, tmp_path):
    path = tmp_path / "one.yaml"
    run("export", str(path))
    path.write_text(path.read_text().replace("last_name: Nardò", "last_name: Verdi", 1))
    code, said = run("import", str(path), "--dry-run")
    assert code == 0
    assert "'Nardò' -> 'Verdi'" in said
    with company.app_context():
        assert "Verdi" not in str(draft.data())
    run("import", str(path), "--yes")
    with company.app_context():
        assert "Verdi" in str(draft.data())


@pytest.fixture
def without_firewall(company, run, tmp_path):
    """A file of the running system from which somebody took the firewall and the numbers."""
    with company.app_context(), transaction():
        draft.commit([Edit(Place("firewall"), Firewall(telephones=("192.168.7.0/24",)))])
    assert run("apply", "--within", "0")[0] == 0
    run("keep")
    path = tmp_path / "part.yaml"
    run("export", str(path))
    whole = yaml.safe_load(path.read_text())
    del whole["services"]["firewall"], whole["services"]["dids"]
    path.write_text(yaml.safe_dump(whole, sort_keys=False))
    return path


@pytest.mark.row("N7")
def test_what_a_file_does_not_name_stays_and_is_listed(company, run, without_firewall):
    code, said = run("import", str(without_firewall), "--yes")
    assert code == 0
    assert "does not name, so these stay: dids, firewall" in said
    assert "The draft says this already." in said
    assert run("plan") == (0, "The draft is what runs.\n")


@pytest.mark.row("N7")
def test_a_service_that_is_named_empty_is_emptied_and_shown_before(company, run, without_firewall):
    whole = yaml.safe_load(without_firewall.read_text())
    whole["services"]["dids"] = {}
    without_firewall.write_text(yaml.safe_dump(whole))
    said = run("import", str(without_firewall), "--dry-run")[1]
    assert "so these stay: firewall" in said
    assert "- dids/ranges/" in said


@pytest.mark.row("N4")
def test_a_trial_says_how_long_it_lasts_and_what_to_type(company, run):
    said = run("apply", "--within", "90")[1]
    assert "in 1 min 30 s it goes back to what ran before" in said
    assert "to keep it, type within that time:  centralino keep" in said
    assert "centralino take-back" in said
    assert "to keep it, type: centralino keep" in run("status")[1]
    assert run("keep") == (0, "revision 1 is kept\n")


@pytest.mark.row("N4")
def test_rollback_returns_to_the_one_before(company, run):
    run("apply")
    remove(company, Place("users", "users", "chiara-nardo"))
    remove(company, Place("extensions", "extensions", "201"))
    remove(company, Place("devices", "devices", "0015651a0001"))
    assert run("apply")[0] == 0
    assert "revision 3 is in force" in run("rollback")[1]
    remembered = company.extensions["engine"].state
    assert remembered(3) == remembered(1)


def test_a_damaged_database_stops_neither_status_nor_history_nor_rollback(company, run):
    run("apply")
    with company.app_context():
        path = company.extensions["settings"].folder / "portal.sqlite3"
        db.engine.dispose()
    path.write_bytes(b"this is no database" * 1000)
    assert run("status")[0] == 0
    assert "good" in run("history")[1]
    assert run("rollback", "1")[0] == 0


def test_lint_says_what_is_wrong_and_fails(company, run):
    assert run("lint") == (0, "No fault found.\n")
    remove(company, Place("organisation", "sites", "parma"))
    code, said = run("lint")
    assert code == 1
    assert "users/" in said


def test_an_engine_that_does_not_answer_is_said_in_one_line(run, monkeypatch):
    def silent(_tools):
        raise EngineUnreachable("the engine does not answer (no such file)")

    monkeypatch.setattr(cli.Tools, "engine", silent)
    assert run("status") == (1, "the engine does not answer (no such file)\n")
