"""Fixtures that several folders of tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.figures import Figures
from tests.support.pbx import Pbx, running_pbx


@pytest.fixture(scope="module")
def pbx() -> Iterator[Pbx]:
    """A whole telephone system with a real Asterisk, shared by the tests of one module."""
    with running_pbx() as system:
        yield system


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """Figures of this run; they are printed when all tests are done."""
    collected = Figures()
    yield collected
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    if reporter is None or capture is None:
        return
    with capture.global_and_fixture_disabled():
        reporter.write_line("")
        for line in collected.lines():
            reporter.write_line(line)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The database under the portal's unit tests."""
    parser.addoption(
        "--portal-database",
        dest="portal_database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="the database under the portal's unit tests",
    )
