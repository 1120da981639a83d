"""The list that other machines read, and the tokens that open it."""

from __future__ import annotations

import datetime
import hashlib
import sys
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)

from appliance.apply.client import EngineError, EngineUnreachable
from appliance.state.codec import decode
from appliance.state.faults import StateError
from appliance.state.fields import Label
from appliance.state.tokens import new_secret
from portal.core import audit
from portal.core.db import db, now, transaction
from portal.core.engine import engine
from portal.core.i18n import _
from portal.core.permissions import public, requires
from portal.peers.models import ListReader, digest_of

PAGES = Blueprint("shared_bans", __name__, url_prefix="/shared-bans")

TOKEN_SIGNS = 32
MOST_READERS = 50
NOTED_EVERY = datetime.timedelta(minutes=5)
"""How exactly it is known when a token was used last: not each question is a write."""


@PAGES.get("/v1")
@public
def own() -> Response:
    """The list of this machine, for whoever has a token. Nothing else is opened by it."""
    kind, _blank, token = request.headers.get("Authorization", "").partition(" ")
    digest = digest_of(token.strip())
    reader = db.session.scalar(db.select(ListReader).filter_by(digest=digest))
    if kind.lower() != "bearer" or reader is None:
        # No line that fail2ban counts: a machine whose token was revoked still asks every minute.
        sys.stderr.write(f"portal WARNING {request.remote_addr} refused (list-token)\n")
        return Response(status=401, headers={"WWW-Authenticate": "Bearer"})
    if reader.seen_at is None or now() - reader.seen_at > NOTED_EVERY:
        with transaction():
            reader.seen_at = now()
    try:
        body = engine().own_bans()
    except (EngineError, EngineUnreachable):
        return Response(status=503, headers={"Retry-After": "60"})
    answer = Response(body, mimetype="application/json")
    answer.set_etag(hashlib.sha256(body.encode()).hexdigest()[:32])
    return answer.make_conditional(request)


def readers() -> list[dict[str, Any]]:
    """Every token as a list shows it, by name."""
    found = db.session.scalars(db.select(ListReader).order_by(ListReader.name, ListReader.id))
    return [
        {"id": r.id, "name": r.name, "by": r.made_by, "made_at": r.made_at, "seen_at": r.seen_at}
        for r in found
    ]


@PAGES.post("/tokens")
@requires("peers.edit")
def make() -> Any:
    """Make a token for another machine, and show it this once."""
    try:
        name = decode(Label, request.form.get("name", "").strip())
    except StateError:
        flash(_("Name the machine that the token is for."), "warning")
        return redirect(url_for("peers.index"))
    if (db.session.scalar(db.select(db.func.count(ListReader.id))) or 0) >= MOST_READERS:
        flash(_("There are too many tokens: take away those that nobody uses."), "warning")
        return redirect(url_for("peers.index"))
    door = _own_door()
    token = new_secret(TOKEN_SIGNS).reveal()
    with transaction():
        db.session.add(ListReader(name=name, digest=digest_of(token), made_by=audit.author()))
        audit.record("list_token.make", name)
    return render_template("peers/token.html", name=name, token=token, **door)


def _own_door() -> dict[str, Any]:
    """Where and by which certificate the other machine finds this one."""
    held = engine().certificates()
    web = next(each for each in held["installed"] if each["name"] == "web")
    authority = engine().authority_certificate() if web["own"] else ""
    port = request.host.rpartition(":")[2]
    return {
        "address": held["host_name"],
        "port": port if port.isdigit() else "443",
        "authority": authority,
        "public": web["source"] == "acme",
    }


@PAGES.post("/tokens/<int:id>/delete")
@requires("peers.edit")
def take_away(id: int) -> Any:
    """Take a token away: from the next question on it opens nothing."""
    reader = db.session.get(ListReader, id) or abort(404)
    with transaction():
        audit.record("list_token.delete", reader.name)
        db.session.delete(reader)
    flash(_("The token for “%(name)s” opens nothing any more.", name=reader.name), "info")
    return redirect(url_for("peers.index"))
