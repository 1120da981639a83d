"""A carrier known by name, and what happens to calls when names cannot be found any more."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from pathlib import Path

import pytest

from appliance.services.trunks import State as Trunks
from appliance.services.trunks import Trunk
from tests.calls.company import company
from tests.support.carrier import Customer, running_carrier
from tests.support.network import new_network
from tests.support.pbx import new_system

E, F = "10.97.5.2", "10.97.6.2"
OUR_E, OUR_F = "10.97.5.1", "10.97.6.1"
NAME = "sip.carrier.example"


class NameServer:
    """Answers questions for one name with one address; `silent` makes it deaf."""

    def __init__(self, network, address: str) -> None:
        with network.entered():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.bind((address, 53))
            self._socket.settimeout(0.2)
        self.silent = False
        self._closing = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._closing:
            try:
                question, sender = self._socket.recvfrom(512)
            except TimeoutError:
                continue
            if not self.silent:
                self._socket.sendto(answer(question), sender)

    def close(self) -> None:
        self._closing = True
        self._thread.join(5)
        self._socket.close()


def answer(question: bytes) -> bytes:
    """A reply (RFC 1035): the address for A of NAME, no data for everything else."""
    end = question.index(0, 12) + 5
    asked, kind = question[12:end], question[end - 4 : end - 2]
    wanted = b"".join(bytes([len(p)]) + p for p in NAME.encode().split(b".")) + b"\0"
    found = asked[:-4].lower() == wanted and kind == b"\0\1"
    head = question[:2] + b"\x85\x80\0\1" + (b"\0\1" if found else b"\0\0") + b"\0\0\0\0"
    address = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(E) if found else b""
    return head + asked + address


RESOLVER = """nameserver 127.0.0.53
options timeout:1 attempts:1
"""
"""What the appliance's own resolver settings are like: a server beside us, little patience."""


@pytest.fixture(scope="module")
def pbx():
    """A system whose Asterisk asks our name server: files below /etc/netns/<name> stand in
    the place of the machine's own there (ip-netns(8))."""
    with new_system() as system:
        folder = Path("/etc/netns") / system.network.name
        folder.mkdir(parents=True)
        try:
            (folder / "resolv.conf").write_text(RESOLVER)
            system.start_asterisk()
            yield system
        finally:
            shutil.rmtree(folder)


@pytest.fixture(scope="module")
def names(pbx):
    """The name server that the system asks."""
    server = NameServer(pbx.network, "127.0.0.53")
    yield server
    server.close()


@pytest.fixture(scope="module")
def carriers(pbx, names):
    with new_network("care") as one, new_network("carf") as other:
        pbx.network.join(one, f"{OUR_E}/24", f"{E}/24")
        pbx.network.join(other, f"{OUR_F}/24", f"{F}/24")
        with (
            running_carrier(one, E, [Customer("acme", address=OUR_E)]) as e,
            running_carrier(other, F, [Customer("acme", address=OUR_F)]) as f,
        ):
            trunks = (
                Trunk("e", "By name", "address", NAME, port=5060, addresses=(E,), priority=1),
                Trunk("f", "By address", "address", F, priority=2),
            )
            pbx.apply(company("201", trunks=Trunks(trunks)))
            yield e, f


def wait_until_reachable(pbx, wanted, within_s):
    deadline = time.monotonic() + within_s
    while ("Avail" in pbx.console.ask("pjsip show aor trunk-e")) != wanted:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def seconds_until_answered(phone):
    begin = time.monotonic()
    phone.call("0521123456").expect_answered(within_s=30)
    passed = time.monotonic() - begin
    phone.hang_up()
    return passed


def test_a_line_whose_name_is_lost_is_passed_over_and_comes_back(pbx, desks, carriers, names):
    e, f = carriers
    wait_until_reachable(pbx, True, 10)
    anna = desks.phone("201")
    assert seconds_until_answered(anna) < 2
    assert len(e.calls(1)) == 1
    names.silent = True
    try:
        just_lost = seconds_until_answered(anna)
        wait_until_reachable(pbx, False, 40)
        known_lost = seconds_until_answered(anna)
    finally:
        names.silent = False
    print(f"just lost {just_lost:.1f} s, known to be lost {known_lost:.2f} s")  # noqa: T201
    assert len(f.calls(2)) == 2
    assert just_lost <= 6
    assert known_lost < 1
    wait_until_reachable(pbx, True, 40)
    seconds_until_answered(anna)
    assert len(e.calls(2)) == 2
