"""A call whose every packet of sound is counted, in both directions.

Each end sends 20 ms of G.711 whose first bytes are a running number; Asterisk hands payloads
on as they are. So what the other end has received tells which packets were lost, which came
twice and how long the longest silence was, whoever carried them.

    with counted_call(branch_phone, desk_phone) as call:
        began = call.now()
        ...                                  # cut a line
        heard = call.heard(began)            # by both, since then
        assert heard.lost == 0
"""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from tests.support.sip_agent import SipAgent
from tests.support.softphones.message import Message

PACKET_S = 0.02
SAMPLES = 160
_RTP = struct.Struct("!BBHII")
_MARK = struct.Struct("!4sI")
MARK = b"CNT:"
A_LAW = 8
IN_ORDER = 50
"""How many packets back something sent later is looked for."""

ASKED_AGAIN_WITHIN_S = 1.7
"""In which a server repeats its answer twice (RFC 3261 section 13.3.1.4)."""

LATEST_S = 3.0
"""How late a packet may be; where nothing passes at all, this long is waited in vain."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one direction carried between two moments. `gap_ms` is the longest silence by the
    packets' numbers: an ear does not hear that this machine was busy for a moment."""

    sent: int
    lost: int
    twice: int
    gap_ms: float

    def __add__(self, other: Heard) -> Heard:
        return Heard(
            self.sent + other.sent,
            self.lost + other.lost,
            self.twice + other.twice,
            max(self.gap_ms, other.gap_ms),
        )


@dataclass
class Sound:
    """One end's sound: a socket, a thread that sends and one that listens."""

    socket: socket.socket
    to: tuple[str, int] = ("", 0)
    sent: list[float] = field(default_factory=list)
    received: list[tuple[float, int]] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.socket.getsockname()[1]

    def start(self, to: tuple[str, int]) -> None:
        self.to = to
        self.socket.settimeout(0.2)
        for work in (self._send, self._listen):
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self.socket.close()

    def _send(self) -> None:
        source, due = secrets.randbits(32), time.monotonic()
        while not self._over.is_set():
            number = len(self.sent)
            head = _RTP.pack(0x80, A_LAW, number & 0xFFFF, number * SAMPLES & 0xFFFFFFFF, source)
            payload = _MARK.pack(MARK, number) + b"\xd5" * (SAMPLES - _MARK.size)
            self.sent.append(time.monotonic())
            with contextlib.suppress(OSError):  # no route now: lost like any other packet
                self.socket.sendto(head + payload, self.to)
            due += PACKET_S
            time.sleep(max(0.0, due - time.monotonic()))

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                data = self.socket.recv(2048)
            except TimeoutError:
                continue
            except OSError:
                continue  # an ICMP error of an earlier packet
            at = time.monotonic()
            if len(data) == _RTP.size + SAMPLES and data[_RTP.size :].startswith(MARK):
                self.received.append((at, _MARK.unpack_from(data, _RTP.size)[1]))


def heard(sender: Sound, listener: Sound, since: float, until: float) -> Heard:
    """What of the packets sent between two moments has arrived by now."""
    wanted = [n for n, at in enumerate(sender.sent) if since <= at < until]
    within = frozenset(wanted)
    numbers = [number for _at, number in listener.received if number in within]
    arrived = frozenset(numbers)
    run = longest = 0
    for number in wanted:
        run = 0 if number in arrived else run + 1
        longest = max(longest, run)
    gap_s = (longest + 1) * PACKET_S
    lost = len(within - arrived)
    return Heard(len(wanted), lost, len(numbers) - len(arrived), round(gap_s * 1000, 1))


def passed(sender: Sound, listener: Sound, moment: float) -> bool:
    """Whether a packet that was sent after a moment has arrived."""
    later = next((n for n, at in enumerate(sender.sent) if at >= moment), None)
    return later is not None and any(n >= later for _at, n in listener.received[-IN_ORDER:])


