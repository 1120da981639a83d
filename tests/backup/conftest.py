"""A small machine with something of everything that a backup holds."""

import sqlite3

import pytest

from appliance.system.backup.write import make
from tests.support.backups import GROUPS, KEYS, furnished


@pytest.fixture
def layout(tmp_path):
    return furnished(tmp_path / "old")


@pytest.fixture
def backup(layout):
    return make(layout, "pbx", GROUPS, KEYS).path


@pytest.fixture
def count():
    """How many rows a database of a machine has."""

    def rows(layout):
        with sqlite3.connect(layout.state_of("portal") / "portal.sqlite3") as database:
            return database.execute("SELECT count(*) FROM accounts").fetchone()[0]

    return rows
