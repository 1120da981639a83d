"""Addresses by the real systemd-networkd: given, taken back, and set at the console."""

from __future__ import annotations

import errno
import socket
import subprocess
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from appliance.apply.daemon import Clients, EngineServer
from appliance.apply.errors import Undone
from appliance.apply.jobs import Jobs
from appliance.apply.verbs import Verbs, describe
from appliance.firstboot import address as asked_address
from appliance.firstboot import identity
from appliance.firstboot.places import Places
from appliance.system import console_address, network_follow
from appliance.system.console_address import ConsoleAddress
from appliance.system.machine import read_facts
from appliance.system.network import Interface, Route, State
from tests.support.networkd import WIRED, managed_machine

LAN = Interface(
    id="lan",
    name=WIRED,
    ipv4="static",
    address="192.0.2.10/24",
    gateway="192.0.2.1",
    ipv6="static",
    address6="2001:db8:10::10/64",
    gateway6="2001:db8:10::1",
    routes=(Route("10.30.0.0/16", "192.0.2.254"), Route("2001:db8:30::/48", "2001:db8:10::fe")),
)
FIRST = State(managed=True, host_name="pbx.example.com", interfaces=(LAN,))


def at(address, **changes):
    """The same machine at another address."""
    lan = replace(LAN, address=address, ipv6="off", routes=(), **changes)
    return replace(FIRST, interfaces=(lan,))


@pytest.fixture(scope="module")
def machine():
    with managed_machine() as managed:
        yield managed


@pytest.fixture
def settled(machine):
    """The machine with its first network in force."""
    if machine.pbx.engine.trial():
        machine.pbx.engine.undo("left over by a test that failed")
    machine.apply(FIRST)
    return machine


def eventually(asked):
    deadline = time.monotonic() + 10
    while not asked() and time.monotonic() < deadline:
        time.sleep(0.1)
    return asked()


@pytest.mark.row("D1", "I2")
def test_networkd_gives_the_addresses_ways_and_name_of_the_settings(settled):
    assert settled.addresses() == {"192.0.2.10/24", "2001:db8:10::10/64"}
    routes = settled.routes()
    assert routes["default"] == "2001:db8:10::1"
    assert routes["10.30.0.0/16"] == "192.0.2.254"
    assert routes["2001:db8:30::/48"] == "2001:db8:10::fe"
    assert settled.name() == "pbx.example.com"


def test_the_address_answers_at_the_other_end_of_the_cable(settled):
    far = settled.neighbour
    far.run("ip", "address", "replace", "192.0.2.1/24", "dev", "far0")
    with far.entered(), socket.socket() as caller:
        caller.settimeout(10)
        # Nothing listens there: the machine refuses, and so it is there.
        assert caller.connect_ex(("192.0.2.10", 9)) == errno.ECONNREFUSED


@pytest.mark.row("S6")
def test_a_new_address_that_nobody_confirms_goes_back(settled):
    settled.apply(at("192.0.2.20/24"), keep=False)
    assert settled.addresses() == {"192.0.2.20/24"}
    assert settled.pbx.engine.seconds_left() > 100, "nobody has asked for a confirmation"
    settled.pbx.engine.undo("not confirmed in time")
    assert eventually(lambda: settled.addresses() == {"192.0.2.10/24", "2001:db8:10::10/64"})


def test_names_and_certificates_follow_the_address_and_go_back_with_it(settled):
    layout = settled.pbx.machine.layout

    def covers(address):
        command = ["openssl", "x509", "-noout", "-checkip", address, "-in"]
        said = subprocess.run(
            [*command, layout.certificates / "web.crt"], capture_output=True, text=True
        ).stdout
        return "does match" in said

    settled.apply(replace(at("192.0.2.30/24"), host_name="voice.example.com"), keep=False)
    assert read_facts(layout).host_name == "voice.example.com"
    assert covers("192.0.2.30")
    assert settled.name() == "voice.example.com"
    assert "voice.example.com voice" in (layout.prefix / "etc/hosts").read_text()
    settled.pbx.engine.undo("not confirmed in time")
    assert read_facts(layout).host_name == "pbx.example.com"
    assert covers("192.0.2.10")
    assert settled.name() == "pbx.example.com"


def test_an_interface_that_the_machine_does_not_have_takes_the_change_back(settled):
    wrong = replace(FIRST, interfaces=(LAN, Interface(id="dmz", name="dmz7")))
    with pytest.raises(Undone, match=r"network/interfaces/dmz.* an interface of this name"):
        settled.apply(wrong)
    assert settled.addresses() == {"192.0.2.10/24", "2001:db8:10::10/64"}


def test_an_interface_is_found_by_its_hardware_address(settled):
    mac = settled.pbx.network.run("cat", f"/sys/class/net/{WIRED}/address").strip()
    settled.apply(at("192.0.2.40/24", name="", mac=mac))
    assert settled.addresses() == {"192.0.2.40/24"}


