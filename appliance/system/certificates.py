"""The machine's own authority and the certificate that its servers present.

Made at first start with openssl, so that SIP over TLS and the portal's HTTPS work
before anybody has brought a certificate of a public authority.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from appliance import product
from appliance.apply import atomic

AUTHORITY_DAYS = 3650
SERVER_DAYS = 397
"""The longest life that browsers accept (CA/Browser Forum baseline requirements 6.3.2)."""

_Word = str | int | Path


def ensure(folder: Path, host_name: str, asterisk_group: int) -> None:
    """Make authority and server certificate below `folder` unless they are there."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not (folder / "authority.crt").exists():
        _make_authority(folder)
    if not (folder / "server.crt").exists():
        issue_server(folder, [host_name, "localhost"], ["127.0.0.1"], asterisk_group)


def issue_server(folder: Path, names: list[str], addresses: list[str], group: int) -> None:
    """Issue a new server certificate for these names and addresses."""
    alternatives = [f"DNS:{name}" for name in names] + [f"IP:{each}" for each in addresses]
    extensions = (
        f"subjectAltName={','.join(alternatives)}\nextendedKeyUsage=serverAuth\n"
        "keyUsage=digitalSignature\nbasicConstraints=critical,CA:FALSE\n"
    )
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        work = Path(scratch)
        (work / "extensions").write_text(extensions)
        _make_key(work / "key")
        request: list[_Word] = ["req", "-new", "-key", work / "key", "-subj", f"/CN={names[0]}"]
        _openssl(*request, "-out", work / "request")
        authority: list[_Word] = [
            "-CA",
            folder / "authority.crt",
            "-CAkey",
            folder / "authority.key",
        ]
        sign: list[_Word] = [
            "x509",
            "-req",
            "-in",
            work / "request",
            "-days",
            SERVER_DAYS,
            *authority,
        ]
        _openssl(*sign, "-extfile", work / "extensions", "-out", work / "certificate")
        atomic.write_file(folder / "server.key", (work / "key").read_bytes(), 0o640, group)
        atomic.write_file(folder / "server.crt", (work / "certificate").read_bytes(), 0o644)


def _make_authority(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        work = Path(scratch)
        _make_key(work / "key")
        _openssl(
            *("req", "-x509", "-key", work / "key", "-days", AUTHORITY_DAYS),
            *("-subj", f"/CN={product.NAME} authority"),
            *("-addext", "basicConstraints=critical,CA:TRUE,pathlen:0"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
            *("-out", work / "certificate"),
        )
        atomic.write_file(folder / "authority.key", (work / "key").read_bytes(), 0o600)
        atomic.write_file(folder / "authority.crt", (work / "certificate").read_bytes(), 0o644)


def _make_key(path: Path) -> None:
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)


def _openssl(*arguments: _Word) -> None:
    program = shutil.which("openssl")
    if program is None:
        raise FileNotFoundError("openssl is not installed")
    subprocess.run(
        [program, *map(str, arguments)],
        check=True,
        capture_output=True,
        env={**os.environ, "LC_ALL": "C"},
    )
