"""Looks at a certificate that somebody has brought, before anything presents it.

Everything is read by openssl in a folder that only root sees. Nothing of it is trusted
until the key fits, the chain leads to an authority that clients know, the names are ours,
and the kind of key is one that browsers and telephones take.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from appliance.state.faults import Fault, StateError
from appliance.state.fields import Secret
from appliance.system import certificate_facts, openssl
from appliance.system.certificate_facts import CertificateFacts, is_root, issued_by

LARGEST_BYTES = 256 * 1024
MOST_CERTIFICATES = 12
SHORTEST_RSA = 2048
SYSTEM_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
"""What Debian's package ca-certificates trusts, which is what browsers trust."""

_PEM = re.compile(
    rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[A-Za-z0-9+/=\s]{1,20000}"
    rb"-----END (?:TRUSTED |X509 )?CERTIFICATE-----"
)
_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")


@dataclass(frozen=True, slots=True)
class Upload:
    """What was brought: PEM or PKCS#12 in `certificate`; a key and further certificates of
    the chain where they are not in it; the password that protects the key."""

    certificate: bytes
    key: bytes = b""
    chain: bytes = b""
    password: Secret = field(default_factory=lambda: Secret(""))


@dataclass(frozen=True, slots=True)
class Fit:
    """An upload that can be presented: the chain without its root, and the plain key."""

    chain: bytes
    key: bytes
    facts: CertificateFacts


def check(upload: Upload, names: Sequence[str], authority: Path) -> Fit:
    """The upload in the form that servers read. StateError says why it cannot be used.

    `names` are those that it must cover; `authority` is our own certificate.
    """
    with tempfile.TemporaryDirectory(prefix="certificate-") as scratch:
        return _Bench(Path(scratch), authority).check(upload, names)


def _unfit(text: str, **values: str) -> StateError:
    return StateError([Fault("certificate", text, values)])


