"""A telephone for test calls in the shadow: registers, is called, answers, and listens.

    python -m appliance.verify.telephone SETTINGS LOG

It lives in the shadow's network, which reaches nobody. SETTINGS is a JSON file with server,
port, user and secret; into LOG goes one word per line as it happens: `registered`,
`refused`, `rings`, `answered`, `heard` (the test tone came through), `ended`. UDP and G.711
alone; enough of RFC 3261 for one call at a time.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import secrets
import select
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from appliance.asterisk.names import USER_AGENT

TONE_HZ = 1004
"""What Asterisk's Milliwatt() plays."""

RATE_HZ = 8000
AGAIN_S = 0.5
"""After how long a request that nobody answers is sent again (timer T1 of RFC 3261)."""

HEARD_SAMPLES = RATE_HZ // 2
CODECS = ("8", "0")
"""Static payload types of G.711 A-law and mu-law (RFC 3551 section 6)."""

HASHES: Mapping[str, Callable[[bytes], hashlib._Hash]] = {
    "SHA-256": hashlib.sha256,
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False),
}


class Message:
    """One SIP message: its first line, its headers by small names, its body."""

    def __init__(self, data: bytes) -> None:
        head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        self.start, *lines = head.split("\r\n")
        self.body = body
        self.headers = [
            (name.strip().lower(), value.strip())
            for name, colon, value in (line.partition(":") for line in lines)
            if colon
        ]

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each == name]

    def first(self, name: str) -> str:
        return next(iter(self.all(name)), "")


