"""Who may listen: the short-lived tokens that the portal signs (`docs/live.md`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jwt

from appliance.state.fields import Secret

COOKIE = "__Host-live"
TYPE = "live+jwt"
ISSUER = "centralino-portal"
AUDIENCE = "centralino-live"
ALGORITHM = "HS256"
LONGEST_LIFE_S = 900
CLOCKS_DIFFER_S = 60

SCOPES = frozenset({"calls", "devices", "trunks", "mask"})


class NotAllowed(ValueError):
    """The token is missing, wrong or too old."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who listens, to what, and until when (seconds since 1970)."""

    subject: str
    scope: frozenset[str]
    until: float


def listener(token: str | None, key: Secret) -> Listener:
    """The listener whom a token names; NotAllowed for everything else."""
    if not token:
        raise NotAllowed("no token")
    try:
        if jwt.get_unverified_header(token).get("typ") != TYPE:
            raise NotAllowed("a token for something else")
        claims = _claims(token, key)
    except jwt.InvalidTokenError as error:
        raise NotAllowed(str(error)) from error
    if not 0 < claims["exp"] - claims["iat"] <= LONGEST_LIFE_S:
        raise NotAllowed("a token that lives too long")
    scope = frozenset(str(claims["scope"]).split())
    if not scope <= SCOPES:
        raise NotAllowed("an unknown scope")
    return Listener(str(claims["sub"]), scope, float(claims["exp"]))


def _claims(token: str, key: Secret) -> dict[str, Any]:
    return jwt.decode(
        token,
        key.reveal(),
        algorithms=[ALGORITHM],
        issuer=ISSUER,
        audience=AUDIENCE,
        leeway=CLOCKS_DIFFER_S,
        options={"require": ["exp", "iat", "iss", "aud", "sub", "scope"]},
    )
