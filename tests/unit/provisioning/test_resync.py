"""When a phone is told to fetch its new file, and when it is left alone."""

import asyncio
import dataclasses

import pytest

from appliance.apply.client import EngineUnreachable
from appliance.apply.daemon import Clients, EngineServer
from appliance.apply.verbs import Verbs
from appliance.asterisk import check_sync
from appliance.state.machine import Machine
from provisioning.server.desk import Asked, Desk
from provisioning.server.ledger import Ledger
from provisioning.server.resync import Resync
from tests.support import phone_estate
from tests.support.phone_estate import KEYS, device
from tests.unit.provisioning.test_desk import AUTHORITY, Clock, take

PHONE = device("yealink-t54w", 1)
CHANGED = dataclasses.replace(PHONE, keys=KEYS)


class Engine:
    def __init__(self):
        self.asked = []
        self.outcome = "sent"

    def __call__(self, endpoints, event):
        self.asked.append((tuple(endpoints), event))
        if self.outcome == "unreachable":
            raise EngineUnreachable("no")
        return self.outcome


class Room:
    def __init__(self, folder):
        self.desk = Desk(Ledger(folder / "ledger"), AUTHORITY, Clock())
        self.clock = Clock()
        self.engine = Engine()
        self.resync = Resync(self.desk, self.engine, self.clock)
        take(self.desk, PHONE)
        self.after(10)

    def fetch(self, phone=PHONE):
        ending = "xml" if phone.model.startswith("cisco") else "cfg"
        path = f"/provisioning/p/{phone.token.reveal()}/{phone.mac}.{ending}"
        assert self.desk.answer(Asked(path, "10.0.0.1", encrypted=True)).status == 200

    def apply(self, *devices):
        take(self.desk, *devices)
        assert not list(self.resync.due())  # Asterisk needs a moment first

    def after(self, seconds):
        """Tell who is due after so many seconds; returns whom the engine was asked for."""
        self.engine.asked.clear()
        list(self.resync.due())
        self.clock.now += seconds
        for entry in list(self.resync.due()):
            asyncio.run(self.resync.told(entry))
        return self.engine.asked


@pytest.fixture
def room(tmp_path):
    made = Room(tmp_path)
    yield made
    made.desk.ledger.close()


def test_a_phone_whose_file_changed_is_told_once(room):
    room.fetch()
    room.apply(CHANGED)
    assert room.after(5) == [(("215-1",), "check-sync")]
    assert room.after(5) == []


def test_a_phone_whose_file_did_not_change_is_left_alone(room):
    room.fetch()
    room.apply(PHONE, device("snom-d785", 2, lines=()))
    assert room.after(5) == []


def test_a_phone_that_never_fetched_is_left_alone(room):
    room.apply(CHANGED)
    assert room.after(5) == []


def test_a_phone_that_fetched_meanwhile_is_left_alone(room):
    room.fetch()
    room.apply(CHANGED)
    room.fetch(CHANGED)
    assert room.after(5) == []


@pytest.mark.parametrize(
    ("outcome", "seconds"), [("busy", 6), ("unreachable", 31), ("absent", 301)]
)
def test_a_phone_that_could_not_be_told_is_told_later(room, outcome, seconds):
    room.fetch()
    room.apply(CHANGED)
    room.engine.outcome = outcome
    assert len(room.after(5)) == 1
    assert room.after(seconds - 2) == []
    assert len(room.after(2)) == 1


def test_a_second_change_is_told_without_waiting(room):
    room.fetch()
    room.apply(CHANGED)
    room.after(5)
    room.apply(dataclasses.replace(CHANGED, keys=KEYS[:2]))
    assert len(room.after(5)) == 1


def test_a_button_tells_a_phone_whatever_it_has(room):
    room.resync.want("phone-1")
    assert len(room.after(0)) == 1
    assert room.after(1) == []


def test_a_cisco_is_told_in_its_own_word(room):
    cisco = device("cisco-8851", 1)
    take(room.desk, cisco)
    room.fetch(cisco)
    room.apply(dataclasses.replace(cisco, keys=KEYS))
    assert room.after(5) == [(("215-1",), "resync")]


def test_a_phone_with_another_token_is_not_told(room):
    room.fetch()
    room.apply(dataclasses.replace(CHANGED, token=phone_estate.Secret("N" * 24)))
    assert room.after(5) == []


# ── the engine's side ──────────────────────────────────────────────────────────────────


class Console:
    def __init__(self, **states):
        self.states = states
        self.sent = []

    def ask(self, command):
        if command.startswith("pjsip send notify"):
            self.sent.append(command)
            return ""
        endpoint = command.partition("PJSIP/")[2].rstrip(")")
        state = self.states.get(f"e{endpoint.replace('-', '_')}", "INVALID")
        return f"Return Value: Success (0)\nResult: {state}\n"


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        ("NOT_INUSE", "NOT_INUSE", "sent"),
        ("UNAVAILABLE", "NOT_INUSE", "sent"),
        ("NOT_INUSE", "INUSE", "busy"),
        ("RINGING", "UNAVAILABLE", "busy"),
        ("ONHOLD", "NOT_INUSE", "busy"),
        ("UNAVAILABLE", "INVALID", "absent"),
    ],
)
def test_a_phone_in_a_call_on_any_line_hears_nothing(first, second, outcome):
    console = Console(e215_1=first, e216_1=second)
    assert check_sync.check_sync(console, ("215-1", "216-1"), "check-sync") == outcome
    assert len(console.sent) == (outcome == "sent")


class Nothing:
    """An engine of a machine on which nothing waits."""

    machine = Machine()

    def trial(self):
        return None


def test_a_messenger_may_only_tell_phones(tmp_path):
    server = EngineServer(
        tmp_path / "s", Verbs(Nothing(), None, None), Clients(frozenset({7}), frozenset({8})), 0
    )
    try:
        assert server.allows(7, "apply")
        assert server.allows(0, "state")
        assert server.allows(8, "check_sync")
        for verb in ("apply", "state", "status", "confirm", "_start", None, ["check_sync"]):
            assert not server.allows(8, verb if not isinstance(verb, list) else str(verb))
        assert not server.knows(9)
    finally:
        server.server_close()


@pytest.mark.parametrize("endpoint", ["215-1; core stop now", "215", "x-1", "215-1\n", "trunk-a"])
def test_only_endpoints_of_phones_reach_the_console(endpoint):
    with pytest.raises(ValueError, match="must be an endpoint"):
        Verbs(Nothing(), None, None).check_sync({"endpoints": [endpoint], "event": "check-sync"})
    with pytest.raises(ValueError, match="must be one of"):
        Verbs(Nothing(), None, None).check_sync({"endpoints": ["215-1"], "event": "reboot"})