def test_a_change_of_something_else_leaves_the_interface_alone(settled):
    log = settled.pbx.folder / "networkd.log"
    size = log.stat().st_size
    settled.apply(replace(FIRST, ntp=("time.example.com",)))
    assert b"Reconfiguring" not in log.read_bytes()[size:]


def test_an_unplugged_cable_keeps_the_fixed_address(settled):
    settled.neighbour.run("ip", "link", "set", "far0", "down")
    try:
        settled.apply(at("192.0.2.50/24"))
        assert settled.addresses() == {"192.0.2.50/24"}
    finally:
        settled.neighbour.run("ip", "link", "set", "far0", "up")


@pytest.mark.row("D1")
def test_an_address_of_the_console_stands_over_the_settings_until_they_change(settled):
    layout = settled.pbx.machine.layout
    held = network_follow.wished(layout)
    given = replace(LAN, address="198.51.100.5/24", gateway="", ipv6="off", routes=())
    console_address.give(layout, held, ConsoleAddress(given))
    settled.host.run(("networkctl", "reload"))
    assert eventually(lambda: settled.addresses() == {"198.51.100.5/24"})

    settled.apply(at("192.0.2.60/24"), keep=False)
    assert settled.addresses() == {"192.0.2.60/24"}
    settled.pbx.engine.undo("not confirmed in time")
    assert eventually(lambda: settled.addresses() == {"198.51.100.5/24"})
    settled.apply(at("192.0.2.61/24"))
    assert eventually(lambda: settled.addresses() == {"192.0.2.61/24"})


def test_the_page_of_the_network_sees_what_networkd_gave(settled):
    seen = settled.pbx.engine.network()
    assert seen.managed
    (found,) = [each for each in seen.interfaces if each.name == WIRED]
    assert found.up
    assert found.addresses == ("192.0.2.10/24", "2001:db8:10::10/64")
    assert set(found.gateways) == {"192.0.2.1", "2001:db8:10::1"}
    assert not found.dhcp


@pytest.fixture
def console(settled, monkeypatch):
    """The machine's own screen beside the engine: gives an address, returns what was refused."""
    layout = settled.pbx.machine.layout
    monkeypatch.setattr(identity, "first_interface", lambda: WIRED)
    (layout.prefix / "etc/hostname").write_text("pbx.example.com\n")
    # The console tells networkd by its own hand when the engine cannot.
    told = ("networkctl", "reload")
    monkeypatch.setattr(asked_address, "tell_networkd", lambda: settled.host.run(told))

    def give(**given):
        return asked_address.change_address(Places(layout.prefix), given)

    return give


@pytest.fixture
def answering(settled):
    """The engine's socket, as the console asks it."""
    engine = settled.pbx.engine
    verbs = Verbs(engine, Jobs(describe), SimpleNamespace(book=SimpleNamespace(counts=dict)))
    server = EngineServer(settled.pbx.machine.layout.engine_socket, verbs, Clients(), 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield
    server.shutdown()
    server.server_close()
    thread.join()
    settled.pbx.machine.layout.engine_socket.unlink()


@pytest.mark.row("D1")
def test_an_address_of_the_console_becomes_a_revision_that_is_confirmed(
    settled, console, answering
):
    said = console(address="192.0.2.70/24", gateway="192.0.2.1", dns="")
    assert said == []
    assert "192.0.2.70/24" in settled.addresses()
    engine = settled.pbx.engine
    assert engine.trial() is None
    assert engine.store.read(engine.store.current()).author == "console"
    assert engine.running_state()["network"].interfaces[0].address == "192.0.2.70/24"


def test_the_console_takes_a_bad_change_of_somebody_else_back_first(settled, console, answering):
    settled.apply(at("198.51.100.99/24", gateway=""), keep=False)
    assert console(address="192.0.2.71/24", gateway="192.0.2.1", dns="") == []
    assert settled.pbx.engine.trial() is None
    assert "192.0.2.71/24" in settled.addresses()


def test_what_cannot_work_is_said_at_the_console_and_changes_nothing(settled, console, answering):
    said = console(address="192.0.2.72/24", gateway="10.0.0.1", dns="")
    assert said == [
        "10.0.0.1 is not in the network 192.0.2.0/24 of the address: mend one of the two"
    ]
    assert "192.0.2.10/24" in settled.addresses()


def test_without_the_engine_the_console_gives_an_address_all_the_same(settled, console):
    assert console(address="192.0.2.73/24", gateway="192.0.2.1", dns="192.0.2.53") == []
    assert eventually(lambda: settled.addresses() == {"192.0.2.73/24"})
    assert settled.pbx.engine.network().console.interface.address == "192.0.2.73/24"
    settled.apply(at("192.0.2.74/24"))
    assert eventually(lambda: settled.addresses() == {"192.0.2.74/24"})
    assert settled.pbx.engine.network().console is None
