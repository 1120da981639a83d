"""What every answer says to the browser, and what is asked of every request."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, request

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
    )
)
"""No inline scripts or styles, nothing from elsewhere. Tabler's style sheet has data: images."""

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


def init_app(app: Flask) -> None:
    """Check where writes come from, and add the headers to every answer."""
    app.before_request(same_origin)
    app.after_request(add_headers)


def same_origin() -> None:
    """Refuse a write that another site sends, beside the token that forms carry.

    Browsers name the origin with every POST (Fetch standard, section 3.2); programs
    that name none have no cookies of ours either.
    """
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return
    if request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}:
        abort(403, "sent from another site")
    origin = request.headers.get("Origin")
    if origin and origin != "null" and urlsplit(origin).netloc != request.host:
        abort(403, "sent from another site")


def add_headers(response: Response) -> Response:
    """Add the headers; pages are never stored by caches, files of the tree are.

    Strict transport is said by whoever ends TLS: the web server in front, where there is one.
    """
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if not current_app.extensions["settings"].proxies:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint == "static":
        response.headers["Cache-Control"] = "public, max-age=86400"
    else:
        response.headers.setdefault("Cache-Control", "no-store")
    response.headers.pop("Server", None)
    return response
