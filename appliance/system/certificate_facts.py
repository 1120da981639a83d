"""What stands in certificates: names, moments, who issued them. Read with openssl."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from subprocess import CalledProcessError

from appliance.state.machine import Layout
from appliance.system import openssl

SERVERS = {"web": "portal", "server": "telephony"}
"""Name of the files -> who presents them: nginx, and Asterisk's TLS transports."""

AUTHORITY = "authority"


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """One certificate. `name` is that of its files; moments are seconds since 1970; `own`
    says that our authority issued it; `fingerprint` is SHA-256 in hexadecimal pairs."""

    name: str
    subject: str
    issuer: str
    names: tuple[str, ...]
    begins: int
    expires: int
    key: str
    fingerprint: str
    own: bool


def installed(layout: Layout) -> Iterator[CertificateFacts]:
    """The authority's certificate and those that our servers present."""
    folder = layout.certificates
    for name in (AUTHORITY, *SERVERS):
        path = folder / f"{name}.crt"
        if path.exists():
            yield of_file(path, folder / f"{AUTHORITY}.crt")


def of_file(path: Path, authority: Path) -> CertificateFacts:
    """The first certificate of a file; CalledProcessError when there is none."""
    stamp, ours = path.stat().st_mtime_ns, authority.stat().st_mtime_ns
    return _read(path, stamp, authority, ours)


@lru_cache(maxsize=32)
def _read(path: Path, _stamp: int, authority: Path, _authority_stamp: int) -> CertificateFacts:
    shown = _shown(path)
    issuer = _field(shown, "issuer")
    own = issuer == _field(_shown(authority), "subject") and issued_by(path, authority)
    return CertificateFacts(
        path.stem,
        _plain(_field(shown, "subject")),
        _plain(issuer),
        names_in(shown),
        _moment(_field(shown, "notBefore")),
        _moment(_field(shown, "notAfter")),
        _key(path),
        _field(shown, "sha256 Fingerprint"),
        own,
    )


def _shown(path: Path) -> str:
    arguments = ("-noout", "-subject", "-issuer", "-dates", "-fingerprint", "-sha256")
    utf8 = ("-nameopt", "RFC2253,-esc_msb,utf8")
    extension = ("-ext", "subjectAltName")
    return openssl.run("x509", "-in", path, *arguments, *utf8, *extension).decode(
        "utf-8", "replace"
    )


def _field(shown: str, name: str) -> str:
    found = re.search(rf"^{name} ?= ?(.*)$", shown, re.M | re.I)
    return found[1].strip() if found else ""


def _plain(name: str) -> str:
    """The common name of a distinguished name, or the whole where it has none."""
    found = re.search(r"(?:^|,)CN=((?:\\.|[^,])*)", name)
    return re.sub(r"\\(.)", r"\1", found[1]) if found else name


def names_in(shown: str) -> tuple[str, ...]:
    """DNS names and addresses, as `openssl x509 -ext subjectAltName` prints them."""
    found = re.findall(r"(DNS|IP Address):([^,\s]+)", shown)
    return tuple(_address(text) if kind != "DNS" else text.lower() for kind, text in found)


def _address(text: str) -> str:
    """An address in its usual form: openssl writes all groups of one of version 6."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def _moment(text: str) -> int:
    """openssl's `Nov 28 08:00:00 2026 GMT` as seconds since 1970."""
    month, day, clock, year, _zone = text.split()
    return int(parsedate_to_datetime(f"{day} {month} {year} {clock} +0000").timestamp())


def _key(path: Path) -> str:
    """The kind of key, for people: RSA 2048, EC P-256 …"""
    shown = openssl.run("x509", "-in", path, "-noout", "-text").decode("utf-8", "replace")
    bits = re.search(r"Public-Key: \((\d+) bit\)", shown)
    curve = re.search(r"NIST CURVE: (\S+)", shown)
    kind = "RSA" if "rsaEncryption" in shown else "EC" if "id-ecPublicKey" in shown else ""
    if curve:
        return f"{kind} {curve[1]}"
    return f"{kind} {bits[1]}" if bits and kind else kind or "Ed25519"


def issued_by(path: Path, authority: Path) -> bool:
    """Whether the authority's key has signed this certificate."""
    try:
        openssl.run("verify", "-no_check_time", "-partial_chain", "-trusted", authority, path)
    except CalledProcessError:
        return False
    return True


def is_root(path: Path) -> bool:
    """Whether it is issued by itself, as the roots of authorities are."""
    hashes = openssl.run("x509", "-in", path, "-noout", "-subject_hash", "-issuer_hash").split()
    return hashes[0] == hashes[1]
