"""Many telephones that register at once over one socket, as after a power cut.

    with Fleet(("10.99.2.1", 5062), (pbx.address, 5060), passwords, inside=…) as fleet:
        seconds = fleet.register()          # all of them; AssertionError for a refusal

Each account answers its own challenge (digest with MD5, RFC 3261 section 22). At most
`window` are under way at a time; what is lost on the way is sent again after a second.
"""

from __future__ import annotations

import hashlib
import re
import socket
import time
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

AGAIN_AFTER_S = 1.0
GIVES_UP_AFTER_S = 120.0
_FIELD = re.compile(rb"(?i)^(call-id|cseq|www-authenticate): (.*?)\r?$", re.M)
_ECHOED = re.compile(rb"(?im)^(?:via|from|to|call-id|cseq): [^\r\n]*")
_QUOTED = re.compile(r'(realm|nonce)="([^"]*)"')


def _md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode()).hexdigest()


@dataclass(slots=True)
class _Phone:
    """One account on its way: `proof` is its Authorization once it was challenged."""

    user: str
    password: str
    sequence: int = 0
    proof: str = ""
    sent_at: float = 0.0


class Fleet:
    """`passwords` maps accounts to their passwords. `inside` is entered while the socket
    is made, e.g. a network namespace."""

    def __init__(
        self,
        own: tuple[str, int],
        server: tuple[str, int],
        passwords: Mapping[str, str],
        *,
        inside: AbstractContextManager[object] | None = None,
        window: int = 64,
    ) -> None:
        self.own, self.server, self.window = own, server, window
        self._passwords = dict(passwords)
        self._round = 0
        self.asked: Counter[str] = Counter()
        """How often the server asked something of a telephone, by method."""
        with inside or nullcontext():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            self._socket.bind(own)
        self._socket.settimeout(0.05)

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def answer_for(self, seconds: float) -> None:
        """Do nothing but answer what the server asks."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._read({})

    def register(self) -> float:
        """Register every account anew; the seconds until the last one is confirmed."""
        self._round += 1
        waiting = deque(_Phone(*each) for each in self._passwords.items())
        under_way: dict[str, _Phone] = {}
        begin = time.monotonic()
        while waiting or under_way:
            while waiting and len(under_way) < self.window:
                phone = waiting.popleft()
                under_way[phone.user] = phone
                self._send(phone)
            self._read(under_way)
            self._send_lost_ones_again(under_way)
            if time.monotonic() - begin > GIVES_UP_AFTER_S:
                raise AssertionError(
                    f"{len(waiting) + len(under_way)} telephones are not registered"
                )
        return time.monotonic() - begin

    def _read(self, under_way: dict[str, _Phone]) -> None:
        try:
            data = self._socket.recv(8192)
        except TimeoutError:
            return
        if not data.startswith(b"SIP/2.0 "):
            self._answer(data)
            return
        status = int(data[8:11])
        fields = {name.lower(): value.decode() for name, value in _FIELD.findall(data)}
        user = fields.get(b"call-id", "").partition("/")[0]
        phone = under_way.get(user)
        if phone is None or status < 200:
            return
        if fields[b"cseq"].partition(" ")[0] != str(phone.sequence):
            return  # the answer to what was sent again meanwhile
        if status == 200:
            del under_way[user]
        elif status == 401 and not phone.proof:
            self._prove(phone, data.decode())
        else:
            said = data.partition(b"\r\n")[0].decode()
            raise AssertionError(f"{user}: {said}")

    def _answer(self, request: bytes) -> None:
        """200 to the server's OPTIONS and NOTIFY, as every telephone gives it: what stays
        without an answer is sent up to eleven times (RFC 3261, 17.1.2.2)."""
        self.asked[request.partition(b" ")[0].decode()] += 1
        lines = _ECHOED.findall(request)
        head = b"SIP/2.0 200 OK\r\n" + b"".join(line + b"\r\n" for line in lines)
        self._socket.sendto(head + b"Content-Length: 0\r\n\r\n", self.server)

    def _prove(self, phone: _Phone, answer: str) -> None:
        challenge = next(
            line
            for line in answer.split("\r\n")
            if line.lower().startswith("www-authenticate:") and "algorithm=MD5" in line
        )
        given = dict(_QUOTED.findall(challenge))
        uri = f"sip:{self.server[0]}"
        account = _md5(phone.user, given["realm"], phone.password)
        proof = _md5(account, given["nonce"], "00000001", "c", "auth", _md5("REGISTER", uri))
        phone.proof = (
            f'Authorization: Digest username="{phone.user}", realm="{given["realm"]}", '
            f'nonce="{given["nonce"]}", uri="{uri}", response="{proof}", algorithm=MD5, '
            'qop=auth, nc=00000001, cnonce="c"\r\n'
        )
        self._send(phone)

    def _send_lost_ones_again(self, under_way: dict[str, _Phone]) -> None:
        now = time.monotonic()
        for phone in under_way.values():
            if now - phone.sent_at > AGAIN_AFTER_S:
                self._send(phone)

    def _send(self, phone: _Phone) -> None:
        phone.sequence += 1
        phone.sent_at = time.monotonic()
        host, port = self.own
        address = f"sip:{phone.user}@{self.server[0]}"
        branch = f"z9hG4bK{phone.user}-{self._round}-{phone.sequence}"
        text = (
            f"REGISTER sip:{self.server[0]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:{port};branch={branch}\r\n"
            f"From: <{address}>;tag={phone.user}\r\nTo: <{address}>\r\n"
            f"Call-ID: {phone.user}/{self._round}\r\nCSeq: {phone.sequence} REGISTER\r\n"
            f"Contact: <sip:{phone.user}@{host}:{port}>\r\nExpires: 600\r\nMax-Forwards: 70\r\n"
            f"{phone.proof}Content-Length: 0\r\n\r\n"
        )
        self._socket.sendto(text.encode(), self.server)
