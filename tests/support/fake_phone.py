"""Telephones that configure themselves, as those of each vendor do.

    phone = FakePhone.of_model("yealink-t54w", mac, Web(network, own="10.99.1.1"))
    phone.enrol(opened.url)               # first stage, authority, second stage
    line = phone.register(softphones)     # a real SIP phone with what the file said
    phone.fetch()                         # again, with If-None-Match: 304

A phone knows just the address that a person or DHCP gave it. It asks for its files in its
family's order (those that nobody has, too), trusts only the authority that the first
stage named, reads its file by its vendor's grammar and registers with what it read there.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.support.network import Network
from tests.support.softphones import Message, Phone, Softphones
from tests.support.vendors import ReadPhone
from tests.support.vendors.readers import READERS

CODECS = {"g722": "g722/16000/1", "alaw": "pcma/8000/1", "ulaw": "pcmu/8000/1"}

COMMON_FILES = {"T31P": 123, "T54W": 96, "T58W": 150}
"""Yealink model -> number of the common file that it asks for; any other one will do."""


@dataclass(frozen=True)
class Reply:
    """The answer to one request."""

    url: str
    status: int
    headers: dict[str, str]
    content: bytes


@dataclass(frozen=True)
class Web:
    """HTTP from an address of a namespace, as a telephone's network stack does it."""

    network: Network
    own: str

    def get(self, url: str, headers: dict[str, str], authority: bytes | None) -> Reply:
        """Fetch `url`; over TLS the server must be signed by `authority` and bear the
        name or address that was asked for."""
        where = urlsplit(url)
        assert where.hostname, url
        port = where.port or {"http": 80, "https": 443}[where.scheme]
        with self.network.entered():
            stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        stream.settimeout(10)
        connection = http.client.HTTPConnection(where.hostname, port)
        try:
            stream.bind((self.own, 0))
            stream.connect((where.hostname, port))
            if where.scheme == "https":
                stream = _trusting(authority).wrap_socket(stream, server_hostname=where.hostname)
            connection.sock = stream
            connection.request("GET", where.path, headers=headers)
            answer = connection.getresponse()
            return Reply(url, answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()
            stream.close()


def _trusting(authority: bytes | None) -> ssl.SSLContext:
    if authority is None:
        return ssl.create_default_context()
    return ssl.create_default_context(cadata=authority.decode())


# ── what each family asks for, and what it says of itself ──────────────────────────────


def _yealink_names(model: str, mac: str) -> list[str]:
    common = COMMON_FILES.get(model, 28)
    return [f"{mac}.boot", "y000000000000.boot", f"y{common:012d}.cfg", f"{mac}.cfg"]


def _yealink(model: str, mac: str, url: str) -> list[str]:
    """A folder is given: boot files, the model's common file, then its own."""
    return [f"{url}{name}" for name in _yealink_names(model, mac)]


def _snom(model: str, mac: str, url: str) -> list[str]:
    """A whole address with a place for the MAC, or a folder for two files of its own."""
    if url.endswith("/"):
        return [f"{url}snom{model}.htm", f"{url}snom{model}-{mac.upper()}.htm"]
    return [url.replace("{mac}", mac.upper())]


def _cisco(_model: str, mac: str, url: str) -> list[str]:
    """The profile rule, with the MAC in small letters."""
    return [url.replace("$MA", mac)]


def _colons(mac: str) -> str:
    return ":".join(mac[i : i + 2] for i in range(0, 12, 2))


@dataclass(frozen=True)
class Family:
    """How one vendor's phones ask."""

    addresses: Callable[[str, str, str], list[str]]
    agent: Callable[[str, str], str]


FAMILIES = {
    "yealink": Family(
        _yealink, lambda model, mac: f"Yealink SIP-{model} 96.86.0.70 {_colons(mac)}"
    ),
    "snom": Family(
        _snom,
        lambda model, mac: (
            f"Mozilla/4.0 (compatible; snom{model}-SIP 10.1.54.13 2019.08 {mac.upper()} SXM:0)"
        ),
    ),
    "cisco": Family(_cisco, lambda model, mac: f"Cisco-CP-{model}-3PCC/11.3.7 ({mac})"),
}


@dataclass
class FakePhone:
    """One telephone. `model` is what stands on its box, e.g. T54W."""

    vendor: str
    model: str
    mac: str
    web: Web
    url: str = ""
    authority: bytes | None = None
    etag: str = ""
    settings: ReadPhone | None = None
    replies: list[Reply] = field(default_factory=list)
    line: Phone | None = None
    obeyed: float = 0.0

    @classmethod
    def of_model(cls, model: str, mac: str, web: Web) -> FakePhone:
        """A phone of a model of the catalogue, e.g. yealink-t54w."""
        vendor, _, name = model.partition("-")
        return cls(vendor, name.upper(), mac, web)

    @property
    def agent(self) -> str:
        return FAMILIES[self.vendor].agent(self.model, self.mac)

    def enrol(self, url: str) -> ReadPhone:
        """Start with the address of the first stage; returns what the real file said."""
        self.url = url
        first = self._read(self._fetch())
        assert not first.accounts, "the first stage must not hold an account"
        authority = self._get(first.authority)
        assert authority.status == 200, authority
        self.authority = authority.content
        self.url, self.etag = first.next_url, ""
        return self.fetch()

    def fetch(self) -> ReadPhone:
        """Ask for the file again; what it says, which may be what it said before."""
        reply = self._fetch()
        if reply.status == 200:
            self.settings = self._read(reply)
            self.url = self.settings.next_url
            self.etag = reply.headers["ETag"]
        assert self.settings is not None
        return self.settings

    @property
    def last(self) -> Reply:
        return self.replies[-1]

    def register(self, softphones: Softphones) -> Phone:
        """Become the first account that the file named."""
        assert self.settings is not None
        account = self.settings.accounts[0]
        self.line = softphones.add(
            account.user,
            account.secret,
            transport=account.transport,
            codecs=[CODECS[codec] for codec in account.codecs],
            encrypted=account.srtp,
            server=account.server
            if account.port in (5060, 5061)
            else f"{account.server}:{account.port}",
            auth_user=account.auth,
        )
        return self.line

    def obey(self, softphones: Softphones, within_s: float = 12) -> Message:
        """Wait for the word to fetch the file anew (NOTIFY), and do it."""
        softphones.until(
            lambda: self.told(softphones), within_s, f"{self.mac} to be told to fetch its file"
        )
        self.obeyed = self.told(softphones)[0].at
        self.fetch()
        return next(each for each in softphones.messages if each.at == self.obeyed)

    def told(self, softphones: Softphones) -> list[Message]:
        """The words to fetch the file that the phone has not obeyed yet."""
        return [each for each in softphones.messages if self._is_mine(each)]

    def _is_mine(self, message: Message) -> bool:
        assert self.line is not None
        new = message.direction == "RX" and message.at > self.obeyed
        to_me = f"<sip:{self.line.user}" in message.header("to")
        event = message.header("event").partition(";")[0]
        return new and to_me and not message.status and event in ("check-sync", "resync")

    def _fetch(self) -> Reply:
        """Go through the family's files; the first that is there ends the round."""
        reply = None
        for url in FAMILIES[self.vendor].addresses(self.model, self.mac, self._folder()):
            reply = self._get(url)
            if reply.status in (200, 304):
                return reply
            assert (reply.status, reply.content) == (404, b""), reply
        assert reply is not None
        raise LookupError(f"{self.mac} finds nothing at {reply.url}")

    def _folder(self) -> str:
        """A Yealink is told a folder and keeps it; the file name is its own affair."""
        if self.vendor == "yealink" and self.url.endswith(".cfg"):
            return self.url.rpartition("/")[0] + "/"
        return self.url

    def _get(self, url: str) -> Reply:
        headers = {"User-Agent": self.agent, "Accept": "*/*"}
        if self.etag:
            headers["If-None-Match"] = self.etag
        reply = self.web.get(url, headers, self.authority)
        self.replies.append(reply)
        return reply

    def _read(self, reply: Reply) -> ReadPhone:
        assert reply.status == 200, reply
        return READERS[self.vendor](reply.content, self.mac)


def until(condition: Callable[[], object], what: str, within_s: float = 15) -> None:
    """Return once `condition()` holds; AssertionError with `what` otherwise."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {within_s:g} s"
        time.sleep(0.05)
