"""The authority of the branch tunnels: certificates for routers, tls-crypt-v2 keys, revocation.

It is apart from the authority of the web and of SIP, so that a certificate of a router is good
for the tunnel and for nothing else. Its ledger is one JSON file; the revocation list is made
anew from it each time, and OpenVPN reads the list at every handshake (`crl-verify`).

A router is known by its branch's name and a *generation*: each delivery of a profile makes the next
one, so that a spare in the place of a broken router can be told from it. A router of ours makes
its key itself and sends a request (PKCS #10); for others the key is made here, goes into the file
that is handed over, and is not kept.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import re
import secrets
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from appliance import product
from appliance.apply import atomic
from appliance.apply.errors import Refused
from appliance.state.codec import canonical_json, decode, encode
from appliance.state.fields import Secret
from appliance.system import openssl

FOLDER = "etc/centralino/vpn"
"""Of all files of the tunnels, below the folder of the applied ones."""

AUTHORITY_DAYS = 7300
ROUTER_DAYS = 3650
"""A router in a cupboard must not go silent by itself: it is ended by revocation."""

LIST_DAYS = 3650
"""OpenVPN takes nobody when the list is too old, so its end is far away."""

SERVER = "server"
LARGEST_REQUEST = 8192
CURVE = "NIST CURVE: P-256"

_REQUEST = re.compile(
    r"-----BEGIN CERTIFICATE REQUEST-----\n[A-Za-z0-9+/=\n]+\n-----END CERTIFICATE REQUEST-----\n",
    re.ASCII,
)
_CLIENT = "keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n"
_SERVER = "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
_COMMON = (
    "basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
)


@dataclass(frozen=True, slots=True)
class Record:
    """One certificate. `name` is its common name, the same for all routers of a branch;
    `serial` is in hexadecimal, moments are seconds since 1970, 0 never."""

    name: str
    generation: int
    serial: str
    issued: int
    revoked: int = 0


@dataclass(frozen=True, slots=True)
class Identity:
    """What a router needs to open its tunnel. `key` is empty when it made the key itself."""

    record: Record
    certificate: str
    authority: str
    tls_crypt: Secret
    key: Secret


@dataclass(frozen=True, slots=True)
class Voucher:
    """The authority's word for the web server's certificate: its SHA-256, and the signature
    (ECDSA over SHA-256, base64) over the text of that."""

    authority: str
    web_sha256: str
    signature: str


class VpnAuthority:
    """The authority in one folder. Every change is on the disk before it is told."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self._folder, self._clock = folder, clock
        self._lock = threading.Lock()

    # ── files that the server's configuration names ───────────────────────────────

    @property
    def authority(self) -> Path:
        return self._folder / "authority.crt"

    @property
    def revocations(self) -> Path:
        return self._folder / "revoked.pem"

    def ensure(self) -> None:
        """Make what is missing: authority, the server's certificate, list, tls-crypt-v2 key.

        The last needs the openvpn program; without it, it is made as soon as there is one.
        """
        with self._lock:
            self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            if not self.authority.exists():
                self._make_authority()
            if not (self._folder / f"{SERVER}.crt").exists():
                self._issue_server()
            self._write_list(self._records())
            if not self._crypt_key.exists() and shutil.which("openvpn"):
                self._make_crypt_key()

    # ── certificates ──────────────────────────────────────────────────────────────

    def records(self) -> tuple[Record, ...]:
        """Every certificate that was ever issued to a router, oldest first."""
        with self._lock:
            return self._records()

    def issue(self, name: str, request: str = "") -> Identity:
        """The next generation of a branch's router; with its own key when it sends a request.

        Earlier generations stay good until they are revoked.
        """
        with self._lock, tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            work = Path(scratch)
            crypt = self._client_crypt_key(work)
            known = self._records()
            generation = max((r.generation for r in known if r.name == name), default=0) + 1
            serial = secrets.token_hex(16)
            record = Record(name, generation, f"4{serial[1:]}", int(self._clock()))
            key = self._request(work, request)
            self._sign(work, record, _CLIENT)
            certificate = (work / "certificate").read_text()
            self._keep((*known, record))
            authority = self.authority.read_text()
            return Identity(record, certificate, authority, crypt, key)

    def revoke(self, name: str, below: int | None = None) -> tuple[Record, ...]:
        """End a branch's certificates, those with a generation `below` a number or all.

        The list is in force when this returns; who is connected must be put off by the
        caller (`client-kill`), since OpenVPN looks at the list at handshakes only.
        """
        now = int(self._clock())
        with self._lock:
            known = self._records()
            ended = [
                replace(record, revoked=now)
                for record in known
                if record.name == name
                and not record.revoked
                and (below is None or record.generation < below)
            ]
            by_serial = {record.serial: record for record in ended}
            if ended:
                self._keep(tuple(by_serial.get(record.serial, record) for record in known))
            return tuple(ended)

    def vouch(self, web_certificate: Path) -> Voucher:
        """Sign the web server's certificate, so that a router which trusts this authority can
        trust that server, whoever else has issued its certificate."""
        text = web_certificate.read_text()
        digest = hashlib.sha256(_der(text)).hexdigest()
        with self._lock, tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            said = Path(scratch) / "said"
            said.write_text(statement(digest))
            key = self._folder / "authority.key"
            signature = openssl.run("dgst", "-sha256", "-sign", key, said)
            return Voucher(self.authority.read_text(), digest, base64.b64encode(signature).decode())

    # ── parts ─────────────────────────────────────────────────────────────────────

    @property
    def _ledger(self) -> Path:
        return self._folder / "issued.json"

    @property
    def _crypt_key(self) -> Path:
        return self._folder / "tls-crypt-v2.key"

    def _records(self) -> tuple[Record, ...]:
        if not self._ledger.exists():
            return ()
        return decode(tuple[Record, ...], json.loads(self._ledger.read_bytes()), "issued")

    def _keep(self, records: tuple[Record, ...]) -> None:
        """Write the ledger, then the list: a cut between the two is mended at the next start."""
        atomic.write_file(self._ledger, canonical_json(encode(records)), 0o600)
        self._write_list(records)

    def _write_list(self, records: Iterable[Record]) -> None:
        """Make the revocation list from the ledger (`openssl ca` wants its own kind of table)."""
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            work = Path(scratch)
            lines = [_table_line(record) for record in records if record.revoked]
            (work / "table").write_text("".join(lines))
            (work / "table.attr").write_text("unique_subject = no\n")
            (work / "configuration").write_text(
                "[ca]\ndefault_ca=own\n[own]\n"
                f"database={work / 'table'}\ndefault_md=sha256\ndefault_crl_days={LIST_DAYS}\n"
            )
            openssl.run(
                *("ca", "-gencrl", "-config", work / "configuration", "-out", work / "list"),
                *("-cert", self.authority, "-keyfile", self._folder / "authority.key"),
            )
            atomic.write_file(self.revocations, (work / "list").read_bytes(), 0o644)

    def _make_authority(self) -> None:
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            work = Path(scratch)
            openssl.make_key(work / "key")
            openssl.run(
                *("req", "-x509", "-key", work / "key", "-days", AUTHORITY_DAYS),
                *("-subj", f"/CN={product.NAME} branches {secrets.token_hex(4)}"),
                *("-addext", "basicConstraints=critical,CA:TRUE,pathlen:0"),
                *("-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"),
                *("-out", work / "certificate"),
            )
            key = self._folder / "authority.key"
            atomic.write_file(key, (work / "key").read_bytes(), 0o600)
            atomic.write_file(self.authority, (work / "certificate").read_bytes(), 0o644)

    def _issue_server(self) -> None:
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            work = Path(scratch)
            key = self._request(work, "")
            self._sign(work, Record(SERVER, 0, f"4{secrets.token_hex(15)}0", 0), _SERVER)
            path = self._folder / f"{SERVER}.key"
            atomic.write_file(path, key.reveal().encode(), 0o600)
            certificate = (work / "certificate").read_bytes()
            atomic.write_file(self._folder / f"{SERVER}.crt", certificate, 0o644)

    def _request(self, work: Path, request: str) -> Secret:
        """Write `work/request`; returns the key when it had to be made for it."""
        if request:
            (work / "request").write_text(checked_request(request))
            return Secret("")
        openssl.make_key(work / "key")
        openssl.run("req", "-new", "-key", work / "key", "-subj", "/CN=x", "-out", work / "request")
        return Secret((work / "key").read_text())

    def _sign(self, work: Path, record: Record, usage: str) -> None:
        """Sign `work/request` for a branch. Of the request only its key counts."""
        _refuse_other_keys(work / "request")
        (work / "extensions").write_text(_COMMON + usage)
        days = AUTHORITY_DAYS if record.name == SERVER and not record.generation else ROUTER_DAYS
        try:
            openssl.run(
                *("x509", "-req", "-in", work / "request", "-days", days, "-sha256"),
                *("-subj", f"/CN={record.name}/OU={record.generation}"),
                *("-CA", self.authority, "-CAkey", self._folder / "authority.key"),
                *("-set_serial", f"0x{record.serial}", "-extfile", work / "extensions"),
                *("-out", work / "certificate"),
            )
        except subprocess.CalledProcessError as error:
            if b"signature" in error.stderr:
                raise Refused("this certificate request is not signed by its own key") from error
            raise

    def _make_crypt_key(self) -> None:
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            path = Path(scratch) / "key"
            _openvpn("--genkey", "tls-crypt-v2-server", str(path))
            atomic.write_file(self._crypt_key, path.read_bytes(), 0o600)

    def _client_crypt_key(self, work: Path) -> Secret:
        if not self._crypt_key.exists():
            if not shutil.which("openvpn"):
                raise Refused("OpenVPN is not installed on this machine: no router can be added")
            self._make_crypt_key()
        path = work / "crypt"
        _openvpn(
            *("--tls-crypt-v2", str(self._crypt_key), "--genkey", "tls-crypt-v2-client", str(path))
        )
        return Secret(path.read_text())