@dataclass(frozen=True, slots=True)
class _Bench:
    """One check, in a folder of its own."""

    folder: Path
    authority: Path

    def check(self, upload: Upload, names: Sequence[str]) -> Fit:
        for part in (upload.certificate, upload.key, upload.chain):
            if len(part) > LARGEST_BYTES:
                raise _unfit("is larger than a certificate can be")
        (self.folder / "password").write_text(upload.password.reveal() + "\n")
        pem, key = self._opened(upload)
        certificates = list(self._certificates(pem + b"\n" + upload.chain))
        leaf = self._leaf(certificates, key)
        chain = self._chain(leaf, certificates)
        facts = certificate_facts.of_file(leaf, self.authority)
        self._require_strong_key(leaf)
        self._require_time(leaf)
        self._require_names(leaf, names)
        self._require_trust(leaf, chain, certificates)
        served = b"".join(path.read_bytes() for path in (leaf, *chain))
        return Fit(served, key.read_bytes(), facts)

    # ── reading ───────────────────────────────────────────────────────────────────

    def _opened(self, upload: Upload) -> tuple[bytes, Path]:
        """The certificates as PEM, and the key in a file without a password."""
        source = self.folder / "upload"
        if _PEM.search(upload.certificate):
            pem = upload.certificate
            source.write_bytes(upload.key or upload.certificate)
            if not _KEY.search(source.read_bytes()):
                raise _unfit("comes without its private key")
        elif upload.certificate.startswith(b"\x30"):
            source.write_bytes(upload.certificate)
            pem = self._pkcs12(source, "-nokeys")
            source.write_bytes(upload.key or self._pkcs12(source, "-nocerts"))
        else:
            raise _unfit("is neither PEM nor PKCS#12")
        return pem, self._plain_key(source)

    def _pkcs12(self, source: Path, part: str) -> bytes:
        """One part of a PKCS#12 file. Those of older programs need openssl's old algorithms."""
        password = f"file:{self.folder / 'password'}"
        for more in ((), ("-legacy",)):
            done = self._tried(
                *("pkcs12", "-in", source, part, "-passin", password, "-noenc", *more)
            )
            if done is not None:
                return done
        raise _unfit("cannot be opened: the password is wrong, or the file is damaged")

    def _plain_key(self, source: Path) -> Path:
        key, password = self.folder / "key", f"file:{self.folder / 'password'}"
        if self._tried("pkey", "-in", source, "-passin", password, "-out", key) is None:
            raise _unfit("the private key cannot be opened: its password is wrong or missing")
        return key

    def _certificates(self, pem: bytes) -> Iterator[Path]:
        """Every certificate in a file of its own, in openssl's own spelling, each once."""
        found = list(dict.fromkeys(_PEM.findall(pem)))
        if len(found) > MOST_CERTIFICATES:
            raise _unfit("holds more certificates than a chain can have")
        for number, text in enumerate(found):
            raw, path = self.folder / f"raw-{number}", self.folder / f"certificate-{number}.pem"
            raw.write_bytes(text + b"\n")
            if self._tried("x509", "-in", raw, "-out", path) is None:
                raise _unfit("holds a certificate that cannot be read")
            yield path

    # ── judging ───────────────────────────────────────────────────────────────────

    def _leaf(self, certificates: Sequence[Path], key: Path) -> Path:
        """The certificate of this key."""
        wanted = self._tried("pkey", "-in", key, "-pubout")
        for path in certificates:
            if self._tried("x509", "-in", path, "-noout", "-pubkey") == wanted:
                return path
        raise _unfit("the private key does not belong to this certificate")

    def _chain(self, leaf: Path, certificates: Sequence[Path]) -> list[Path]:
        """The issuers that were brought along, nearest first, without a root."""
        chain, last = [], leaf
        left = [path for path in certificates if path != leaf and not is_root(path)]
        while issuer := next((path for path in left if issued_by(last, path)), None):
            chain.append(issuer)
            left.remove(issuer)
            last = issuer
        return chain

    def _require_strong_key(self, leaf: Path) -> None:
        kind, _blank, size = certificate_facts.of_file(leaf, self.authority).key.partition(" ")
        if kind == "RSA" and int(size) < SHORTEST_RSA:
            raise _unfit("an RSA key must have at least %(bits)s bits", bits=str(SHORTEST_RSA))
        if kind not in ("RSA", "EC"):
            raise _unfit("the key must be RSA or of an elliptic curve (ECDSA)")

    def _require_time(self, leaf: Path) -> None:
        if self._tried("x509", "-in", leaf, "-noout", "-checkend", "0") is None:
            raise _unfit("has expired")
        if self._tried("verify", "-partial_chain", "-trusted", leaf, leaf) is None:
            raise _unfit("is not valid yet: look at the machine's clock")

    def _require_names(self, leaf: Path, names: Sequence[str]) -> None:
        for name in names:
            question = "-checkip" if re.fullmatch(r"[0-9.]+|.*:.*", name) else "-checkhost"
            said = self._tried("x509", "-in", leaf, "-noout", question, name) or b""
            if b"does match" not in said:
                raise _unfit("does not hold the name %(name)s", name=name)

    def _require_trust(
        self, leaf: Path, chain: Sequence[Path], certificates: Sequence[Path]
    ) -> None:
        """The chain leads to an authority of browsers, ours, or a root that came along."""
        roots = self.folder / "roots"
        own = [path for path in certificates if path != leaf and is_root(path)]
        known = [path for path in (SYSTEM_AUTHORITIES, self.authority, *own) if path.exists()]
        roots.write_bytes(b"\n".join(path.read_bytes() for path in known))
        untrusted = self.folder / "untrusted"
        untrusted.write_bytes(b"".join(path.read_bytes() for path in chain) or leaf.read_bytes())
        verify = ("verify", "-purpose", "sslserver", "-auth_level", "2")
        if self._tried(*verify, "-trusted", roots, "-untrusted", untrusted, leaf) is None:
            last = chain[-1] if chain else leaf
            issuer = certificate_facts.of_file(last, self.authority).issuer
            raise _unfit(
                "the chain is not complete: the certificate of “%(issuer)s” is missing, or that "
                "authority may not vouch for servers",
                issuer=issuer[:100],
            )

    def _tried(self, *arguments: openssl.Word) -> bytes | None:
        try:
            return openssl.run(*arguments)
        except subprocess.CalledProcessError:
            return None
