"""The portal as it is served."""

import json
import subprocess
import sys

import flask_migrate
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from appliance import credentials
from appliance.state.system_state import SCHEMA_VERSION
from portal.core import draft, schema
from portal.core.app import create_app
from portal.core.db import db
from portal.core.upgrade import bring_up_to_date, upgraded_app
from portal.preview import let_go, settings_in

SECOND_START = """
import dataclasses, pathlib, sys
from portal.core.app import create_app
from portal.core.upgrade import bring_up_to_date
from portal.preview import settings_in
settings = settings_in(pathlib.Path(sys.argv[1]), testing=True)
bring_up_to_date(create_app(dataclasses.replace(settings, database=sys.argv[2])))
print("alembic" in sys.modules)
"""


def test_a_database_that_cannot_be_used_is_told_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "portal.sqlite3").mkdir()
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("CENTRALINO_PREFIX", str(tmp_path))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    names = (credentials.PORTAL_SESSION, credentials.PORTAL_DATA, credentials.LIVE_TOKEN)
    for name in (*names, credentials.PROVISIONING_KEY):
        (tmp_path / name).write_text("a secret of this test alone, long enough")
    with pytest.raises(SystemExit, match=r"^the portal's database cannot be used: "):
        upgraded_app()


def test_the_newest_revision_is_the_one_after_all_migrations():
    assert schema.newest() == ScriptDirectory(str(schema.MIGRATIONS)).get_current_head()


def test_tables_of_an_older_portal_are_brought_to_the_newest_form(tmp_path):
    app = create_app(settings_in(tmp_path, testing=True))
    with app.app_context():
        flask_migrate.Migrate(app, db)
        flask_migrate.upgrade(directory=str(schema.MIGRATIONS), revision="0001")
        assert not inspect(db.engine).has_table("list_readers")
        schema.bring_to_newest()
        assert inspect(db.engine).has_table("list_readers")
    let_go(app)


FIRST_STATE = {
    "schema_version": SCHEMA_VERSION,
    "services": {
        "firewall": {"telephones": ["192.168.5.0/24"]},
        "network": {
            "managed": True,
            "interfaces": [
                {"id": "lan", "name": "ens3", "ipv4": "static", "address": "192.168.5.2/24"}
            ],
        },
    },
}


def begun_with(folder, content):
    """The draft of a portal in whose folder the machine's first start has left this."""
    (folder / "first-state.json").write_text(content)
    app = create_app(settings_in(folder, testing=True))
    try:
        bring_up_to_date(app)
        with app.app_context():
            return draft.state()
    finally:
        let_go(app)


@pytest.mark.row("I3")
def test_a_new_draft_keeps_what_was_said_at_the_first_start(tmp_path):
    state = begun_with(tmp_path, json.dumps(FIRST_STATE))
    assert state["firewall"].telephones == ("192.168.5.0/24",)
    assert state["network"].interfaces[0].address == "192.168.5.2/24"


@pytest.mark.row("I3")
def test_a_draft_that_is_there_is_not_begun_anew(tmp_path):
    begun_with(tmp_path, json.dumps(FIRST_STATE))
    other = {**FIRST_STATE, "services": {"firewall": {"telephones": ["10.9.0.0/24"]}}}
    assert begun_with(tmp_path, json.dumps(other))["firewall"].telephones == ("192.168.5.0/24",)


def test_a_start_with_nothing_to_migrate_does_not_read_what_migrates(tmp_path, make_database):
    with make_database(tmp_path, False) as database:
        command = [sys.executable, "-c", SECOND_START, str(tmp_path), database]
        told = subprocess.run(command, check=True, capture_output=True, text=True)
    assert told.stdout.split() == ["False"]
