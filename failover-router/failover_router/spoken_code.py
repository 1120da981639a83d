"""The one-time code that a person reads out to whoever stands before a new router.

Sixteen signs in four groups, such as `K7QM-2XDN-R4TB-9WVC`, in Crockford's base 32: no I, L, O or
U, so that nothing looks like something else. Seven signs are the secret (35 bits), eight a
fingerprint of the appliance's authority (40 bits), the last one finds mistyped signs.

The fingerprint is stretched with scrypt: to find an authority of one's own that has the same, an
attacker would have to run scrypt some 2^40 times, a third of a second and 128 MB each.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SECRET_SIGNS = 7
FINGERPRINT_SIGNS = 8
_READ = str.maketrans({"I": "1", "L": "1", "O": "0", "-": "", " ": "", "\u00a0": ""})
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_SCRYPT_MEMORY = 129 * 1024 * 1024


class CodeError(ValueError):
    """What was typed is no code; the message says what to look at."""


@dataclass(frozen=True, slots=True)
class Code:
    """A code in its parts."""

    secret: str
    fingerprint: str

    @property
    def text(self) -> str:
        """The code as people read it."""
        signs = self.secret + self.fingerprint
        signs += _check(signs)
        return "-".join(signs[i : i + 4] for i in range(0, len(signs), 4))

    def __repr__(self) -> str:
        return "Code(…)"


def new_secret() -> str:
    """A new secret part."""
    return "".join(secrets.choice(ALPHABET) for _ in range(SECRET_SIGNS))


def read(typed: str) -> Code:
    """The code that somebody typed, whatever its case, dashes and look-alikes; CodeError."""
    signs = typed.strip().upper().translate(_READ)
    wanted = SECRET_SIGNS + FINGERPRINT_SIGNS + 1
    if len(signs) != wanted:
        raise CodeError(f"the code has {wanted} signs, this has {len(signs)}")
    if strange := sorted(set(signs) - set(ALPHABET)):
        raise CodeError(f"{strange[0]!r} is in no code")
    if _check(signs[:-1]) != signs[-1]:
        raise CodeError("a sign is wrong, or two are the wrong way round: compare them again")
    return Code(signs[:SECRET_SIGNS], signs[SECRET_SIGNS:-1])


def fingerprint(authority: str) -> str:
    """The fingerprint of an authority's certificate (PEM)."""
    block = authority.partition(_BEGIN)[2].partition(_END)[0]
    digest = hashlib.scrypt(
        base64.b64decode(block),
        salt=b"branch router code 1",
        n=2**17,
        r=8,
        p=1,
        maxmem=_SCRYPT_MEMORY * 2,
        dklen=5,
    )
    return _signs(int.from_bytes(digest, "big"), FINGERPRINT_SIGNS)


def _check(signs: str) -> str:
    """Luhn's sum for base 32: finds every wrong sign, and neighbours that changed places unless
    they are 0 and Z."""
    total = 0
    for index, sign in enumerate(reversed(signs)):
        value = ALPHABET.index(sign) * (2 if index % 2 == 0 else 1)
        total += value // 32 + value % 32
    return ALPHABET[-total % 32]


def _signs(number: int, count: int) -> str:
    found = ""
    for _ in range(count):
        number, sign = divmod(number, 32)
        found = ALPHABET[sign] + found
    return found
