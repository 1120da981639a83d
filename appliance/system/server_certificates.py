"""The certificates that our servers present: looking, renewing, bringing one's own.

A new one is in force when a client sees it: after the switch and the reload the servers
are asked over TLS, and the former one comes back when they do not present the new one.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from appliance.apply import atomic
from appliance.apply.errors import Refused
from appliance.asterisk.console import Console, ConsoleError
from appliance.state.machine import Layout
from appliance.system import accounts, certificate_facts, certificate_pairs, certificates, openssl
from appliance.system.certificate_check import Fit, Upload, check
from appliance.system.certificate_facts import CertificateFacts
from appliance.system.certificate_pairs import Pair
from appliance.system.signals import ask_to_reload

log = logging.getLogger("engine.certificates")

Server = Literal["web", "server"]
GROUPS: Mapping[str, str] = {"web": accounts.WEB_GROUP, "server": "asterisk"}
SHOWS_WITHIN_S = 15.0
SEEN_IN_A_ROW = 5
"""While nginx changes its workers, old ones still take connections now and then."""

REQUEST = "request"
"""The name of the key and the request that wait for an authority's answer."""

ASTERISK_RELOAD = "module reload res_pjsip.so"
"""Also restarts TLS listeners whose certificate has changed under an unchanged name
(pjsip_tls_transport_restart in res/res_pjsip/config_transport.c); open connections stay."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where a server can be asked for its certificate; port 0 when it cannot."""

    address: str
    port: int


