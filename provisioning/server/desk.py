"""Decides who is given what: the whole of the server but its sockets.

Everything that is refused is refused alike: the same status, no body, no hint whether
the phone, the token or the window was wrong. The log tells them apart.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from appliance.state.tokens import new_secret
from provisioning import identify, phones, render
from provisioning.server.book import Book, Entry, digest
from provisioning.server.ledger import Enrolment, Ledger, Record
from provisioning.server.misses import Misses

log = logging.getLogger("provisioning")

CODE_LENGTH = 24
"""Letters and digits of a first stage's code: 142 bits."""

LONGEST_WINDOW_S = 3600

ENDED_FOR_S = 90 * 86400
"""How long a code or token that was good once is told from a guess: phones that were off
or forgotten come back with it, and must not get their whole branch banned."""

_PATH = re.compile(
    re.escape(phones.PREFIX) + r"/(?:(?P<authority>authority\.crt)"
    r"|p/(?P<token>[A-Za-z0-9_-]{22,64})/(?P<file>[A-Za-z0-9.-]{1,40})"
    r"|e/(?:(?P<code>[A-Za-z0-9]{24})/)?(?P<first>[A-Za-z0-9.-]{1,40}))",
    re.ASCII,
)


class NotOpened(RuntimeError):
    """An enrolment that cannot be opened; the message is for the administrator."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `source` is the address that the web server in front has seen."""

    path: str
    source: str
    encrypted: bool
    agent: str = ""
    if_none_match: str = ""
    if_modified_since: str = ""
    head: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `refused` says why in the log's words."""

    status: int
    content: bytes = b""
    content_type: str = "application/octet-stream"
    etag: str = ""
    last_modified: str = ""


REFUSAL = Answer(404)


