"""Numbers, scopes, returning and frozen pages of the live stream."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket

import jwt
import pytest
from aiohttp import web

from ari_apps.live import broadcast as module
from ari_apps.live import tokens
from ari_apps.live.broadcast import Broadcast, visible
from ari_apps.live.hub import Hub
from ari_apps.live.web import application
from tests.support.leftovers import owned_folder
from tests.support.live_hub import KEY, token

ALL = frozenset({"calls", "devices", "trunks"})

LEG = {"number": "201", "name": "Anna", "other_number": "+390522123456", "other_name": "0522123456"}


def texts(subscription):
    """(event, data) of everything in the queue."""
    found = []
    while not subscription.queue.empty():
        lines = dict(
            line.split(": ", 1) for line in subscription.queue.get_nowait().splitlines() if line
        )
        found.append((lines["event"], json.loads(lines["data"])))
    return found


@pytest.fixture
def objects():
    return {"asterisk": {"up": True}, "devices/201-1": {"state": "free"}}


@pytest.fixture
def broadcast(objects):
    return Broadcast(lambda: objects)


def test_a_new_listener_begins_with_everything(broadcast, objects):
    broadcast.publish({"devices/201-1": {"state": "free"}}, [])
    ((event, data),) = texts(broadcast.subscribe(ALL))
    assert (event, data) == ("snapshot", {"seq": 1, "objects": objects})


def test_changes_are_numbered_without_a_hole_for_every_scope(broadcast):
    calls_only = broadcast.subscribe(frozenset({"calls"}))
    texts(calls_only)
    broadcast.publish({"devices/201-1": {"state": "busy"}}, ["devices/202-1"])
    broadcast.publish({"calls/1": {"legs": []}}, [])
    assert texts(calls_only) == [
        ("change", {"seq": 1, "set": {}, "gone": []}),
        ("change", {"seq": 2, "set": {"calls/1": {"legs": []}}, "gone": []}),
    ]


def last_id(broadcast):
    return broadcast.subscribe(ALL).queue.get_nowait().splitlines()[0].removeprefix("id: ")


def test_a_listener_that_returns_gets_what_it_has_missed(broadcast):
    broadcast.publish({"a": 1}, [])
    known = last_id(broadcast)
    broadcast.publish({"a": 2}, [])
    broadcast.publish({"a": 3}, [])
    assert [data["seq"] for _event, data in texts(broadcast.subscribe(ALL, known))] == [2, 3]


@pytest.mark.parametrize("wrong", ["", "other-1", "x", "-", "1-٣", "{run}-99", "{run}--1"])
def test_a_listener_with_an_unknown_number_begins_anew(broadcast, wrong):
    broadcast.publish({"a": 1}, [])
    run = last_id(broadcast).partition("-")[0]
    ((event, _data),) = texts(broadcast.subscribe(ALL, wrong.format(run=run)))
    assert event == "snapshot"


def test_a_listener_that_was_away_too_long_begins_anew(broadcast):
    known = last_id(broadcast)
    for number in range(module.LONGEST_QUEUE + 1):
        broadcast.publish({"a": number}, [])
    ((event, data),) = texts(broadcast.subscribe(ALL, known))
    assert (event, data["seq"]) == ("snapshot", module.LONGEST_QUEUE + 1)


def test_a_listener_that_does_not_read_is_cut_off(broadcast):
    cut = []
    subscription = broadcast.subscribe(ALL)
    subscription.on_cut_off = lambda: cut.append(True)
    for number in range(module.LONGEST_QUEUE + 1):
        broadcast.publish({"a": number}, [])
    assert cut == [True]
    assert broadcast.listeners == 0


def test_outside_numbers_are_masked_in_names_too_and_extensions_are_not():
    shown = visible({"calls/1": {"legs": [LEG]}}, frozenset({"calls", "mask"}))
    assert shown["calls/1"]["legs"] == [
        {
            "number": "201",
            "name": "Anna",
            "other_number": "+39052212••••",
            "other_name": "052212••••",
        }
    ]
    assert LEG["other_number"] == "+390522123456"


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"exp": 1},
        {"iat": None},
        {"exp": 2**40},
        {"aud": "centralino-portal"},
        {"iss": "other"},
        {"sub": None},
        {"scope": "calls everything"},
        {"typ": "JWT"},
    ],
)
def test_a_token_that_is_not_just_right_is_refused(claims):
    with pytest.raises(tokens.NotAllowed):
        tokens.listener(token(**claims), KEY)


def test_a_token_of_another_algorithm_is_refused():
    claims = jwt.decode(token(), options={"verify_signature": False})
    headers = {"typ": tokens.TYPE}
    for algorithm, key in (("none", None), ("HS512", KEY.reveal() * 2)):
        with pytest.raises(tokens.NotAllowed):
            tokens.listener(jwt.encode(claims, key, algorithm=algorithm, headers=headers), KEY)


def test_a_good_token_names_its_listener():
    who = tokens.listener(token("calls mask"), KEY)
    assert (who.subject, who.scope) == ("1", {"calls", "mask"})


def test_a_frozen_page_loses_its_connection_and_the_others_go_on():
    folder = owned_folder("live")
    try:
        asyncio.run(_frozen(folder / "s"))
    finally:
        shutil.rmtree(folder)


async def _frozen(path):
    hub = Hub(5038, KEY, path.with_name("sound.json"))
    runner = web.AppRunner(application(hub, KEY), access_log=None)
    await runner.setup()
    await web.UnixSite(runner, str(path)).start()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as frozen:
        frozen.connect(str(path))
        request = f"GET /live/events HTTP/1.1\r\nHost: x\r\nCookie: {tokens.COOKIE}={token()}"
        frozen.sendall(f"{request}\r\n\r\n".encode())
        await _until(lambda: hub.broadcast.listeners == 1)
        for number in range(50_000):
            hub.broadcast.publish({"devices/201-1": {"state": "x" * 500, "n": number}}, [])
            if number % 10 == 0:
                await asyncio.sleep(0)
            if not hub.broadcast.listeners:
                break
        assert hub.broadcast.listeners == 0
        frozen.settimeout(5)
        await asyncio.to_thread(_read_to_the_end, frozen)
    await runner.cleanup()


def _read_to_the_end(connection):
    """Whatever was on its way still arrives; then the connection is closed, not silent."""
    while connection.recv(1 << 20):
        pass


async def _until(holds, within_s=5):
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.01)
