"""Fixtures that several folders of tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.pbx import Pbx, running_pbx


@pytest.fixture(scope="module")
def pbx() -> Iterator[Pbx]:
    """A whole telephone system with a real Asterisk, shared by the tests of one module."""
    with running_pbx() as system:
        yield system


def pytest_addoption(parser: pytest.Parser) -> None:
    """The database under the portal's unit tests."""
    parser.addoption(
        "--portal-database",
        dest="portal_database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="the database under the portal's unit tests",
    )