class Telephone:
    """One line at one server."""

    def __init__(self, settings: Mapping[str, str], log: Path) -> None:
        self._settings = settings
        self._log = log
        self._server = (settings["server"], int(settings["port"]))
        self._sip = _bound_socket()
        self._rtp = _bound_socket()
        self._call_id = f"{secrets.token_hex(8)}@rehearsal"
        self._tag = secrets.token_hex(4)
        self._sequence = 0
        self._proved = False
        self._answer = ""
        self._samples: list[float] = []

    def run(self) -> None:
        """Register, again and again until Asterisk is there; then serve until killed."""
        self._register("")
        while True:
            pause = None if self._answer else AGAIN_S
            there = select.select([self._sip, self._rtp], [], [], pause)[0]
            if not there:
                self._proved = False
                self._register("")
            for ready in there:
                data, source = ready.recvfrom(65535)
                if ready is self._rtp:
                    self._hear(data, source)
                elif b"\r\n\r\n" in data:
                    self._take(Message(data), source)

    def _say(self, word: str) -> None:
        with self._log.open("a") as log:
            log.write(f"{word}\n")

    # ── registration ──────────────────────────────────────────────────────────────

    def _register(self, authorization: str) -> None:
        self._sequence += 1
        user, host = self._settings["user"], self._server[0]
        own = self._sip.getsockname()
        lines = [
            f"REGISTER sip:{host} SIP/2.0",
            f"Via: SIP/2.0/UDP {own[0]}:{own[1]};rport;branch=z9hG4bK{secrets.token_hex(8)}",
            "Max-Forwards: 70",
            f"From: <sip:{user}@{host}>;tag={self._tag}",
            f"To: <sip:{user}@{host}>",
            f"Call-ID: {self._call_id}",
            f"CSeq: {self._sequence} REGISTER",
            f"Contact: <sip:{user}@{own[0]}:{own[1]}>",
            "Expires: 300",
            f"User-Agent: {USER_AGENT}",
            *([f"Authorization: {authorization}"] if authorization else []),
            "Content-Length: 0",
        ]
        self._sip.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), self._server)

    def _answered(self, answer: Message) -> None:
        status = answer.start.split(" ")[1]
        challenges = [
            challenge
            for challenge in answer.all("www-authenticate")
            if _parameter(challenge, "algorithm", "MD5") in HASHES
        ]
        if status == "401" and not self._proved and challenges:
            self._proved = True
            self._register(self._proof(challenges[0]))
        elif status[0] not in "15" and answer.first("cseq").startswith(f"{self._sequence} "):
            # 1xx is no answer yet, 5xx what Asterisk says while it is still booting.
            self._answer = "registered" if status == "200" else f"refused {status}"
            self._say(self._answer)

    def _proof(self, challenge: str) -> str:
        """The answer to a challenge (RFC 7616 section 3.4, with quality of protection auth)."""
        algorithm = _parameter(challenge, "algorithm", "MD5")
        realm, nonce = _parameter(challenge, "realm"), _parameter(challenge, "nonce")
        user, uri, own = self._settings["user"], f"sip:{self._server[0]}", secrets.token_hex(8)

        def hashed(text: str) -> str:
            return HASHES[algorithm](text.encode()).hexdigest()

        account = hashed(f"{user}:{realm}:{self._settings['secret']}")
        asked = hashed(f"REGISTER:{uri}")
        response = hashed(f"{account}:{nonce}:00000001:{own}:auth:{asked}")
        return (
            f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
            f'algorithm={algorithm}, response="{response}", qop=auth, nc=00000001, cnonce="{own}"'
        )

    # ── calls ─────────────────────────────────────────────────────────────────────

    def _take(self, message: Message, source: tuple[str, int]) -> None:
        method = message.start.split(" ")[0]
        if method == "SIP/2.0":
            self._answered(message)
        elif method == "INVITE":
            self._say("rings")
            self._samples.clear()
            self._reply(message, source, "180 Ringing")
            self._reply(message, source, "200 OK", self._offer(message.body))
            self._say("answered")
        elif method != "ACK":
            self._reply(message, source, "200 OK")
            if method in ("BYE", "CANCEL"):
                self._say("ended")

    def _reply(
        self, message: Message, source: tuple[str, int], status: str, body: str = ""
    ) -> None:
        own = self._sip.getsockname()
        to = message.first("to")
        lines = [
            f"SIP/2.0 {status}",
            *(f"Via: {via}" for via in message.all("via")),
            *(f"Record-Route: {route}" for route in message.all("record-route")),
            f"From: {message.first('from')}",
            f"To: {to}" if "tag=" in to else f"To: {to};tag={self._tag}",
            f"Call-ID: {message.first('call-id')}",
            f"CSeq: {message.first('cseq')}",
            f"Contact: <sip:{self._settings['user']}@{own[0]}:{own[1]}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self._sip.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), source)

    def _offer(self, asked: str) -> str:
        """A session description that takes the first kind of G.711 that was offered."""
        found = re.search(r"^m=audio \d+ \S+ ([\d ]+)", asked, re.MULTILINE)
        offered = found[1].split() if found else []
        codec = next((each for each in offered if each in CODECS), CODECS[0])
        host, port = self._rtp.getsockname()
        lines = [
            *("v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"),
            f"m=audio {port} RTP/AVP {codec}",
            "a=sendrecv",
        ]
        return "\r\n".join(lines) + "\r\n"

    def _hear(self, packet: bytes, source: tuple[str, int]) -> None:
        """Send what is heard back, and tell once when it is the test tone."""
        if len(packet) <= 12:
            return
        self._rtp.sendto(packet, source)
        kind = packet[1] & 0x7F
        if str(kind) in CODECS and len(self._samples) < HEARD_SAMPLES:
            self._samples += [plain(byte, alaw=kind == 8) for byte in packet[12:]]
            if len(self._samples) >= HEARD_SAMPLES and is_tone(self._samples):
                self._say("heard")


def plain(byte: int, *, alaw: bool) -> float:
    """One sample of G.711 (ITU-T G.711 tables 1 and 2), about -1 to 1."""
    if alaw:
        byte ^= 0x55
        sign = 1 if byte & 0x80 else -1
        exponent, mantissa = byte >> 4 & 7, byte & 15
        size = (mantissa << 4) + (264 if exponent else 8)
        return sign * (size << max(0, exponent - 1)) / 32768
    byte ^= 0xFF
    sign = -1 if byte & 0x80 else 1
    exponent, mantissa = byte >> 4 & 7, byte & 15
    return sign * (((mantissa << 3) + 132 << exponent) - 132) / 32768


def is_tone(samples: list[float]) -> bool:
    """Whether most of the power is at the test tone's pitch (Goertzel's algorithm)."""
    power = sum(each * each for each in samples)
    if power / len(samples) < 1e-4:
        return False
    factor = 2 * math.cos(2 * math.pi * TONE_HZ / RATE_HZ)
    last = before = 0.0
    for each in samples:
        last, before = each + factor * last - before, last
    found = last * last + before * before - factor * last * before
    return found > 0.5 * power * len(samples) / 2


def samples_of(recording: bytes) -> list[float]:
    """The samples of a WAV file as Asterisk writes it: 16 bits, one channel, after 44 bytes."""
    data = recording[44 : 44 + 2 * (len(recording[44:]) // 2)]
    return [each / 32768 for (each,) in struct.iter_unpack("<h", data)]


def _parameter(header: str, name: str, otherwise: str = "") -> str:
    found = re.search(rf'\b{name}=(?:"([^"]*)"|([^\s,]+))', header, re.IGNORECASE)
    return (found[1] or found[2] or "") if found else otherwise


def _bound_socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    return made


if __name__ == "__main__":
    Telephone(json.loads(Path(sys.argv[1]).read_bytes()), Path(sys.argv[2])).run()
