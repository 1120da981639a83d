"""The portal's door for routers, as a router knocks at it: HTTPS that trusts one authority.

Whoever issued the web server's certificate, the appliance's VPN authority has signed its
SHA-256 (the *voucher*), so a router that knows the authority knows the server. Nothing that is
secret is sent before.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import re
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from failover_router import spoken_code

PATH = "/branch-router/v1"
WITHIN_S = 10.0
LARGEST_ANSWER = 524_288

_HEXADECIMAL = re.compile(r"[0-9a-f]{64}", re.ASCII)


class DoorError(RuntimeError):
    """The portal could not be reached, or is not who it should be."""


class Refused(DoorError):
    """The portal said no; `reason` is its word for why: `code`, `replaced`, `duplicate`, ..."""

    def __init__(self, status: int, reason: str) -> None:
        self.status, self.reason = status, reason
        super().__init__(f"the portal refused ({status} {reason})")


@dataclass(slots=True)
class Door:
    """The door at `host` and `port`.

    `trusts` decides whether an authority (PEM) is ours: by the code's fingerprint before there
    is a profile, by comparing with the profile's afterwards.
    """

    host: str
    port: int
    trusts: Callable[[str], bool]
    within_s: float = WITHIN_S
    authority: str = ""
    _web_sha256: str = field(default="", repr=False)

    @classmethod
    def by_code(cls, host: str, port: int, code: spoken_code.Code) -> Door:
        """The door of the appliance that the code was made on."""
        return cls(host, port, lambda pem: spoken_code.fingerprint(pem) == code.fingerprint)

    @classmethod
    def of_profile(cls, url: str, authority: str) -> Door:
        """The door that a profile names."""
        parts = urlsplit(url)
        return cls(parts.hostname or "", parts.port or 443, lambda pem: pem == authority)

    def post(self, verb: str, body: bytes, headers: Mapping[str, str]) -> tuple[bytes, str]:
        """Send to a verb; returns the answer's bytes and signature. DoorError otherwise."""
        connection = self._connect()
        try:
            connection.request("POST", f"{PATH}/{verb}", body, dict(headers))
            answer = connection.getresponse()
            text = answer.read(LARGEST_ANSWER + 1)
        except (OSError, http.client.HTTPException) as error:
            raise DoorError(f"the portal does not answer ({error})") from error
        finally:
            connection.close()
        if answer.status != 200:
            raise Refused(answer.status, _reason(text))
        return text, answer.headers.get("X-Signature", "")

    def _connect(self) -> http.client.HTTPSConnection:
        """A connection to a server whose certificate the authority vouches for."""
        connection, seen = self._open()
        if hmac.compare_digest(seen, self._web_sha256):
            return connection
        connection.close()
        self._learn()
        connection, seen = self._open()
        if not hmac.compare_digest(seen, self._web_sha256):
            connection.close()
            raise DoorError("the appliance's authority does not vouch for this web server")
        return connection

    def _open(self) -> tuple[http.client.HTTPSConnection, str]:
        """A connection, and the SHA-256 of the certificate at its other end."""
        # The certificate is compared by its hash below, so its issuer does not matter.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        connection = http.client.HTTPSConnection(
            self.host, self.port, timeout=self.within_s, context=context
        )
        try:
            connection.connect()
            certificate = connection.sock.getpeercert(binary_form=True)
        except OSError as error:
            connection.close()
            raise DoorError(f"the portal does not answer ({error})") from error
        return connection, hashlib.sha256(certificate or b"").hexdigest()

    def _learn(self) -> None:
        """Fetch the voucher, and believe it if our authority has signed it."""
        connection, _seen = self._open()
        try:
            connection.request("GET", f"{PATH}/voucher")
            answer = connection.getresponse()
            data = json.loads(answer.read(65_536))
            authority, digest = str(data["authority"]), str(data["web_sha256"])
            signature = base64.b64decode(str(data["signature"]), validate=True)
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
            raise DoorError(f"the portal has no door for routers ({error})") from error
        finally:
            connection.close()
        if not self.trusts(authority):
            raise DoorError("this is another appliance than the one that the code was made on")
        if not _HEXADECIMAL.fullmatch(digest) or not signed(authority, digest, signature):
            raise DoorError("the appliance's voucher is not signed by its authority")
        self.authority, self._web_sha256 = authority, digest


@dataclass(frozen=True, slots=True)
class Keyed:
    """A door for a router that has a profile: every question and answer is signed with the key
    that the profile holds (HMAC-SHA-256), so that neither can be put in by anybody else."""

    door: Door
    name: str
    generation: int
    key: str
    clock: Callable[[], float] = time.time

    def ask(self, verb: str, data: Mapping[str, Any]) -> Any:
        """Send data, return the answer's; DoorError when it is not the portal's own."""
        body = json.dumps(data, separators=(",", ":")).encode()
        said = signature(self.key, verb, body)
        headers = {
            "Content-Type": "application/json",
            "X-Router": self.name,
            "X-Generation": str(self.generation),
            "X-Signature": said,
        }
        text, answered = self.door.post(verb, body, headers)
        if not hmac.compare_digest(answered, signature(self.key, said, text)):
            raise DoorError("the answer is not signed by the portal")
        return json.loads(text)


def signature(key: str, context: str, body: bytes) -> str:
    """The HMAC of a message. An answer's context is the signature of its question."""
    return hmac.new(bytes.fromhex(key), context.encode() + b"\n" + body, hashlib.sha256).hexdigest()


def signed(authority: str, web_sha256: str, signature: bytes) -> bool:
    """Whether the authority has signed the web server's certificate; openssl decides."""
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        (work / "authority").write_text(authority)
        (work / "signature").write_bytes(signature)
        (work / "said").write_text(f"web server certificate sha256 {web_sha256}\n")
        public = _openssl("x509", "-in", str(work / "authority"), "-noout", "-pubkey")
        if public is None:
            return False
        (work / "public").write_bytes(public)
        verify = ("dgst", "-sha256", "-verify", str(work / "public"))
        files = ("-signature", str(work / "signature"), str(work / "said"))
        return _openssl(*verify, *files) is not None


def _openssl(*arguments: str) -> bytes | None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, stdin=subprocess.DEVNULL)
    return done.stdout if done.returncode == 0 else None


def _reason(text: bytes) -> str:
    try:
        return str(json.loads(text)["error"])[:40]
    except (ValueError, LookupError, TypeError):
        return "unknown"
