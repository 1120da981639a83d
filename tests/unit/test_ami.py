"""The manager interface's adapter against a server that does everything wrong."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest

from appliance.asterisk import ami as module
from appliance.asterisk.ami import Ami, AmiError, AmiRefused, parse_event
from appliance.state.fields import Secret

PASSWORD = "hush-hush-hush"


class Server:
    """An AMI server; `answers` maps actions to what is sent for them (None: silence)."""

    def __init__(self):
        self.answers = {
            "Login": "Response: Success\r\nMessage: Authentication accepted",
            "Ping": "Response: Success\r\nPing: Pong",
        }
        self.asked = []
        self.writers = []
        self.booted = True

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error):
        self.drop()
        self._server.close()

    def drop(self):
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    def send(self, data):
        self.writers[-1].write(data if isinstance(data, bytes) else data.encode())

    async def _serve(self, reader, writer):
        self.writers.append(writer)
        self.send("Asterisk Call Manager/11.0.0\r\n")
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionResetError):
            while True:
                packet = await reader.readuntil(b"\r\n\r\n")
                self._answer(
                    dict(line.split(": ", 1) for line in packet.decode().split("\r\n") if line)
                )

    def _answer(self, question):
        self.asked.append(question)
        text = self.answers.get(question["Action"])
        if text is None:
            return
        id = question["ActionID"]
        for part in text.split("\r\n\r\n"):
            head, _, rest = part.partition("\r\n")
            self.send(f"{head}\r\nActionID: {id}\r\n{rest}".rstrip("\r\n") + "\r\n\r\n")
        if question["Action"] == "Login" and self.booted:
            self.send("Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n")


class Client:
    """An Ami with what it has told."""

    def __init__(self, port):
        self.events, self.ready, self.lost = [], 0, 0
        self.ami = Ami(
            port,
            "live",
            Secret(PASSWORD),
            wanted=frozenset({"Newstate"}),
            on_event=lambda name, event: self.events.append((name, dict(event))),
            on_ready=self._ready,
            on_lost=self._lost,
        )

    async def _ready(self):
        self.ready += 1

    def _lost(self):
        self.lost += 1


@contextlib.asynccontextmanager
async def connected():
    async with Server() as server:
        client = Client(server.port)
        running = asyncio.create_task(client.ami.run())
        try:
            await until(lambda: client.ami.connections == 1)
            yield server, client
        finally:
            running.cancel()


async def until(holds, within_s=5):
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.005)


def talk(test):
    """Run a coroutine that takes (server, client) as a test."""

    def run():
        async def inside():
            async with connected() as (server, client):
                await test(server, client)

        asyncio.run(inside())

    run.__name__ = run.__qualname__ = test.__name__
    return run


@talk
async def test_a_letter_that_is_cut_by_a_read_survives(server, client):
    packet = "Event: Newstate\r\nCallerIDName: Niccolò\r\n\r\n".encode()
    cut = packet.index("ò".encode()) + 1
    server.send(packet[:cut])
    await asyncio.sleep(0.02)
    server.send(packet[cut:])
    await until(lambda: client.events)
    assert client.events[0][1]["CallerIDName"] == "Niccolò"


@talk
async def test_events_that_nobody_wants_are_dropped(server, client):
    server.send("Event: VarSet\r\nValue: 1\r\n\r\nEvent: Newstate\r\nUniqueid: 1\r\n\r\n")
    await until(lambda: client.events)
    assert [name for name, _event in client.events] == ["Newstate"]


@talk
async def test_a_list_comes_without_its_frame(server, client):
    server.answers["DeviceStateList"] = (
        "Response: Success\r\nEventList: start\r\nMessage: States will follow\r\n\r\n"
        "Event: DeviceStateChange\r\nDevice: A\r\n\r\nEvent: DeviceStateChange\r\nDevice: B\r\n\r\n"
        "Event: DeviceStateListComplete\r\nEventList: Complete\r\nListItems: 2"
    )
    entries = await client.ami.list("DeviceStateList")
    assert [entry["Device"] for entry in entries] == ["A", "B"]


@talk
async def test_a_refused_question_says_why(server, client):
    server.answers["Reload"] = "Response: Error\r\nMessage: Permission denied"
    with pytest.raises(AmiRefused, match="Permission denied"):
        await client.ami.ask("Reload")
    with pytest.raises(AmiRefused, match="Permission denied"):
        await client.ami.list("Reload")


def test_a_question_without_an_answer_ends(monkeypatch):
    monkeypatch.setattr(module, "ANSWERS_WITHIN_S", 0.05)

    @talk
    async def inside(server, client):
        with pytest.raises(AmiError, match="not answered"):
            await client.ami.ask("Silence")
        assert await client.ami.ask("Ping")

    inside()


@talk
async def test_a_break_fails_the_open_questions_and_nothing_is_asked_again(server, client):
    question = asyncio.create_task(client.ami.ask("Originate", Channel="Local/1@x"))
    await until(lambda: server.asked[-1]["Action"] == "Originate")
    server.drop()
    with pytest.raises(AmiError, match="lost"):
        await question
    await until(lambda: client.ami.connections == 2)
    assert [question["Action"] for question in server.asked].count("Originate") == 1
    assert client.lost == 1


def test_a_connection_that_is_only_half_there_is_given_up(monkeypatch):
    monkeypatch.setattr(module, "PING_EVERY_S", 0.05)
    monkeypatch.setattr(module, "PING_WITHIN_S", 0.05)

    @talk
    async def inside(server, client):
        await until(lambda: server.asked[-1]["Action"] == "Ping")
        server.answers["Ping"] = None
        await until(lambda: client.lost == 1)
        server.answers["Ping"] = "Response: Success"
        await until(lambda: client.ready == 2)

    inside()


@pytest.mark.parametrize("value", ["a\r\nAction: Command", "a\nb", "\x00", "a\x7f"])
def test_a_value_cannot_bring_a_second_action_along(value):
    @talk
    async def inside(server, client):
        before = len(server.asked)
        with pytest.raises(ValueError, match="control character"):
            await client.ami.ask("Getvar", Variable=value)
        assert len(server.asked) == before

    inside()


def test_a_refused_password_is_tried_slowly_and_never_written_down(caplog):
    async def inside():
        async with Server() as server:
            server.answers["Login"] = "Response: Error\r\nMessage: Authentication failed"
            client = Client(server.port)
            running = asyncio.create_task(client.ami.run())
            await until(lambda: client.lost)
            await asyncio.sleep(0.5)
            running.cancel()
            assert len(server.asked) == 1

    with caplog.at_level(logging.DEBUG):
        asyncio.run(inside())
    assert "Authentication failed" in caplog.text
    assert PASSWORD not in caplog.text


def test_a_break_during_the_log_in_does_not_write_the_password_down(caplog):
    async def inside():
        async with Server() as server:
            server.answers["Login"] = None
            client = Client(server.port)
            running = asyncio.create_task(client.ami.run())
            await until(lambda: server.asked)
            server.drop()
            await until(lambda: client.lost)
            running.cancel()

    with caplog.at_level(logging.DEBUG):
        asyncio.run(inside())
    assert PASSWORD not in caplog.text


@talk
async def test_the_snapshot_waits_until_asterisk_is_booted(server, client):
    server.booted = False
    server.drop()
    await until(lambda: len(server.asked) >= 2 and server.writers)
    await asyncio.sleep(0.1)
    assert client.ready == 1
    server.send("Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n")
    await until(lambda: client.ready == 2)


def test_asterisk_is_found_again_within_a_second_of_its_return():
    async def inside():
        async with Server() as server:
            port = server.port
        client = Client(port)
        running = asyncio.create_task(client.ami.run())
        await asyncio.sleep(2)
        again = Server()
        again._server = await asyncio.start_server(again._serve, "127.0.0.1", port)
        await until(lambda: client.ready, within_s=1)
        running.cancel()
        await again.__aexit__()

    asyncio.run(inside())


def test_a_field_is_found_as_a_whole_and_nothing_else_is():
    packet = b"Event: X\r\nChannel: PJSIP/1\r\nDestChannel: PJSIP/2\r\nExten: \r\nName: a: b"
    event = module.PacketEvent(packet)
    assert (event["Channel"], event["DestChannel"], event["Name"]) == ("PJSIP/1", "PJSIP/2", "a: b")
    assert (event["Exten"], event.get("Chan"), "Channe" in event) == ("", None, False)
    assert list(event) == list(parse_event(packet))


def test_a_line_without_a_value_does_not_lose_the_event():
    assert parse_event(b"Event: X\r\nExten:\r\nName: a: b") == {
        "Event": "X",
        "Exten": "",
        "Name": "a: b",
    }