@dataclass(slots=True)
class ServerCertificates:
    """The certificates of one machine. `doors` gives each server's door as it is now, `known_as`
    its host name and addresses, which change with the network."""

    layout: Layout
    groups: Mapping[str, int]
    known_as: Callable[[], tuple[str, Sequence[str]]]
    console: Console
    doors: Callable[[], Mapping[str, Door]]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def host_name(self) -> str:
        return self.known_as()[0]

    @property
    def folder(self) -> Path:
        return self.layout.certificates

    @property
    def authority(self) -> Path:
        return self.folder / "authority.crt"

    def installed(self) -> Iterator[tuple[CertificateFacts, str]]:
        """(facts, who made it) of the authority and of each server."""
        for facts in certificate_facts.installed(self.layout):
            yield facts, certificate_pairs.source(self.folder, facts.name)

    def looked_at(self, upload: Upload, *, any_name: bool) -> Fit:
        """The upload, checked. StateError when it cannot be used."""
        key = upload.key
        waiting = self.folder / f"{REQUEST}.key"
        answer = b"BEGIN CERTIFICATE" in upload.certificate
        if answer and not key and b"PRIVATE KEY" not in upload.certificate and waiting.exists():
            key = waiting.read_bytes()
        brought = Upload(upload.certificate, key, upload.chain, upload.password)
        return check(brought, () if any_name else (self.host_name,), self.authority)

    def install(self, upload: Upload, servers: Iterable[Server], *, any_name: bool) -> None:
        """Present an uploaded certificate; StateError when it cannot be used, Refused when a
        server does not present it."""
        fit = self.looked_at(upload, any_name=any_name)
        self.present(Pair(fit.chain, fit.key, "uploaded"), servers)
        (self.folder / f"{REQUEST}.key").unlink(missing_ok=True)
        (self.folder / f"{REQUEST}.csr").unlink(missing_ok=True)

    def present(self, pair: Pair, servers: Iterable[Server]) -> None:
        """Switch these servers to a pair, all of them or none."""
        with self._lock:
            before: dict[Server, str] = {}
            with ExitStack() as unless_all_is_well:
                unless_all_is_well.callback(self._take_back, before)
                for server in servers:
                    group = self.groups.get(GROUPS[server], 0)
                    before[server] = certificate_pairs.install(self.folder, server, pair, group)
                self._reload(before)
                self._require_shown(before)
                unless_all_is_well.pop_all()
            certificate_pairs.tidy(self.folder)

    def renew(self, server: Server) -> None:
        """A new certificate of our own authority, whatever was there."""
        name, addresses = self.known_as()
        names, wanted = [name, "localhost"], certificates.all_addresses(addresses)
        pair = certificates.issue(self.folder, names, wanted)
        self.present(pair, (server,))

    def keep_valid(self) -> None:
        """Renew what our authority has issued and what ends soon; called once a day. A foreign
        one that has expired gives way too, so that the portal stays reachable at all."""
        for facts, source in list(self.installed()):
            left_s = facts.expires - time.time()
            limit_s = certificates.RENEW_BEFORE_DAYS * 86400 if source == "own" else 0
            if facts.name in GROUPS and left_s < limit_s:
                log.warning("certificate=%s ends in %d s and is renewed", facts.name, left_s)
                self.renew(facts.name)  # type: ignore[arg-type]

    # ── requests to an authority ──────────────────────────────────────────────────

    def make_request(self, names: Sequence[str], organisation: str) -> str:
        """A signing request (PKCS#10) for these names; its key never leaves the machine."""
        key, request = self.folder / f"{REQUEST}.key", self.folder / f"{REQUEST}.csr"
        alternatives = ",".join(f"DNS:{name}" for name in names)
        subject = f"/CN={_escaped(names[0])}"
        subject += f"/O={_escaped(organisation)}" if organisation else ""
        scratch = atomic.scratch_name(key)
        try:
            openssl.make_key(scratch)
            made = openssl.run(
                *("req", "-new", "-utf8", "-key", scratch, "-subj", subject),
                *("-addext", f"subjectAltName={alternatives}"),
            )
            atomic.write_file(key, scratch.read_bytes(), 0o600)
            atomic.write_file(request, made, 0o644)
        finally:
            scratch.unlink(missing_ok=True)
        return made.decode()

    def request(self) -> str:
        """The request that waits for an answer, "" for none."""
        path = self.folder / f"{REQUEST}.csr"
        return path.read_text() if path.exists() else ""

    # ── switching ─────────────────────────────────────────────────────────────────

    def _reload(self, servers: Iterable[str]) -> None:
        if "web" in servers:
            ask_to_reload(self.layout, "web")
        if "server" in servers:
            try:
                self.console.ask(ASTERISK_RELOAD)
            except ConsoleError:
                log.warning("Asterisk does not run; it reads its certificate when it starts")

    def _require_shown(self, servers: Iterable[str]) -> None:
        """Wait until each server that answers at all presents what it should."""
        doors = self.doors()
        for server in servers:
            wanted = leaf(self.folder / f"{server}.crt")
            deadline = time.monotonic() + SHOWS_WITHIN_S
            seen = 0
            while seen < SEEN_IN_A_ROW:
                seen = seen + 1 if presented(doors[server]) in (None, wanted) else 0
                if time.monotonic() > deadline:
                    raise Refused("the server does not present the new certificate")
                time.sleep(0.1)

    def _take_back(self, before: Mapping[Server, str]) -> None:
        for server, name in before.items():
            if name:
                certificate_pairs.put_in_force(self.folder, server, name)
        self._reload(before)


def leaf(path: Path) -> bytes:
    """The first certificate of a file, in DER."""
    text = path.read_text("ascii")
    end = "-----END CERTIFICATE-----"
    return ssl.PEM_cert_to_DER_cert(text[: text.index(end) + len(end)])


def presented(door: Door) -> bytes | None:
    """The certificate that a server presents, in DER; None when nobody answers there."""
    if not door.port:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((door.address, door.port), 3) as plain,
            context.wrap_socket(plain) as tls,
        ):
            return tls.getpeercert(binary_form=True)
    except OSError:
        return None


def _escaped(text: str) -> str:
    """A value of a distinguished name as openssl's -subj takes it."""
    return text.replace("\\", "\\\\").replace("/", r"\/").replace("+", r"\+")
