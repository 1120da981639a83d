"""Fixtures that several folders of tests share."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.figures import Figures
from tests.support.pbx import Pbx, running_pbx


def pytest_collection_finish() -> None:
    """Look for garbage rarely: what was read and collected stays to the end of the run, and to
    go through it again and again takes a tenth of the time of the portal's tests. `gc.freeze`
    would hide it from `gc.get_referrers` too, by which Hypothesis looks for who holds what."""
    gc.collect()
    gc.set_threshold(20_000, 20, 20)


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
    told = getattr(request.config, "workeroutput", None)
    if told is None:
        _print(request.config, collected.lines())
    else:
        told["figures"] = collected.lines()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Print what a worker of pytest-xdist has measured."""
    _print(node.config, getattr(node, "workeroutput", {}).get("figures", []))


def _print(config: pytest.Config, lines: list[str]) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if reporter is None or capture is None or not lines:
        return
    with capture.global_and_fixture_disabled():
        reporter.write_line("")
        for line in lines:
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
