"""Asterisk's manager interface (AMI): events as they happen, and a few questions.

panoramisk knows the protocol: actions, answers, lists. What it lacks is cured here
(`docs/decisions/0003-manager-interface.md`): a letter cut in two by a read survives,
questions have a deadline, a connection that is only half there is found, nothing is
sent again after a break, line breaks cannot smuggle in a second action, and events that
nobody wants are dropped before they are taken apart.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.message import Message

from appliance.state.fields import Secret

log = logging.getLogger("ami")

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 0.5
REFUSED_PAUSE_S = 10.0
CONNECTS_WITHIN_S = 3.0
ANSWERS_WITHIN_S = 5.0
BOOTS_WITHIN_S = 120.0
PING_EVERY_S = 5.0
PING_WITHIN_S = 4.0

_SILENT = logging.getLogger("ami.panoramisk")
_SILENT.setLevel(logging.CRITICAL + 1)
"""panoramisk logs whole questions, passwords too, when a connection breaks."""

LARGEST_PACKET = 4 * 1024 * 1024
"""Bytes. An event has about 400; whatever is larger is not AMI."""

Event = Mapping[str, str]
EventHandler = Callable[[str, Event], None]


class AmiError(RuntimeError):
    """The question got no good answer: refused, too late, or the connection is lost."""


class AmiRefused(AmiError):
    """Asterisk answered `Response: Error`."""


class PacketEvent(Mapping[str, str]):
    """An event as it came; a field is looked up when somebody asks for it.

    Most events are looked at in a few of their thirty fields, many in one, so taking all
    of them apart beforehand would cost more than everything else (`bench/live.py`).
    """

    __slots__ = ("_packet",)

    def __init__(self, packet: bytes) -> None:
        self._packet = b"\r\n" + packet  # so that every field has a line break before it

    def __getitem__(self, name: str) -> str:
        mark = f"\r\n{name}: ".encode()
        begin = self._packet.find(mark)
        if begin < 0:
            raise KeyError(name)
        begin += len(mark)
        end = self._packet.find(b"\r\n", begin)
        value = self._packet[begin:] if end < 0 else self._packet[begin:end]
        return value.decode("utf-8", "replace")

    def __iter__(self) -> Iterator[str]:
        for line in self._packet.decode("utf-8", "replace").split("\r\n")[1:]:
            yield line.partition(":")[0]

    def __len__(self) -> int:
        return self._packet.count(b"\r\n")


def parse_event(packet: bytes) -> dict[str, str]:
    """All fields of one event."""
    lines = packet.decode("utf-8", "replace").split("\r\n")
    parts = (line.partition(":") for line in lines)
    return {name: value.removeprefix(" ") for name, _colon, value in parts}


class Protocol(AMIProtocol):  # type: ignore[misc]
    """panoramisk's protocol with another reader: framing on bytes, unwanted events dropped."""

    encoding = "utf-8"

    def __init__(self, wanted: frozenset[str], on_event: EventHandler) -> None:
        self._wanted = {name.encode(): name for name in wanted}
        self._on_event = on_event
        self._rest = b""
        self.packets = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.log = _SILENT
        self.factory = _Factory(asyncio.get_running_loop())

    def data_received(self, data: bytes) -> None:
        packets = (self._rest + data).split(b"\r\n\r\n")
        self._rest = packets.pop()
        if len(self._rest) > LARGEST_PACKET:
            log.error("what answers here does not speak AMI")
            self.transport.abort()
        self.packets += len(packets)
        wanted, on_event = self._wanted, self._on_event
        for packet in packets:
            if packet.startswith(b"Event: "):
                name = packet[7 : packet.find(b"\r\n", 7)]
                if name in wanted:
                    on_event(wanted[name], PacketEvent(packet))
                    continue
                if b"\r\nActionID: " not in packet:
                    continue
            self._answer(packet)

    def _answer(self, packet: bytes) -> None:
        """An answer to a question, or one entry of a list that was asked for."""
        if packet.startswith(b"Asterisk Call Manager/"):
            packet = packet.partition(b"\r\n")[2]
        message = Message.from_line(packet.decode("utf-8", "replace").strip())
        if message is not None:
            self.handle_message(message)

    def forget(self, action: Action) -> None:
        """Stop waiting for the answer to a question."""
        self.responses.pop(action.id, None)


class _Factory:
    """What panoramisk's protocol expects of its manager, which we do not use."""

    forgetable_actions = ()
    save_stream = None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.awaiting_actions: deque[Action] = deque()
        self.lost: asyncio.Future[None] = loop.create_future()

    def connection_lost(self, _reason: object) -> None:
        if not self.lost.done():
            self.lost.set_result(None)
        self.fail_all()

    def fail_all(self) -> None:
        """Tell everybody who still waits that no answer will come."""
        for action in self.awaiting_actions:
            if not action.future.done():
                action.future.set_exception(AmiError("the connection was lost"))
        self.awaiting_actions.clear()

    def dispatch(self, _event: Message) -> None:
        """Events go to their handler before panoramisk sees them."""


