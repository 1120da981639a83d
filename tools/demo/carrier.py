"""A carrier for the sample company: takes every call, calls in, and sends back what it hears.

It lives on an address of its own of the loopback network, so that the telephone system
knows it by that address. Two sockets: one is called, the other calls.
"""

from __future__ import annotations

import random
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

from tests.support.sip_agent import SipAgent
from tests.support.softphones.message import Message

ADDRESS, PORT = "127.0.0.2", 5080
CALLER = "+390276110203"
RINGS_S = (1.5, 5.0)
TALKS_S = (8.0, 40.0)
GIVES_UP_S = 60.0
KEPT_MESSAGES = 50


class Carrier:
    """Both ends of the line. Ends with the block."""

    def __init__(self, sip_port: int, chance: random.Random) -> None:
        self._server = ("127.0.0.1", sip_port)
        self._chance = chance
        self._stop = threading.Event()
        self._calling = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Carrier:
        self._stack = ExitStack()
        called = self._stack.enter_context(SipAgent((ADDRESS, PORT), self._server, "carrier"))
        self._caller = self._stack.enter_context(
            SipAgent((ADDRESS, PORT + 1), self._server, "carrier")
        )
        for agent in (called, self._caller):
            sound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sound.bind((ADDRESS, agent.own[1] + 20000))  # where SipAgent.offer() says
            sound.settimeout(0.5)
            self._stack.enter_context(sound)
            self._begin(lambda sound=sound: self._echo(sound))  # type: ignore[misc]
        self._begin(lambda: self._take_calls(called))
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(2)
        self._stack.close()

    def call(self, number: str) -> None:
        """Call a number of the company, unless such a call is up already."""
        if not self._calling.is_set():
            self._calling.set()
            self._begin(lambda: self._call(number))

    def _begin(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def _echo(self, sound: socket.socket) -> None:
        """Send every packet back; one socket serves all calls."""
        while not self._stop.is_set():
            try:
                packet, sender = sound.recvfrom(2048)
                sound.sendto(packet, sender)
            except TimeoutError:
                continue

    def _take_calls(self, agent: SipAgent) -> None:
        """Ring a while, answer, and end when the other side does."""
        ringing: dict[str, tuple[float, Message]] = {}
        while not self._stop.is_set():
            message = agent.read_one(0.2)
            if message is not None and not message.status:
                self._taken(agent, message, ringing)
            for call_id, (due, invite) in list(ringing.items()):
                if time.monotonic() > due:
                    del ringing[call_id]
                    agent.respond(invite, 200, "OK", agent.offer())
            del agent.received[:-KEPT_MESSAGES]

    def _taken(
        self, agent: SipAgent, message: Message, ringing: dict[str, tuple[float, Message]]
    ) -> None:
        call_id = message.header("call-id")
        if message.method == "INVITE" and call_id not in ringing:
            agent.respond(message, 180, "Ringing")
            ringing[call_id] = (time.monotonic() + self._chance.uniform(*RINGS_S), message)
        elif message.method in ("BYE", "CANCEL"):
            agent.respond(message, 200, "OK")
            if call_id in ringing:
                agent.respond(ringing.pop(call_id)[1], 487, "Request Terminated")

    def _call(self, number: str) -> None:
        agent, call_id = self._caller, secrets.token_hex(8)
        caller = f"<sip:{CALLER}@{ADDRESS}>"
        try:
            answer = agent.invite(number, from_=caller, call_id=call_id, within_s=GIVES_UP_S)
            if answer.status == 200:
                self._talk(agent, answer, caller, call_id)
        except AssertionError:
            pass  # nobody has answered at all; the next call is another
        finally:
            del agent.received[:-KEPT_MESSAGES]
            self._calling.clear()

    def _talk(self, agent: SipAgent, answer: Message, caller: str, call_id: str) -> None:
        """Stay in the call until one side ends it."""
        until = time.monotonic() + self._chance.uniform(*TALKS_S)
        while time.monotonic() < until and not self._stop.is_set():
            message = agent.read_one(0.2)
            if message is not None and message.method == "BYE":
                agent.respond(message, 200, "OK")
                return
        contact = answer.header("contact").strip("<>").partition(">")[0]
        agent.send(
            agent.build("BYE", contact, from_=caller, to=answer.header("to"), call_id=call_id)
        )
