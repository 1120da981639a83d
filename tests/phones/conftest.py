"""An office: engine, Asterisk, the web server in front, the provisioning server."""

from __future__ import annotations

import http.client
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from appliance import credentials
from appliance.services import registry
from appliance.services.organisation import State as Organisation
from appliance.state.fields import Secret
from appliance.state.system_state import SystemState, encode_system
from appliance.system.firewall import State as Firewall
from appliance.system.machine import Facts
from provisioning.client import ProvisioningClient
from tests.support.fake_phone import FakePhone, Web, until
from tests.support.front import engine_socket, prepare, web_server
from tests.support.network import Network, new_network
from tests.support.pbx import ADDRESS, Pbx, new_system
from tests.support.provisioning_server import UnixConnection, environment
from tests.support.softphones import Softphones

PHONES = "10.98.0.2"
"""The phones are in a network of their own, with a cable to the machine."""

NEAR = Firewall(telephones=("10.98.0.0/24",))
"""Telephones of their network may register and fetch their files."""

FACTS = Facts(host_name="pbx.example", addresses=(ADDRESS,))


@dataclass
class Office:
    """A company's machine with everything that its telephones need."""

    pbx: Pbx
    network: Network
    key: Secret

    @property
    def provisioning(self) -> ProvisioningClient:
        return ProvisioningClient(self.pbx.machine.layout.socket_of("provisioning"), self.key)

    def apply(self, state: SystemState) -> None:
        """Apply, and wait until the provisioning server has the new revision."""
        named = Organisation("Rossi & Figli", phone_host=ADDRESS)
        number = self.pbx.apply(state.replaced(organisation=named, firewall=NEAR))
        until(lambda: self.provisioning.revision() == number, f"revision {number} to be served")

    def phone(self, model: str, mac: str) -> FakePhone:
        return FakePhone.of_model(model, mac, Web(self.network, PHONES))


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    first = registry.empty_state().replaced(firewall=NEAR)
    with new_system(first_state=encode_system(first)["services"]) as pbx:
        layout = pbx.machine.layout
        prepare(pbx, FACTS)
        (layout.prefix / "credentials").mkdir()
        key = pbx.machine.secrets[credentials.PROVISIONING_KEY]
        handed = layout.prefix / "credentials" / credentials.PROVISIONING_KEY
        handed.write_text(key.reveal())
        pbx.start_asterisk()
        with (
            _phones_network(pbx) as network,
            engine_socket(pbx, FACTS),
            _provisioning_server(pbx),
            web_server(pbx, lambda: _answers(pbx, network)),
        ):
            yield Office(pbx, network, key)


@pytest.fixture
def softphones(office: Office) -> Iterator[Softphones]:
    layout = office.pbx.machine.layout
    authority = layout.certificates / "authority.crt"
    with Softphones(PHONES, ADDRESS, office.network.name, authority) as phones:
        yield phones


@contextmanager
def _phones_network(pbx: Pbx) -> Iterator[Network]:
    with new_network("desks") as network:
        pbx.network.join(network, "10.98.0.1/24", f"{PHONES}/24")
        network.run("ip", "route", "add", ADDRESS, "via", "10.98.0.1")
        yield network


@contextmanager
def _provisioning_server(pbx: Pbx) -> Iterator[None]:
    layout = pbx.machine.layout
    with (pbx.folder / "provisioning.out").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "provisioning.server"],
            env=environment(layout),
            stderr=output,
        )
    try:
        until(lambda: _healthy(pbx), "the provisioning server to start")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _healthy(pbx: Pbx) -> bool:
    connection = UnixConnection(pbx.machine.layout.socket_of("provisioning"))
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _answers(pbx: Pbx, phones: Network) -> bool:
    web = Web(phones, PHONES)
    authority = (pbx.machine.layout.certificates / "authority.crt").read_bytes()
    try:
        reply = web.get(f"https://{ADDRESS}/provisioning/authority.crt", {}, authority)
    except (ConnectionError, http.client.HTTPException, ssl.SSLError):
        return False
    return reply.content == authority