class Ami:
    """One connection that comes back by itself.

    `on_event(name, fields)` is called for each event whose name is in `wanted`.
    `on_ready()` runs after each log-in, once Asterisk is fully booted: the place to ask
    for the state of things. `on_lost()` is called when a connection ends or none was made.
    `events` are the classes of events that Asterisk sends at all; "system" is the least, since
    FullyBooted is one of them.
    """

    def __init__(
        self,
        port: int,
        user: str,
        secret: Secret,
        *,
        wanted: frozenset[str],
        on_event: EventHandler,
        on_ready: Callable[[], Awaitable[None]],
        on_lost: Callable[[], None],
        host: str = "127.0.0.1",
        events: str = "on",
    ) -> None:
        self._address = (host, port)
        self._user = user
        self._secret = secret
        self._events = events
        self._wanted = wanted | {"FullyBooted"}
        self._handler = on_event
        self._on_ready = on_ready
        self._on_lost = on_lost
        self._protocol: Protocol | None = None
        self._booted = asyncio.Event()
        self.connections = 0

    async def run(self) -> None:
        """Connect, and connect again after every break, until cancelled."""
        pause, told = FIRST_PAUSE_S, ""
        while True:
            before = self.connections
            try:
                await self._live_once()
                reason = "the connection ended"
            except (OSError, TimeoutError, AmiError) as error:
                reason = str(error) or type(error).__name__
            self._on_lost()
            if self.connections > before:
                pause, told = FIRST_PAUSE_S, ""
            if reason != told:  # once, not twice a second while Asterisk is away
                log.warning("no connection to Asterisk: %s", reason)
                told = reason
            await asyncio.sleep(REFUSED_PAUSE_S if reason.startswith("refused") else pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def ask(self, action: str, /, **headers: str) -> Message:
        """The answer to one question; AmiRefused when it says so, AmiError when none comes."""
        answer = await self._exchange(action, headers)
        message = answer[0] if isinstance(answer, list) else answer
        if message.response in ("Error", "Fail", "Failure"):
            raise AmiRefused(f"{action}: {message.message}")
        return message

    async def list(self, action: str, /, **headers: str) -> list[Message]:
        """The entries of a list, without the first answer and the closing event."""
        answer = await self._exchange(action, headers)
        if not isinstance(answer, list):
            if answer.response in ("Error", "Fail", "Failure"):
                raise AmiRefused(f"{action}: {answer.message}")
            return []
        return [each for each in answer[1:] if not each.event.endswith("Complete")]

    async def _exchange(self, action: str, headers: Mapping[str, str]) -> Any:
        protocol = self._protocol
        if protocol is None:
            raise AmiError("not connected")
        question = Action({"Action": _clean(action), **_cleaned(headers)})
        protocol.send(question, as_list=None)  # the answer itself says whether it is a list
        try:
            return await asyncio.wait_for(question.future, ANSWERS_WITHIN_S)
        except TimeoutError:
            protocol.forget(question)
            raise AmiError(f"{action} was not answered in {ANSWERS_WITHIN_S:.0f} s") from None

    async def _live_once(self) -> None:
        loop = asyncio.get_running_loop()
        self._booted.clear()
        connecting = loop.create_connection(
            lambda: Protocol(self._wanted, self._take), *self._address
        )
        transport, protocol = await asyncio.wait_for(connecting, CONNECTS_WITHIN_S)
        self._protocol = protocol
        try:
            await self._log_in()
            await self._until_lost(protocol)
        finally:
            self._protocol = None
            transport.abort()
            protocol.close()
            protocol.factory.fail_all()

    async def _log_in(self) -> None:
        try:
            secret, events = self._secret.reveal(), self._events
            await self.ask("Login", Username=self._user, Secret=secret, Events=events)
        except AmiRefused as error:
            raise AmiRefused(f"refused: {error}") from error
        await asyncio.wait_for(self._booted.wait(), BOOTS_WITHIN_S)

    async def _until_lost(self, protocol: Protocol) -> None:
        """Tell that the connection is ready, then watch it until it breaks."""
        watch = asyncio.ensure_future(self._ping())
        try:
            await self._on_ready()
            self.connections += 1
            await asyncio.wait({protocol.factory.lost, watch}, return_when="FIRST_COMPLETED")
            if watch.done():
                watch.result()
        finally:
            watch.cancel()

    async def _ping(self) -> None:
        """Ask for a sign of life now and then; AmiError when none comes."""
        while True:
            await asyncio.sleep(PING_EVERY_S)
            await asyncio.wait_for(self.ask("Ping"), PING_WITHIN_S)

    def _take(self, name: str, event: Event) -> None:
        if name == "FullyBooted":
            self._booted.set()
        else:
            self._handler(name, event)


def _cleaned(headers: Mapping[str, str]) -> dict[str, str]:
    return {_clean(name): _clean(value) for name, value in headers.items()}


def _clean(text: str) -> str:
    """The text itself; ValueError when it could be read as more than one header."""
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in text):
        raise ValueError(f"control character in {text[:40]!r}")
    return text