@dataclass
class CountedCall:
    """A call that is up. `caller` is at the branch."""

    caller: SipAgent
    callee: SipAgent
    ends: tuple[Sound, Sound]
    target: str
    to: str
    call_id: str

    @staticmethod
    def now() -> float:
        return time.monotonic()

    def heard(self, since: float, until: float | None = None) -> Heard:
        """Both directions together since a moment; packets under way are waited for."""
        until = until or time.monotonic()
        here, there = self.ends
        # What was sent later has overtaken nothing but packets of the other line, which are
        # at most this much behind; a machine that is busy hands on everything later.
        mark = until + 0.3
        deadline = time.monotonic() + LATEST_S
        while time.monotonic() < deadline:
            if passed(here, there, mark) and passed(there, here, mark):
                break
            time.sleep(PACKET_S)
        return heard(here, there, since, until) + heard(there, here, since, until)

    def negotiate_again(self, within_s: float = 4.0) -> int:
        """A re-INVITE from the branch; the status of its answer."""
        return self._ask("INVITE", ("Content-Type: application/sdp",), self._offer(), within_s)

    def hang_up(self, within_s: float = 4.0) -> int:
        return self._ask("BYE", (), "", within_s)

    def _offer(self) -> str:
        return _sdp(self.caller.own[0], self.ends[0].port)

    def _ask(self, method: str, headers: tuple[str, ...], body: str, within_s: float) -> int:
        """The status of the answer to one request in the dialog; 0 when there was none."""
        asked = {"to": self.to, "call_id": self.call_id, "body": body, "within_s": within_s}
        try:
            return self.caller.request(method, self.target, headers, **asked).status
        except AssertionError:
            return 0


@contextmanager
def counted_call(
    caller: SipAgent,
    callee: SipAgent,
    number: str,
    inside: tuple[AbstractContextManager[object], AbstractContextManager[object]],
) -> Iterator[CountedCall]:
    """`caller` dials `number`, which is `callee`; both are registered."""
    ends = tuple(Sound(_rtp_socket(agent.own[0], within)) for agent, within in
                 zip((caller, callee), inside, strict=True))  # fmt: skip
    answering = threading.Thread(target=_answer, args=(callee, ends[1]))
    answering.start()
    call_id = secrets.token_hex(8)
    uri = f"sip:{number}@{caller.server[0]}"
    headers = ("Content-Type: application/sdp",)
    offer = _sdp(caller.own[0], ends[0].port)
    try:
        answer = caller.request("INVITE", uri, headers, body=offer, call_id=call_id, within_s=8)
    finally:
        answering.join()
    assert answer.status == 200, answer.start_line
    ends[0].start(_media(answer))
    # An acknowledgement that was lost is asked for again; without it the call ends after 32 s.
    caller.read_all(ASKED_AGAIN_WITHIN_S)
    found = re.search(r"<([^>]+)>", answer.header("contact"))
    target = found[1] if found else uri
    call = CountedCall(caller, callee, (ends[0], ends[1]), target, answer.header("to"), call_id)
    try:
        yield call
    finally:
        for end in ends:
            end.stop()


def _answer(callee: SipAgent, sound: Sound) -> None:
    """Take the call, and listen for its acknowledgement."""
    invitation = callee.expect(lambda m: not m.status and m.method == "INVITE", 8, "a call")
    callee.respond(invitation, 200, "OK", _sdp(callee.own[0], sound.port))
    callee.expect(lambda m: m.start_line.startswith("ACK"), 8, "an ACK")
    sound.start(_media(invitation))


def _rtp_socket(address: str, inside: AbstractContextManager[object]) -> socket.socket:
    with inside:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xB8)
    made.bind((address, 0))
    return made


def _sdp(address: str, port: int) -> str:
    lines = ("v=0", f"o=- 1 1 IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0")
    media = (f"m=audio {port} RTP/AVP 8", "a=rtpmap:8 PCMA/8000", "a=ptime:20", "a=sendrecv", "")
    return "\r\n".join((*lines, *media))


def _media(message: Message) -> tuple[str, int]:
    address = re.search(r"^c=IN IP4 (\S+)", message.body, re.M)
    port = re.search(r"^m=audio (\d+)", message.body, re.M)
    assert address, message.text
    assert port, message.text
    return address[1], int(port[1])
