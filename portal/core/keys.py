"""The portal's keys, derived from this machine's secrets, and the cipher for secrets at rest."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from appliance.state.fields import Secret

SEALED = "$secret"
"""The only key of the small object that stands for a sealed secret in stored data.

No State field can have this name, so it is never taken for something else.
"""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one machine's portal.

    `data` seals secrets in the database: the first key seals, all of them open, so a new
    one is put in front of the old one and old data stays readable.
    """

    session: str
    password_salt: str
    totp: str
    recovery_codes: str
    data: tuple[str, ...]
    live: str = ""
    routers: str = ""


def derived(session: Secret, data: Secret, live: Secret) -> Keys:
    """All keys from the secrets that the machine made, each for one purpose (RFC 5869).

    `data` may hold several lines, the newest first.
    """
    lines = data.reveal().split()
    oldest = Secret(lines[-1])
    return Keys(
        session=session.reveal(),
        password_salt=_key(oldest, "password salt"),
        totp=_key(oldest, "totp"),
        recovery_codes=_key(oldest, "recovery codes"),
        data=tuple(_key(Secret(line), "data") for line in lines),
        live=live.reveal(),
        routers=_key(oldest, "routers of branches"),
    )


def _key(secret: Secret, purpose: str) -> str:
    """32 bytes for one purpose, in the form that Fernet takes."""
    expand = HKDF(hashes.SHA256(), 32, salt=None, info=f"portal: {purpose}".encode())
    return base64.urlsafe_b64encode(expand.derive(secret.reveal().encode())).decode()


class WrongKey(RuntimeError):
    """Stored secrets were sealed with a key that this machine does not have."""


class Sealer:
    """Seals and opens secrets inside plain data (Fernet: AES-128-CBC and HMAC-SHA256)."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._cipher = MultiFernet([Fernet(key) for key in keys])

    def seal(self, secret: Secret) -> dict[str, str] | str:
        """What is stored for a secret: a token, or "" for an empty one."""
        text = secret.reveal()
        return {SEALED: self._cipher.encrypt(text.encode()).decode()} if text else ""

    def write(self, _where: str, secret: Secret) -> Any:
        """`seal` in the form that the codec asks for."""
        return self.seal(secret)

    def open(self, data: Any) -> Any:
        """The data with every token replaced by its text; WrongKey when that fails."""
        if isinstance(data, dict):
            if data.keys() == {SEALED}:
                return self._text(data[SEALED])
            return {name: self.open(item) for name, item in data.items()}
        return [self.open(item) for item in data] if isinstance(data, list) else data

    def _text(self, token: str) -> str:
        try:
            return self._cipher.decrypt(token.encode()).decode()
        except InvalidToken as error:
            raise WrongKey("a stored secret cannot be opened with this machine's key") from error


def masked(data: Any) -> Any:
    """Stored data with dots instead of sealed secrets, for people."""
    if isinstance(data, dict):
        if data.keys() == {SEALED}:
            return "••••••"
        return {name: masked(item) for name, item in data.items()}
    return [masked(item) for item in data] if isinstance(data, list) else data
