"""The machine's own authority and the certificates that its servers present.

Made at first start with openssl, so that SIP over TLS and the portal's HTTPS work
before anybody has brought a certificate of a public authority.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from appliance import product
from appliance.apply import atomic
from appliance.system import certificate_pairs, openssl
from appliance.system.certificate_facts import issued_by
from appliance.system.certificate_pairs import Pair
from appliance.system.openssl import Word

AUTHORITY_DAYS = 3650
SERVER_DAYS = 397
"""The longest life that browsers accept (CA/Browser Forum baseline requirements 6.3.2)."""

RENEW_BEFORE_DAYS = 30

LOOPBACK = ("127.0.0.1", "::1")


def ensure_authority(folder: Path) -> None:
    """Make the authority below `folder` unless it is there."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not (folder / "authority.crt").exists():
        _make_authority(folder)


def ensure_server(
    folder: Path, server: str, host_name: str, addresses: Sequence[str], group: int
) -> None:
    """Make `<server>.crt` and `.key` unless one is there that is valid for a while yet
    and names `host_name` and all `addresses`; `group` may read the key.

    One that the owner has brought stays while it is valid, whatever it names.
    """
    certificate_pairs.follow(folder, server)
    if certificate_pairs.source(folder, server) != "own" and _valid(folder / f"{server}.crt"):
        return
    names, wanted = [host_name, "localhost"], all_addresses(addresses)
    certificate = folder / f"{server}.crt"
    ours = certificate.exists() and issued_by(certificate, folder / "authority.crt")
    if not ours or not _covers(certificate, names, wanted):
        issue_server(folder, server, names, wanted, group)


def all_addresses(addresses: Sequence[str]) -> list[str]:
    """The machine's addresses and those of the loopback interface, each once."""
    return [*LOOPBACK, *(each for each in addresses if each not in LOOPBACK)]


def issue_server(
    folder: Path, server: str, names: Sequence[str], addresses: Sequence[str], group: int
) -> None:
    """Issue a new server certificate for these names and addresses, and put it in force."""
    certificate_pairs.install(folder, server, issue(folder, names, addresses), group)
    certificate_pairs.tidy(folder)


def issue(folder: Path, names: Sequence[str], addresses: Sequence[str]) -> Pair:
    """A new key and the certificate of our authority for these names and addresses."""
    alternatives = [f"DNS:{name}" for name in names] + [f"IP:{each}" for each in addresses]
    extensions = (
        f"subjectAltName={','.join(alternatives)}\nextendedKeyUsage=serverAuth\n"
        "keyUsage=digitalSignature\nbasicConstraints=critical,CA:FALSE\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        work = Path(scratch)
        (work / "extensions").write_text(extensions)
        openssl.make_key(work / "key")
        request: list[Word] = ["req", "-new", "-key", work / "key", "-subj", f"/CN={names[0]}"]
        openssl.run(*request, "-out", work / "request")
        openssl.run(
            *("x509", "-req", "-in", work / "request", "-days", SERVER_DAYS),
            *("-CA", folder / "authority.crt", "-CAkey", folder / "authority.key"),
            *("-extfile", work / "extensions", "-out", work / "certificate"),
        )
        return Pair((work / "certificate").read_bytes(), (work / "key").read_bytes(), "own")


def _valid(certificate: Path) -> bool:
    return certificate.exists() and _agrees(certificate, "-checkend", "0")


def _covers(certificate: Path, names: Sequence[str], addresses: Sequence[str]) -> bool:
    """Whether the certificate is there, lives on for a while and holds all of these."""
    if not certificate.exists():
        return False
    checks = ["-checkend", str(RENEW_BEFORE_DAYS * 86400)]
    questions = [checks, *(["-checkhost", name] for name in names)]
    questions += [["-checkip", address] for address in addresses]
    return all(_agrees(certificate, *question) for question in questions)


def _agrees(certificate: Path, *question: str) -> bool:
    """What `openssl x509` says to a -check option: 3.x answers only in words for some."""
    program = openssl.program()
    asked = subprocess.run(
        [program, "x509", "-noout", "-in", str(certificate), *question],
        capture_output=True,
        text=True,
    )
    return asked.returncode == 0 and "does NOT match" not in asked.stdout


def _make_authority(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        work = Path(scratch)
        openssl.make_key(work / "key")
        openssl.run(
            *("req", "-x509", "-key", work / "key", "-days", AUTHORITY_DAYS),
            *("-subj", f"/CN={product.NAME} authority"),
            *("-addext", "basicConstraints=critical,CA:TRUE,pathlen:0"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
            *("-out", work / "certificate"),
        )
        atomic.write_file(folder / "authority.key", (work / "key").read_bytes(), 0o600)
        atomic.write_file(folder / "authority.crt", (work / "certificate").read_bytes(), 0o644)
