"""A portal whose database a PostgreSQL server keeps: it is in backups, and comes back."""

import dataclasses
import itertools
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import create_engine, text

from appliance.apply.errors import Refused
from appliance.credentials import DATABASE_URL
from appliance.state.machine import Layout
from appliance.system.backup import place, restore
from appliance.system.backup.write import make
from portal.core import elsewhere
from portal.core.app import create_app
from portal.core.audit import AuditEntry, record
from portal.core.db import db, transaction
from portal.core.upgrade import bring_up_to_date
from portal.preview import add_account, let_go, settings_in
from tests.support import postgresql
from tests.support.backups import CODE, GROUPS, KEYS, blank, furnished

pytestmark = pytest.mark.row("N12")
COUNT = itertools.count()
PASSWORD = "quattro lampioni blu dondolano"


@pytest.fixture(scope="module")
def server():
    with postgresql.cluster() as socket:
        yield socket


@pytest.fixture
def database(server):
    """Makes empty databases; returns their addresses."""
    admin = create_engine(postgresql.url(server, "postgres"), isolation_level="AUTOCOMMIT")

    def empty():
        name = f"portal_{next(COUNT)}"
        with admin.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        return postgresql.url(server, name)

    yield empty
    admin.dispose()


def started(folder, url=""):
    """A portal that starts, as its unit has it started."""
    app = create_app(dataclasses.replace(settings_in(folder, testing=True), database=url))
    bring_up_to_date(app)
    return app


def furnish(app, people=("ada@example.com", "bob@example.com")):
    with app.app_context():
        for email in people:
            add_account(app, email, email, PASSWORD, "it_manager")
        with transaction():
            record("edited", "extension 215")
    let_go(app)


def accounts_of(app):
    with app.app_context():
        names = [row[0] for row in db.session.execute(text("SELECT email FROM accounts"))]
    let_go(app)
    return sorted(names)


@pytest.fixture
def with_server(tmp_path, database, monkeypatch):
    """A machine whose portal keeps its database on a server, and a backup of it."""
    layout = furnished(tmp_path / "old")
    (layout.state_of("portal") / "portal.sqlite3").unlink()
    url = database()
    furnish(started(layout.state_of("portal"), url))
    monkeypatch.setenv(DATABASE_URL, url)
    backup = make(layout, "pbx", GROUPS, KEYS).path
    monkeypatch.delenv(DATABASE_URL)
    return backup


def restored(folder, backup) -> Layout:
    layout = blank(folder)
    restore.order_restore(layout, backup, CODE, "keep")
    place.finish(layout, GROUPS)
    return layout


def test_a_backup_of_it_restores_onto_a_machine_without_a_server(with_server, tmp_path):
    layout = restored(tmp_path / "new", with_server)
    app = started(layout.state_of("portal"))
    assert accounts_of(app) == ["ada@example.com", "bob@example.com"]
    assert not (layout.state_of("portal") / "restored").exists()


def test_a_backup_of_it_restores_onto_a_machine_with_a_server(with_server, tmp_path, database):
    layout, url = restored(tmp_path / "new", with_server), database()
    furnish(started(tmp_path / "before", url), ["somebody@example.net"])
    app = started(layout.state_of("portal"), url)
    assert accounts_of(app) == ["ada@example.com", "bob@example.com"]
    assert not (layout.state_of("portal") / "portal.sqlite3").exists()
    assert not (layout.state_of("portal") / "setup-code").exists()


def test_what_was_put_into_a_server_goes_on_being_used(with_server, tmp_path, database):
    layout, url = restored(tmp_path / "new", with_server), database()
    folder = layout.state_of("portal")
    let_go(started(folder, url))
    app = started(folder, url)
    furnish(app, ["carla@example.com"])
    assert len(accounts_of(app)) == 3
    with app.app_context():
        assert db.session.query(AuditEntry).filter_by(action="edited").count() == 2
        with pytest.raises(Exception, match="only grows"):
            db.session.execute(text("DELETE FROM audit_entries"))
        db.session.rollback()
    let_go(app)


def test_a_backup_of_a_machine_without_a_server_restores_onto_one_with(tmp_path, database):
    layout = furnished(tmp_path / "old")
    folder = layout.state_of("portal")
    (folder / "portal.sqlite3").unlink()
    furnish(started(folder))
    new = restored(tmp_path / "new", make(layout, "pbx", GROUPS, KEYS).path)
    app = started(new.state_of("portal"), database())
    assert accounts_of(app) == ["ada@example.com", "bob@example.com"]


def test_a_file_that_lies_there_without_a_restore_is_left_alone(tmp_path, database):
    folder, url = tmp_path / "portal", database()
    furnish(started(folder), ["old@example.com"])
    furnish(started(folder, url), ["new@example.com"])
    assert accounts_of(started(folder, url)) == ["new@example.com"]
    assert (folder / "portal.sqlite3").exists()


def test_the_copy_is_of_one_moment_while_people_go_on_working(tmp_path, database):
    url = database()
    furnish(started(tmp_path / "portal", url))
    rows = elsewhere.copy_out(url, tmp_path / "copy.sqlite3")
    with closing(sqlite3.connect(tmp_path / "copy.sqlite3")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert copy.execute("SELECT count(*) FROM accounts").fetchone()[0] == 2
    assert rows > 2


@pytest.mark.parametrize(
    ("name", "said"), [("nowhere", "does not exist"), ("postgres", "holds no portal")]
)
def test_without_the_server_there_is_no_backup_and_the_reason_is_told(
    server, tmp_path, monkeypatch, name, said
):
    layout = furnished(tmp_path / "old")
    monkeypatch.setenv(DATABASE_URL, postgresql.url(server, name))
    with pytest.raises(Refused, match=f"PostgreSQL database cannot be copied.*{said}"):
        make(layout, "pbx", GROUPS, KEYS)
    assert not list(layout.backups.glob("*")) if layout.backups.exists() else True
