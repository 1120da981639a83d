"""Telephones beside the telephone system, for every call test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.calls.company import secret
from tests.support.network import Network, new_network
from tests.support.pbx import Pbx
from tests.support.sip_agent import SipAgent
from tests.support.softphones import Phone, Softphones

_AGENTS = itertools.count()
"""No two agents in a row have one address: answers meant for the last one are not theirs."""

PHONES_ADDRESS = "10.98.0.2"


@pytest.fixture(scope="module")
def phones_network(pbx: Pbx) -> Iterator[Network]:
    """Where the telephones live: a network of their own with a cable to the system."""
    with new_network("phones") as network:
        pbx.network.join(network, "10.98.0.1/24", f"{PHONES_ADDRESS}/24")
        network.run("ip", "route", "add", pbx.address, "via", "10.98.0.1")
        yield network


class Desks:
    """Telephones of the company of `tests.calls.company`, and bare agents beside them."""

    def __init__(self, pbx: Pbx, phones: Softphones) -> None:
        self.pbx = pbx
        self.phones = phones
        self._agents: list[SipAgent] = []

    def phone(self, number: str, slot: int = 1, **options: object) -> Phone:
        """A registered telephone of this number."""
        return self.phones.add(f"{number}-{slot}", secret(number, slot), **options)

    def agent(self, number: str, slot: int = 1, address: str = "", **options: object) -> SipAgent:
        """A bare agent with this number's account, inside the system's own network."""
        address = address or f"10.99.1.{next(_AGENTS) % 250 + 1}"
        options = {"password": secret(number, slot), **options}
        inside = self.pbx.network.entered()
        server = (self.pbx.address, 5060)
        agent = SipAgent((address, 5070), server, f"{number}-{slot}", inside=inside, **options)
        self._agents.append(agent)
        return agent

    def close(self) -> None:
        for agent in self._agents:
            agent.__exit__()


@pytest.fixture
def desks(pbx: Pbx, phones_network: Network) -> Iterator[Desks]:
    """Telephones for one test; all calls are over afterwards."""
    authority = pbx.machine.layout.certificates / "authority.crt"
    with Softphones(PHONES_ADDRESS, pbx.address, phones_network.name, authority) as phones:
        made = Desks(pbx, phones)
        yield made
        phones.hang_up_all()
        made.close()
    pbx.console.ask("channel request hangup all")
