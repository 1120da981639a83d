"""The recovery code: what people write down, and the keys that follow from it.

26 random signs carry 130 bits; two more tell a slip of the pen. The keys are derived from
the signs (HKDF, RFC 5869), so the code alone opens a backup on any machine.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from appliance.state.fields import Secret
from appliance.system.backup.errors import WrongCode

SIGNS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""No 0, O, 1 or I, which look alike on paper."""

_RANDOM, _CHECK, _GROUP = 26, 2, 4


@dataclass(frozen=True, slots=True)
class Keys:
    """What follows from a recovery code.

    `identity` is an X25519 identity as age(1) reads it, `seal` the key under which the
    manifest is signed (HMAC): who knows neither can make no file that is taken as ours.
    """

    identity: Secret
    seal: bytes


def new_code() -> Secret:
    """A new recovery code in groups, e.g. `7KQM-2XWD-…` (seven groups of four)."""
    signs = "".join(secrets.choice(SIGNS) for _ in range(_RANDOM))
    return Secret(grouped(signs + _check_signs(signs)))


def grouped(signs: str) -> str:
    """The signs in groups, as people write them."""
    return "-".join(signs[at : at + _GROUP] for at in range(0, len(signs), _GROUP))


def read_code(typed: str) -> Secret:
    """The code that somebody typed, in its one form; WrongCode when it cannot be one.

    Case, blanks and hyphens do not matter.
    """
    signs = "".join(sign for sign in typed.upper() if sign.isalnum())
    if len(signs) != _RANDOM + _CHECK:
        values = {"found": len(signs), "wanted": _RANDOM + _CHECK}
        raise WrongCode(
            f"a recovery code has {_RANDOM + _CHECK} letters and digits, this has {len(signs)}",
            values,
        )
    if set(signs) - set(SIGNS) or _check_signs(signs[:_RANDOM]) != signs[_RANDOM:]:
        raise WrongCode("the recovery code is mistyped: compare it sign by sign")
    return Secret(grouped(signs))


def keys_of(code: Secret) -> Keys:
    """The keys of a code that `new_code` or `read_code` gave."""
    signs = code.reveal().replace("-", "").encode()
    scalar = _derived(signs, b"backup 1: age identity")
    identity = bech32("age-secret-key-", scalar).upper()
    return Keys(Secret(identity), _derived(signs, b"backup 1: manifest"))


def _check_signs(signs: str) -> str:
    """Two signs (10 bits) that all others decide: one mistake in a thousand goes unseen."""
    number = int.from_bytes(hashlib.sha256(signs.encode()).digest()[:2], "big")
    return SIGNS[number & 31] + SIGNS[(number >> 5) & 31]


def _derived(material: bytes, purpose: bytes) -> bytes:
    """32 bytes for one purpose: HKDF with SHA-256, one block, no salt (RFC 5869 section 2)."""
    extracted = hmac.digest(bytes(32), material, "sha256")
    return hmac.digest(extracted, purpose + b"\x01", "sha256")


_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def bech32(prefix: str, data: bytes) -> str:
    """Bytes as text with a checksum (BIP 173), the form of age's identities."""
    values = list(_five_bits(data))
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    checksum = _polymod([*expanded, *values, *[0] * 6]) ^ 1
    values += [(checksum >> 5 * (5 - at)) & 31 for at in range(6)]
    return prefix + "1" + "".join(_BECH32[value] for value in values)


def _five_bits(data: bytes) -> Iterator[int]:
    """The bits of `data` five by five, filled up with zeros."""
    held, bits = 0, 0
    for byte in data:
        held, bits = (held << 8) | byte, bits + 8
        while bits >= 5:
            bits -= 5
            yield (held >> bits) & 31
    if bits:
        yield (held << (5 - bits)) & 31


def _polymod(values: Sequence[int]) -> int:
    """The checksum's polynomial division, as BIP 173 writes it."""
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, factor in enumerate(_GENERATOR):
            check ^= factor if (top >> bit) & 1 else 0
    return check
