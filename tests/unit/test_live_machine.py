"""The live machine, fed with recorded events and with what goes wrong around them."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import yaml

from ari_apps.live.machine import LiveMachine

RECORDED = Path(__file__).resolve().parent.parent / "support/ami/one_call.yaml"


@pytest.fixture
def events():
    """201 calls 202, who answers; 201 hangs up (recorded from Asterisk 22.10)."""
    recorded = yaml.safe_load(RECORDED.read_text())
    wanted = LiveMachine().wanted
    return [(event["Event"], event) for event in recorded if event["Event"] in wanted]


@pytest.fixture
def machine():
    machine = LiveMachine()
    machine.begin_snapshot()
    machine.finish_snapshot(1.0, [], [], [])
    machine.changes()
    return machine


def legs(machine):
    calls = [value for key, value in machine.objects().items() if key.startswith("calls/")]
    return {leg["device"]: leg for call in calls for leg in call["legs"]}


def story_of(machine, events):
    """The states of the called leg, each once, as pages would be told."""
    told = []
    for name, event in events:
        machine.event(name, event)
        machine.changes()
        leg = legs(machine).get("202-1")
        told.append((leg["state"], bool(leg["bridge"])) if leg else None)
    return [state for state, _group in itertools.groupby(told)]


def test_a_recorded_call_goes_through_its_states_and_leaves_nothing(machine, events):
    assert story_of(machine, events) == [
        None,
        ("dialling", False),
        ("ringing", False),
        ("up", False),
        ("up", True),
        ("up", False),
        None,
    ]
    assert not legs(machine)
    assert machine.channel_ids() == frozenset()


def test_a_name_is_shown_as_it_is_written(machine, events):
    seen = set()
    for name, event in events:
        machine.event(name, event)
        machine.changes()
        seen |= {leg["name"] for leg in legs(machine).values()}
    assert "Niccolò D'Amico" in seen


def test_nothing_is_told_twice(machine, events):
    for name, event in events[:6]:
        machine.event(name, event)
    assert machine.changes()[0]
    for name, event in events[:6][-1:]:
        machine.event(name, event)
    assert machine.changes() == ({}, [])


def channel(id="1.1", endpoint="201-1", **values):
    """An entry as CoreShowChannels writes it."""
    return {
        "Channel": f"PJSIP/{endpoint}-00000001",
        "Uniqueid": id,
        "Linkedid": values.pop("call", id),
        "ChannelStateDesc": "Up",
        "CallerIDNum": "201",
        "CallerIDName": "Anna",
        "ConnectedLineNum": "202",
        "ConnectedLineName": "<unknown>",
        "Exten": "202",
        "Duration": "00:01:05",
        "Application": "Dial",
        "BridgeId": "b",
        **values,
    }


def test_a_call_found_by_a_snapshot_has_its_beginning(machine):
    machine.begin_snapshot()
    machine.finish_snapshot(1000.0, [channel()], [], [])
    new, _gone = machine.changes()
    assert new["calls/1.1"]["since"] == 935.0


def test_a_channel_that_ends_while_the_list_is_on_its_way_stays_ended(machine):
    machine.begin_snapshot()
    machine.event("Hangup", {"Uniqueid": "1.1"})
    machine.finish_snapshot(5.0, [channel()], [], [])
    assert not [key for key in machine.changes()[0] if key.startswith("calls/")]


def test_what_events_say_during_a_snapshot_is_newer_than_the_list(machine):
    state = {"Device": "PJSIP/201-1", "State": "INUSE"}
    machine.begin_snapshot()
    machine.event("DeviceStateChange", state)
    machine.finish_snapshot(5.0, [], [{**state, "State": "NOT_INUSE"}], [])
    assert machine.changes()[0]["devices/201-1"]["state"] == "busy"


def test_nobody_sees_a_snapshot_half_done(machine):
    state = {"Device": "PJSIP/201-1", "State": "INUSE"}
    machine.event("DeviceStateChange", state)
    machine.changes()
    machine.begin_snapshot()
    assert machine.changes() == ({}, [])
    machine.finish_snapshot(5.0, [], [state], [])
    new, gone = machine.changes()
    assert list(new) == ["asterisk"]
    assert gone == []


def test_after_a_break_only_what_really_differs_is_told(machine):
    machine.begin_snapshot()
    machine.finish_snapshot(5.0, [channel("1.1"), channel("2.1")], [], [])
    machine.changes()
    machine.lost(6.0)
    assert machine.changes() == ({"asterisk": {"up": False, "since": 6.0}}, [])
    machine.begin_snapshot()
    machine.finish_snapshot(5.0, [channel("1.1")], [], [])
    new, gone = machine.changes()
    assert list(new) == ["asterisk"]
    assert gone == ["calls/2.1"]


def test_a_break_in_the_middle_of_a_snapshot_loses_nothing_that_was_told(machine):
    machine.begin_snapshot()
    machine.finish_snapshot(5.0, [channel("1.1")], [], [])
    machine.changes()
    machine.begin_snapshot()
    machine.lost(6.0)
    assert machine.changes() == ({"asterisk": {"up": False, "since": 6.0}}, [])
    machine.begin_snapshot()
    machine.finish_snapshot(7.0, [], [], [])
    assert machine.changes()[1] == ["calls/1.1"]


def test_a_channel_whose_end_was_missed_is_dropped(machine):
    machine.begin_snapshot()
    machine.finish_snapshot(5.0, [channel("1.1"), channel("2.1")], [], [])
    machine.changes()
    assert machine.compare_channels([channel("1.1")]) == 1
    assert machine.changes() == ({}, ["calls/2.1"])


def test_a_leg_that_moves_into_another_call_leaves_the_first(machine):
    machine.begin_snapshot()
    machine.finish_snapshot(5.0, [channel("1.1"), channel("2.1", endpoint="203-1")], [], [])
    machine.changes()
    machine.event("Newstate", {**channel("2.1", endpoint="203-1", call="1.1"), "Timestamp": "6"})
    new, gone = machine.changes()
    assert [leg["device"] for leg in new["calls/1.1"]["legs"]] == ["201-1", "203-1"]
    assert gone == ["calls/2.1"]


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("a\u202eb\x07c", "abc"),
        ("x" * 3000, "x" * 80),
        ('\\"Anna\\"\\nBianchi', '"Anna" Bianchi'),
        ("  ", ""),
    ],
)
def test_names_from_outside_are_bounded_and_printable(machine, hostile, shown):
    machine.begin_snapshot()
    machine.finish_snapshot(5.0, [channel(CallerIDName=hostile)], [], [])
    machine.changes()
    assert legs(machine)["201-1"]["name"] == shown


def test_inner_channels_are_no_legs(machine):
    machine.begin_snapshot()
    machine.finish_snapshot(5.0, [channel(Channel="Local/201@internal-00000001;1")], [], [])
    assert list(machine.changes()[0]) == ["asterisk"]


def test_a_trunk_is_shown_with_its_registration(machine):
    machine.begin_snapshot()
    machine.finish_snapshot(
        5.0,
        [],
        [{"Device": "PJSIP/trunk-tim", "State": "NOT_INUSE"}],
        [{"ObjectName": "trunk-tim", "Status": "Registered", "ClientUri": "sip:a@tim"}],
    )
    assert machine.changes()[0]["trunks/tim"] == {"state": "up", "registration": "registered"}
    machine.event("Registry", {"Username": "sip:a@tim", "Status": "Rejected"})
    machine.event("DeviceStateChange", {"Device": "PJSIP/trunk-tim", "State": "UNAVAILABLE"})
    assert machine.changes()[0]["trunks/tim"] == {"state": "down", "registration": "refused"}


def test_a_line_that_is_gone_from_the_configuration_is_gone_from_pages(machine):
    machine.event("DeviceStateChange", {"Device": "PJSIP/201-1", "State": "NOT_INUSE"})
    machine.changes()
    machine.event("DeviceStateChange", {"Device": "PJSIP/201-1", "State": "INVALID"})
    assert machine.changes() == ({}, ["devices/201-1"])
