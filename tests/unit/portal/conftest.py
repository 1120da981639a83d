"""An application with an empty, up-to-date database for each test.

The database is SQLite, or PostgreSQL with `--portal-database=postgresql`: the same
tests must pass on both.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import create_engine, text

from portal import sample
from portal.core.app import create_app
from portal.core.settings import Settings
from portal.core.upgrade import bring_up_to_date
from portal.preview import add_account, let_go, settings_in
from tests.support import postgresql
from tests.support.portal_accounts import session_of
from tests.support.rules_compiled_once import RuleCompiledOnce

PASSWORD = "quattro lampioni blu dondolano"
KEYS = ("session-key", "data-key", "setup-code")
MakeDatabase = Callable[[Path, bool], AbstractContextManager[str]]


def _finished(settings: Settings, *, filled: bool = False) -> None:
    app = create_app(settings)
    bring_up_to_date(app)
    if filled:
        with app.app_context():
            sample.fill()
    let_go(app)


def in_database(settings: Settings, socket: Path, name: str) -> Settings:
    return dataclasses.replace(settings, database=postgresql.url(socket, name))


@pytest.fixture(scope="session")
def make_database(request, tmp_path_factory) -> Iterator[MakeDatabase]:
    """Makes a copy of an up-to-date database, with the sample company in its draft or empty,
    and tells its address."""
    folder = tmp_path_factory.mktemp("template")
    settings = settings_in(folder, testing=True)
    if request.config.getoption("portal_database") == "sqlite":
        _finished(settings)
        empty = shutil.copy(folder / "portal.sqlite3", folder / "empty.sqlite3")
        _finished(settings, filled=True)

        @contextmanager
        def copy(target: Path, filled: bool) -> Iterator[str]:
            made = folder / "portal.sqlite3" if filled else empty
            shutil.copy(made, target / "portal.sqlite3")
            for name in KEYS:
                shutil.copy(folder / name, target / name)
            yield ""

        yield copy
        return
    with postgresql.cluster() as socket:
        admin = create_engine(postgresql.url(socket, "postgres"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text("CREATE DATABASE template_empty"))
            _finished(in_database(settings, socket, "template_empty"))
            connection.execute(text("CREATE DATABASE template_filled TEMPLATE template_empty"))
            _finished(in_database(settings, socket, "template_filled"), filled=True)
        count = iter(range(100_000))

        @contextmanager
        def clone(target: Path, filled: bool) -> Iterator[str]:
            for name in KEYS:
                shutil.copy(folder / name, target / name)
            name = f"portal_{next(count)}"
            template = "template_filled" if filled else "template_empty"
            with admin.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
                yield postgresql.url(socket, name)
                # Each takes eight megabytes, of memory where the cluster lies in it.
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))

        yield clone
        admin.dispose()


@pytest.fixture(scope="session", autouse=True)
def rules_compiled_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "url_rule_class", RuleCompiledOnce)
        yield


@pytest.fixture(scope="session")
def compiled(tmp_path_factory) -> FileSystemBytecodeCache:
    """Templates are compiled once, not once for each application."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def app(request, tmp_path, make_database, compiled) -> Iterator[Flask]:
    """A portal with a pretend engine and no account; its draft is empty, or holds the sample
    company for whoever asks for that."""
    with make_database(tmp_path, "company" in request.fixturenames) as database:
        settings = dataclasses.replace(settings_in(tmp_path, testing=True), database=database)
        made = create_app(settings)
        made.extensions["engine"].pace_s = 0
        made.jinja_env.bytecode_cache = compiled
        yield made
        let_go(made)


@pytest.fixture
def inside(app) -> Iterator[Flask]:
    """An open context of the application, for tests without a browser."""
    with app.app_context():
        yield app


@pytest.fixture
def company(app) -> Flask:
    """The same with the sample company in the draft."""
    return app


@pytest.fixture
def manager(app):
    """A signed-in IT manager's browser."""
    add_account(app, "it@example.com", "Ada Fermi", PASSWORD, "it_manager")
    return session_of(app, "it@example.com")