@dataclass(slots=True)
class Desk:
    """The phones, what happened to them, and the windows that are open."""

    ledger: Ledger
    authority: bytes
    clock: Callable[[], float] = time.time
    book: Book = field(default_factory=Book)
    records: dict[str, Record] = field(init=False)
    enrolments: dict[str, Enrolment] = field(init=False)
    revoked: set[bytes] = field(init=False)
    codes: dict[bytes, str] = field(init=False)
    ended: set[bytes] = field(init=False)
    unsaved: dict[str, Record] = field(default_factory=dict)
    misses: Misses = field(default_factory=Misses)

    def __post_init__(self) -> None:
        self.records = self.ledger.records()
        self.enrolments = self.ledger.enrolments()
        self.revoked = self.ledger.revoked()
        self.codes = {opened.code: device for device, opened in self.enrolments.items()}
        self.ended = self.ledger.ended(int(self.clock()) - ENDED_FOR_S)

    # ── answering ─────────────────────────────────────────────────────────────────

    def answer(self, asked: Asked) -> Answer:
        """What a phone, or anybody, is given for a request."""
        found = _PATH.fullmatch(asked.path)
        if found is None:
            return REFUSAL
        if found["authority"]:
            return Answer(200, self.authority, "application/x-x509-ca-cert")
        if found["token"]:
            return self._second_stage(asked, found["token"], found["file"])
        return self._first_stage(asked, found["code"] or "", found["first"])

    def _second_stage(self, asked: Asked, token: str, name: str) -> Answer:
        given = digest(token)
        entry = self.book.by_token.get(given)
        if entry is None or not hmac.compare_digest(entry.token, given):
            return self._refuse(asked, "token", given)
        mac = identify.mac_of(name)
        if mac is None:
            return REFUSAL  # phones ask for many files that nobody has
        if mac != entry.phone.mac:
            return self._refuse(asked, "mac")
        if given in self.revoked:
            log.info("%s asks with a revoked token", asked.source)
            return REFUSAL
        if not asked.encrypted:
            return self._refuse(asked, "clear")
        if not entry.content or not identify.own_name(name, entry.phone.model.vendor):
            return REFUSAL
        return self._serve(asked, entry)

    def _serve(self, asked: Asked, entry: Entry) -> Answer:
        if not asked.head:
            record = self._record(entry.phone.id)
            self._note(record, asked, "second")
            record.served, record.served_at = entry.sha256, record.asked_at
            record.token = entry.token
            self._end(entry.phone.id)
        if _unchanged(asked, entry):
            return Answer(304, b"", entry.content_type, entry.etag, entry.modified)
        return Answer(200, entry.content, entry.content_type, entry.etag, entry.modified)

    def _first_stage(self, asked: Asked, code: str, name: str) -> Answer:
        given = digest(code)
        if code and given not in self.codes:
            return self._refuse(asked, "code", given)
        mac = identify.mac_of(name)
        entry = self.book.by_mac.get(mac) if mac else None
        opened = self.enrolments.get(entry.phone.id) if entry else None
        if entry is None or opened is None or not self._is_open(opened, entry):
            return REFUSAL  # no guess at a secret: DHCP sends every phone here
        if code and not hmac.compare_digest(opened.code, given):
            return self._refuse(asked, "mac")
        if not code and not _within(asked.source, entry):
            return self._refuse(asked, "network")
        if self.misses.too_many(asked.source, self.clock()):
            return self._refuse(asked, "too-many")
        if not identify.own_name(name, entry.phone.model.vendor):
            return REFUSAL
        served = render.introduction(entry.phone)
        if not asked.head:
            self._end(entry.phone.id)
            self._note(self._record(entry.phone.id), asked, "first")
        return Answer(200, served.content, served.content_type)

    def _is_open(self, opened: Enrolment, entry: Entry) -> bool:
        """Whether a first stage still leads to the phone's token, and to a good one."""
        in_time = opened.open_at(self.clock())
        return in_time and opened.token == entry.token and entry.token not in self.revoked

    def _refuse(self, asked: Asked, why: str, secret: bytes = b"") -> Answer:
        if secret in self.ended:
            log.info("%s asks with a secret that is over", asked.source)
        elif self.misses.note(asked.source, self.clock()):
            log.warning("%s refused (%s)", asked.source, why)
        return REFUSAL

    # ── remembering ───────────────────────────────────────────────────────────────

    def _record(self, device: str) -> Record:
        return self.records.setdefault(device, Record(device))

    def _note(self, record: Record, asked: Asked, stage: str) -> None:
        record.stage = stage
        record.agent = _printable(asked.agent)
        record.source = asked.source
        record.asked_at = int(self.clock())
        self.unsaved[record.device] = record

    def _end(self, device: str) -> None:
        opened = self.enrolments.pop(device, None)
        if opened is not None:
            self.codes.pop(opened.code, None)
            self.ledger.end(device)
            self._over({opened.code})

    def _over(self, secrets: set[bytes]) -> None:
        self.ended |= secrets
        self.ledger.remember_ended(secrets, int(self.clock()))

    def save(self) -> None:
        """Write what has happened since the last time."""
        waiting, self.unsaved = self.unsaved, {}
        self.ledger.keep(waiting.values())

    # ── a new revision ────────────────────────────────────────────────────────────

    def take(self, book: Book) -> None:
        """Serve the phones of a new revision from now on."""
        self._over(self.book.by_token.keys() - book.by_token.keys())
        self.book = book
        gone = [device for device in self.records if device not in book.by_id]
        self.ledger.forget(gone)
        for device in gone:
            del self.records[device]
            self.unsaved.pop(device, None)
            self._end(device)
        pardoned = self.revoked - book.by_token.keys()
        self.ledger.pardon(pardoned)
        self.revoked -= pardoned
        for entry in book.by_mac.values():
            self._desire(entry)

    def _desire(self, entry: Entry) -> None:
        record = self._record(entry.phone.id)
        if entry.sha256 and record.desired != entry.sha256:
            record.desired, record.desired_since = entry.sha256, int(self.clock())
            self.unsaved[record.device] = record
        entry.date(record.desired_since)

    # ── what the portal asks for ──────────────────────────────────────────────────

    def open(self, device: str, seconds: int) -> tuple[str, Enrolment]:
        """Open the first stage for a phone; returns the code. NotOpened says why not."""
        entry = self.entry(device)
        if self._record(device).token == entry.token:
            raise NotOpened(
                "this phone has used its token already: give it new secrets and apply them first"
            )
        if entry.token in self.revoked:
            raise NotOpened("this phone's token is revoked: apply its new secrets first")
        code = new_secret(CODE_LENGTH).reveal()
        now = int(self.clock())
        until = now + min(max(seconds, 60), LONGEST_WINDOW_S)
        opened = Enrolment(device, digest(code), entry.token, now, until)
        self._end(device)
        self.ledger.open(opened)
        self.enrolments[device] = opened
        self.codes[opened.code] = device
        return code, opened

    def close(self, device: str) -> None:
        """Close a phone's first stage."""
        self._end(device)

    def revoke(self, device: str) -> None:
        """Let a lost phone's token open nothing any more, from this moment on."""
        entry = self.entry(device)
        self.ledger.revoke(entry.token, int(self.clock()))
        self.revoked.add(entry.token)
        self._end(device)

    def entry(self, device: str) -> Entry:
        """A phone of the applied configuration; NotOpened when it is none."""
        entry = self.book.by_id.get(device)
        if entry is None:
            raise NotOpened("this phone is not in the applied configuration, or has no token")
        return entry


def _unchanged(asked: Asked, entry: Entry) -> bool:
    """Whether the phone has this file already (RFC 9110 section 13.2.2)."""
    if asked.if_none_match:
        offered = {each.strip().removeprefix("W/") for each in asked.if_none_match.split(",")}
        return entry.etag in offered or "*" in offered
    if not asked.if_modified_since:
        return False
    try:
        known = parsedate_to_datetime(asked.if_modified_since).timestamp()
    except (ValueError, OverflowError):
        return False
    return entry.since <= known


def _within(source: str, entry: Entry) -> bool:
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return False
    return any(address in network for network in entry.networks)


def _printable(agent: str) -> str:
    """A User-Agent as it may be kept and shown: one line, not long."""
    text = agent[: identify.LONGEST_AGENT]
    return text if text.isprintable() else "".join(filter(str.isprintable, text))
