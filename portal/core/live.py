"""The live view: the token with which a browser may listen to the hub (`docs/live.md`)."""

from __future__ import annotations

import time

import jwt
from flask import Response, current_app
from flask_login import current_user

from portal.core.permissions import access

COOKIE = "__Host-live"
LASTS_S = 900


def allow(answer: Response) -> Response:
    """Let the signed-in account listen for a quarter of an hour; pages renew it in time."""
    key = current_app.extensions["settings"].keys.live
    if not key or not access().allows("dashboard.view"):
        return answer
    now = int(time.time())
    claims = {
        "iss": "centralino-portal",
        "aud": "centralino-live",
        "sub": str(current_user.id),
        "iat": now,
        "exp": now + LASTS_S,
        "scope": _scope(),
    }
    token = jwt.encode(claims, key, algorithm="HS256", headers={"typ": "live+jwt"})
    answer.set_cookie(
        COOKIE, token, max_age=LASTS_S, secure=True, httponly=True, samesite="Lax", path="/"
    )
    return answer


def _scope() -> str:
    """Everything, but outside numbers only for those who see the whole company."""
    words = ["calls", "devices", "trunks"]
    return " ".join(words if access().everything else [*words, "mask"])
