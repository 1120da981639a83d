"""The engine's side of updates: typed requests, one at a time, and what it shows."""

import json

import pytest

from appliance.apply.errors import Refused
from appliance.apply.verbs import Verbs, answer
from appliance.state.faults import StateError
from appliance.updates import release
from appliance.updates.desk import Desk
from appliance.updates.requests import Request
from appliance.updates.sources import Source
from tests.support.slots import RUNNING


@pytest.fixture
def desk(machine, tmp_path):
    line, file = tmp_path / "cmdline", tmp_path / "release.json"
    line.write_text("root=PARTUUID=x appliance.slot=A ro\n")
    file.write_bytes(release.as_bytes(RUNNING))
    return Desk(machine.layout, line, file, machine.folder / "keys")


class Asked(Verbs):
    """The verbs about updates alone."""

    def __init__(self, desk):
        self._updates = desk


def asked(desk, verb, **values):
    return answer(Asked(desk), {"verb": verb, **values})


def test_what_is_asked_lies_ready_for_the_worker(machine, desk):
    source = {"kind": "volume", "name": "new.update", "device": "sdb1"}
    assert asked(desk, "install_update", source=source, by="ada")["ok"]
    request = json.loads(machine.kept.request.read_text())
    assert (request["verb"], request["source"]["device"]) == ("install", "sdb1")
    assert desk.state()["waiting"]["verb"] == "install"


@pytest.mark.parametrize(
    "source",
    [
        {"kind": "volume", "name": "../../etc/shadow", "device": "sdb1"},
        {"kind": "volume", "name": "a.update", "device": "../sda"},
        {"kind": "upload", "name": "a.update\n"},
        {"kind": "elsewhere", "name": "a.update"},
        {"kind": "upload", "name": ".hidden.update"},
        {"kind": "upload", "name": "a.update", "path": "/etc"},
        "a.update",
    ],
)
def test_a_place_that_is_none_is_refused(machine, desk, source):
    assert asked(desk, "install_update", source=source)["error"]["kind"] == "faults"
    assert not machine.kept.request.exists()


@pytest.mark.parametrize("at", ["tomorrow", "2026-05-01T02:00:00", "2026-13-01T02:00:00+00:00"])
def test_a_time_without_zone_or_sense_is_refused(desk, at):
    assert asked(desk, "start_other_system", not_before=at)["error"]["kind"] == "faults"


@pytest.mark.parametrize("within", [0, 59, 1801, "60", True])
def test_a_trial_lasts_neither_seconds_nor_hours(desk, within):
    assert asked(desk, "start_other_system", within_s=within)["error"]["kind"] == "faults"


def test_one_thing_is_asked_at_a_time(machine, desk):
    desk.ask(Request("find"))
    with pytest.raises(Refused, match="at work already"):
        desk.ask(Request("find"))
    desk.cancel()
    with machine.kept.working(), pytest.raises(Refused, match="at work already"):
        desk.ask(Request("find"))


def test_work_that_a_power_cut_ended_shows_as_interrupted(machine, desk):
    machine.kept.tell({"verb": "install", "step": "system", "percent": 40, "done": False})
    work = desk.state()["work"]
    assert work["done"]
    assert "interrupted" in work["error"]["text"]
    with machine.kept.working():
        assert not desk.state()["work"]["done"]


def test_a_machine_without_slots_says_so(machine, desk, tmp_path):
    (tmp_path / "cmdline").write_text("root=/dev/sda1 ro\n")
    assert not desk.state()["supported"]
    with pytest.raises(Refused, match="no slots"):
        desk.ask(Request("check", source=Source("folder", "a.update")))


@pytest.mark.parametrize(
    "address",
    ["http://example.com/a", "https://exa mple.com/a", "https://example.com", "ftp://a/b", "-x"],
)
def test_an_address_that_is_not_https_is_refused(machine, desk, address):
    assert asked(desk, "set_update_address", address=address)["error"]["kind"] == "faults"
    assert desk.state()["address"] == ""


def test_an_address_is_remembered_and_can_be_taken_away(desk):
    assert asked(desk, "set_update_address", address="https://example.com/a.update")["ok"]
    assert desk.state()["address"] == "https://example.com/a.update"
    assert asked(desk, "set_update_address", address="")["ok"]
    assert desk.state()["address"] == ""


def test_a_request_that_somebody_wrote_by_hand_is_checked_again_by_the_worker(machine):
    from appliance.state.codec import decode

    with pytest.raises(StateError):
        decode(Request, {"verb": "rm", "by": ""}, "request")


def test_a_key_of_a_developer_is_told(machine, desk):
    assert not desk.state()["by_a_developer"]
    (machine.folder / "keys/developer.pem").write_bytes(b"")
    assert desk.state()["by_a_developer"]
