"""One machine between its networks for all tests of the edge; each applies what it needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.edge import Edge, edge_machine, running_fail2ban


@pytest.fixture(scope="session")
def edge() -> Iterator[Edge]:
    with edge_machine() as machine:
        machine.pbx.start_asterisk()
        with running_fail2ban(machine.pbx):
            yield machine


@pytest.fixture
def applied(edge):
    """Applies services' states, confirmed; the machine is empty again afterwards."""

    def apply(**states):
        number = edge.pbx.apply_services(**states)
        if edge.pbx.engine.trial():
            edge.pbx.engine.confirm(number)

    yield apply
    apply()