def statement(web_sha256: str) -> str:
    """The text that the authority signs about the web server's certificate."""
    return f"web server certificate sha256 {web_sha256}\n"


def checked_request(text: str) -> str:
    """A request from outside; Refused when it is no single PKCS #10 block of decent size."""
    if len(text) > LARGEST_REQUEST or not _REQUEST.fullmatch(text):
        raise Refused("this is no certificate request")
    return text


def _refuse_other_keys(request: Path) -> None:
    """Only P-256 is signed: what a router of ours makes, and enough until there is a reason."""
    try:
        text = openssl.run("req", "-in", request, "-noout", "-text").decode()
    except subprocess.CalledProcessError as error:
        raise Refused("this is no certificate request") from error
    if CURVE not in text:
        raise Refused("the key of a certificate request must be on the curve P-256")


def _table_line(record: Record) -> str:
    """A line of the table of `openssl ca` for a revoked certificate."""
    revoked = datetime.datetime.fromtimestamp(record.revoked, datetime.UTC)
    ends = datetime.datetime.fromtimestamp(record.issued + ROUTER_DAYS * 86400, datetime.UTC)
    moments = "\t".join(each.strftime("%y%m%d%H%M%SZ") for each in (ends, revoked))
    return f"R\t{moments}\t{record.serial.upper()}\tunknown\t/CN={record.name}\n"


def _der(text: str) -> bytes:
    """The first certificate of a PEM text."""
    block = text.partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0]
    return base64.b64decode(block)


def _openvpn(*arguments: str) -> None:
    program = shutil.which("openvpn") or "openvpn"
    subprocess.run([program, *arguments], check=True, capture_output=True)
