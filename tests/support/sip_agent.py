"""A bare SIP user agent over UDP for what no real telephone lets a test do.

Every byte of a request can be chosen: a From that lies, a dialled string with a line
break in it, only one digest algorithm, a lamp's subscription whose notifications are
looked at. It has no sound; calls that must be heard are made with `softphones`.

    with SipAgent(("10.9.0.3", 5070), ("10.9.0.1", 5060), "201-1", secret) as agent:
        agent.register()
        agent.subscribe("202", "dialog").expect_state("terminated")

Nothing runs in the background: messages are read while something is awaited, and while
reading, OPTIONS and NOTIFY are answered with 200, and a final answer to an INVITE that comes
again is acknowledged again, as every telephone does.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from tests.support.softphones.message import Message

SOON_S = 15.0
T1_S, T2_S = 0.5, 4.0
"""When a request is sent again: after T1, then after twice as long each time, T2 at most (RFC
3261 sections 17.1.1.2 and 17.1.2.2)."""

ALGORITHMS = {"SHA-256": "sha256", "MD5": "md5"}
DIALOG_NAMESPACE = "{urn:ietf:params:xml:ns:dialog-info}"


class SipAgent:
    """One address, one account. `inside` is entered while the socket is made, e.g. a
    network namespace; `algorithms` are the digests that the agent knows (RFC 8760)."""

    def __init__(
        self,
        own: tuple[str, int],
        server: tuple[str, int],
        user: str,
        password: str = "",
        *,
        inside: AbstractContextManager[object] | None = None,
        algorithms: tuple[str, ...] = ("SHA-256", "MD5"),
    ) -> None:
        self.user = user
        self.password = password
        self.server = server
        self.algorithms = algorithms
        self.received: list[Message] = []
        with inside or nullcontext():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self._socket.bind(own)
            except OSError:
                self._socket.close()
                raise
        self.own = self._socket.getsockname()
        self._tag = secrets.token_hex(6)
        self._cseq = 0
        self._acknowledged: dict[tuple[str, str], str] = {}

    def __enter__(self) -> SipAgent:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    # ── requests ──────────────────────────────────────────────────────────────────

    def register(self, expires_s: int = 300) -> Message:
        """REGISTER, with an answer to the challenge; the final response."""
        return self.request("REGISTER", f"sip:{self.server[0]}", (f"Expires: {expires_s}",))

    def subscribe(self, target: str, event: str, expires_s: int = 300) -> Subscription:
        """SUBSCRIBE to an event package of `target`; AssertionError when it is refused."""
        accept = {
            "dialog": "application/dialog-info+xml",
            "message-summary": "application/simple-message-summary",
            "presence": "application/pidf+xml",
        }
        call_id = secrets.token_hex(8)
        headers = (f"Event: {event}", f"Expires: {expires_s}", f"Accept: {accept[event]}")
        uri = f"sip:{target}@{self.server[0]}"
        answer = self.request("SUBSCRIBE", uri, headers, to=uri, call_id=call_id)
        assert answer.status == 200, f"SUBSCRIBE {target} {event}: {answer.start_line}"
        return Subscription(self, call_id)

    def request(
        self,
        method: str,
        uri: str,
        headers: tuple[str, ...] = (),
        *,
        from_: str | None = None,
        to: str | None = None,
        body: str = "",
        call_id: str = "",
        within_s: float = SOON_S,
    ) -> Message:
        """Send a request, answer a challenge once, and return the final response.

        `from_` is a whole name-addr; by default the account's own address.
        """
        call_id = call_id or secrets.token_hex(8)
        answer = self._exchange(method, uri, headers, from_, to, body, call_id, within_s)
        if answer.status in (401, 407) and self.password:
            proof = self._authorization(answer, method, uri)
            with_proof = (*headers, proof)
            answer = self._exchange(method, uri, with_proof, from_, to, body, call_id, within_s)
        return answer

    def start(
        self,
        method: str,
        uri: str,
        headers: tuple[str, ...] = (),
        *,
        from_: str | None = None,
        body: str = "",
    ) -> None:
        """Send a request with an answer to the challenge, and do not wait for its outcome."""
        call_id = secrets.token_hex(8)
        challenge = self._exchange(method, uri, headers, from_, None, body, call_id, SOON_S)
        assert challenge.status in (401, 407), challenge.start_line
        with_proof = (*headers, self._authorization(challenge, method, uri))
        self.send(self.build(method, uri, with_proof, from_=from_, body=body, call_id=call_id))

    def invite(self, number: str, **options: object) -> Message:
        """INVITE `number` with an offer of G.711 A-law; the final response."""
        headers = ("Content-Type: application/sdp",)
        uri = f"sip:{number}@{self.server[0]}"
        return self.request("INVITE", uri, headers, body=self.offer(), **options)  # type: ignore[arg-type]

    def offer(self) -> str:
        """A session description that sends sound nowhere."""
        host, port = self.own
        lines = ("v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0")
        media = (f"m=audio {port + 20000} RTP/AVP 8", "a=rtpmap:8 PCMA/8000", "")
        return "\r\n".join((*lines, *media))

    def send(self, text: str | bytes) -> None:
        """Put bytes on the wire as they are."""
        data = text.encode() if isinstance(text, str) else text
        self._socket.sendto(data, self.server)

    def build(
        self,
        method: str,
        uri: str,
        headers: tuple[str, ...] = (),
        *,
        from_: str | None = None,
        to: str | None = None,
        body: str = "",
        call_id: str = "",
        cseq: int | None = None,
        branch: str = "",
    ) -> str:
        """The text of a request."""
        if cseq is None:
            self._cseq += 1
            cseq = self._cseq
        host, port = self.own
        own = from_ or f"<sip:{self.user}@{self.server[0]}>"
        to = to or (own.partition(";tag")[0] if method == "REGISTER" else f"<{uri}>")
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch={branch or 'z9hG4bK' + secrets.token_hex(8)}",
            f"From: {own};tag={self._tag}",
            f"To: {to if '<' in to else f'<{to}>'}",
            f"Call-ID: {call_id or secrets.token_hex(8)}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:{self.user}@{host}:{port}>",
            "Max-Forwards: 70",
            *headers,
            f"Content-Length: {len(body.encode())}",
            "",
            body,
        ]
        return "\r\n".join(lines)

    def _exchange(
        self,
        method: str,
        uri: str,
        headers: tuple[str, ...],
        from_: str | None,
        to: str | None,
        body: str,
        call_id: str,
        within_s: float,
    ) -> Message:
        branch = "z9hG4bK" + secrets.token_hex(8)
        self._cseq += 1
        build = {"from_": from_, "to": to, "call_id": call_id, "cseq": self._cseq}
        text = self.build(method, uri, headers, body=body, branch=branch, **build)  # type: ignore[arg-type]
        answer = self._answer(text, method, (call_id, f"{self._cseq} {method}"), within_s)
        if method == "INVITE":
            # That of a success is a transaction of its own (RFC 3261 section 17.1.1.3): a server
            # whose transaction is not quite over yet would swallow one of the same branch.
            same = branch if answer.status >= 300 else ""
            acknowledged = {**build, "to": answer.header("to"), "branch": same}
            text = self.build("ACK", uri, **acknowledged)  # type: ignore[arg-type]
            self._acknowledged[_transaction(answer)] = text
            self.send(text)
        return answer

    def _answer(self, text: str, method: str, ours: tuple[str, str], within_s: float) -> Message:
        """The final answer to a request, which is sent until the other side has it."""
        begin, pause = time.monotonic(), T1_S
        again = begin
        while (now := time.monotonic()) < begin + within_s:
            if now >= again:
                self.send(text)
                again, pause = now + pause, min(2 * pause, T2_S)
            message = self.read_one(max(0.001, min(again, begin + within_s) - now))
            if message is None or _transaction(message) != ours:
                continue
            if message.status >= 200:
                return message
            # It has arrived; only requests other than INVITE are then still sent again.
            again = begin + within_s if method == "INVITE" else now + T2_S
        raise AssertionError(f"a final answer to {method} did not come within {within_s:g} s")

    # ── messages ──────────────────────────────────────────────────────────────────

    def expect(
        self, wanted: Callable[[Message], bool], within_s: float = SOON_S, what: str = "a message"
    ) -> Message:
        """The first message from now on that is wanted; AssertionError after `within_s`."""
        deadline = time.monotonic() + within_s
        seen = []
        while (left := deadline - time.monotonic()) > 0:
            message = self.read_one(left)
            if message is None:
                break
            if wanted(message):
                return message
            seen.append(message.start_line)
        raise AssertionError(f"{what} did not come within {within_s:g} s, only {seen}")

    def read_all(self, for_s: float = 0.1) -> None:
        """Read whatever comes within a short while."""
        deadline = time.monotonic() + for_s
        while (left := deadline - time.monotonic()) > 0:
            self.read_one(left)

    def read_one(self, within_s: float) -> Message | None:
        """The next message, or None when none comes in time."""
        self._socket.settimeout(within_s)
        try:
            data, _sender = self._socket.recvfrom(65535)
        except TimeoutError:
            return None
        message = Message("RX", time.monotonic(), data.decode("utf-8", "replace"))
        self.received.append(message)
        if message.method in ("OPTIONS", "NOTIFY") and not message.status:
            self.respond(message, 200, "OK")
        if message.status >= 200 and (known := self._acknowledged.get(_transaction(message))):
            self.send(known)
        return message

    def respond(self, request: Message, status: int, reason: str, body: str = "") -> None:
        """Answer a request of the server."""
        copied = [
            f"{name}: {value}"
            for name in ("Via", "From", "To", "Call-ID", "CSeq")
            for value in request.headers.get(name.lower(), [])
        ]
        if status > 100:
            to = copied.index(next(line for line in copied if line.startswith("To:")))
            if ";tag=" not in copied[to]:
                copied[to] += f";tag={self._tag}"
        host, port = self.own
        extra = [f"Contact: <sip:{self.user}@{host}:{port}>"]
        if body:
            extra.append("Content-Type: application/sdp")
        length = f"Content-Length: {len(body.encode())}"
        head = [f"SIP/2.0 {status} {reason}", *copied, *extra, length, "", body]
        self.send("\r\n".join(head))

    # ── digest (RFC 7616, RFC 8760) ───────────────────────────────────────────────

    def _authorization(self, challenge: Message, method: str, uri: str) -> str:
        name = "www-authenticate" if challenge.status == 401 else "proxy-authenticate"
        offered = [_parameters(value) for value in challenge.headers[name]]
        known = [each for each in offered if each.get("algorithm", "MD5") in self.algorithms]
        assert known, f"no digest in common: {challenge.headers[name]}"
        given = known[0]
        algorithm = given.get("algorithm", "MD5")
        cnonce, count = secrets.token_hex(8), "00000001"

        def digest(*parts: str) -> str:
            return hashlib.new(ALGORITHMS[algorithm], ":".join(parts).encode()).hexdigest()

        account = digest(self.user, given["realm"], self.password)
        proof = digest(account, given["nonce"], count, cnonce, "auth", digest(method, uri))
        header = "Authorization" if challenge.status == 401 else "Proxy-Authorization"
        return (
            f'{header}: Digest username="{self.user}", realm="{given["realm"]}", '
            f'nonce="{given["nonce"]}", uri="{uri}", response="{proof}", '
            f'algorithm={algorithm}, cnonce="{cnonce}", qop=auth, nc={count}, '
            f'opaque="{given.get("opaque", "")}"'
        )


def _transaction(message: Message) -> tuple[str, str]:
    return message.header("call-id"), message.header("cseq")


def _parameters(header: str) -> dict[str, str]:
    return {name: a or b for name, a, b in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', header)}


@dataclass
class Subscription:
    """One subscription and the notifications that came for it."""

    agent: SipAgent
    call_id: str
    _used: int = field(default=0, repr=False)

    def notifications(self) -> list[Message]:
        """All that have come so far, oldest first."""
        return [
            each
            for each in self.agent.received
            if each.header("call-id") == self.call_id and each.method == "NOTIFY"
        ]

    def expect(
        self, wanted: Callable[[Message], bool], within_s: float = SOON_S, what: str = "it"
    ) -> Message:
        """The newest notification, once it is as wanted."""
        deadline = time.monotonic() + within_s
        while True:
            known = self.notifications()
            if known and wanted(known[-1]):
                return known[-1]
            left = deadline - time.monotonic()
            if left <= 0:
                last = known[-1].body if known else "nothing"
                raise AssertionError(f"{what} was not notified within {within_s:g} s but {last}")
            self.agent.read_one(left)

    def expect_state(self, state: str, within_s: float = SOON_S) -> Message:
        """The lamp is in this state (RFC 4235 section 4.1): early, confirmed, terminated."""
        return self.expect(lambda message: dialog_states(message) == {state}, within_s, state)


def dialog_states(message: Message) -> set[str]:
    """The states of the dialogs in a notification; idle lamps are `terminated`."""
    if not message.body.strip():
        return set()
    tree = ElementTree.fromstring(message.body)
    return {state.text or "" for state in tree.iter(f"{DIALOG_NAMESPACE}state")} or {"terminated"}


def dialog_parties(message: Message) -> dict[str, tuple[str, str]]:
    """`local` and `remote` -> (display name, address) of the first dialog."""
    tree = ElementTree.fromstring(message.body)
    found = {}
    for side in ("local", "remote"):
        for identity in tree.iter(f"{DIALOG_NAMESPACE}{side}"):
            name = identity.find(f"{DIALOG_NAMESPACE}identity")
            if name is not None:
                found[side] = (name.get("display", ""), name.text or "")
    return found
