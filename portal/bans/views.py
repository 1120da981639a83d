"""The addresses that are banned now, and how one is let in again."""

from __future__ import annotations

import datetime
import ipaddress
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for

from appliance.apply.client import EngineError, EngineUnreachable
from appliance.system.bans import Block
from portal.blocks.screen import SCREEN as BLOCKS
from portal.core import audit, draft, engine
from portal.core.db import transaction
from portal.core.i18n import _, _l
from portal.core.permissions import requires
from portal.core.screens import free_id

PAGES = Blueprint("banned", __name__, url_prefix="/banned")

REASONS = {
    "sip": _l("guessed passwords or numbers of telephones"),
    "portal": _l("guessed passwords of the portal"),
    "provisioning": _l("guessed secrets of telephones' files"),
}


@PAGES.get("/")
@requires("bans.view")
def index() -> Any:
    """Who is shut out now, why, and until when."""
    try:
        found, reached = engine.engine().bans(), True
    except EngineUnreachable:
        found, reached = [], False
    shown = [
        {**ban, "since": _moment(ban["since"]), "until": _moment(ban["until"])} for ban in found
    ]
    return render_template("bans/index.html", bans=shown, reasons=REASONS, reached=reached)


@PAGES.post("/lift")
@requires("bans.edit")
def lift() -> Any:
    """Let one address in again."""
    jail, address = request.form.get("jail", ""), request.form.get("address", "")
    if jail not in REASONS:
        abort(400)
    try:
        ipaddress.ip_address(address)
    except ValueError:
        abort(400)
    try:
        engine.engine().lift(jail, address)
    except EngineError as error:
        flash(_("It could not be lifted: %(why)s", why=error.message), "warning")
        return redirect(url_for("banned.index"))
    with transaction():
        audit.record("ban.lift", address)
    flash(_("%(address)s is let in again.", address=address), "info")
    return redirect(url_for("banned.index"))


@PAGES.post("/block")
@requires("blocks.edit")
def block() -> Any:
    """Put a banned address onto the list of blocks, in the draft; it counts once applied."""
    jail, address = request.form.get("jail", ""), request.form.get("address", "")
    if jail not in REASONS:
        abort(400)
    try:
        network = str(ipaddress.ip_network(address))
    except ValueError:
        abort(400)
    taken = [draft.instance(row) for row in draft.objects("bans", "blocks")]
    known = next((each.id for each in taken if each.network == network), "")
    if not known:
        known = free_id(BLOCKS.main, "block")
        made = Block(known, network, str(REASONS[jail]))
        with transaction():
            draft.commit([draft.Edit(draft.Place("bans", "blocks", known), made, 0)])
        flash(_("%(address)s is on the list. It is shut out for good once you apply the "
                "changes.", address=address), "info")  # fmt: skip
    return redirect(url_for("blocks.edit", id=known))


def _moment(seconds: int) -> datetime.datetime | None:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC) if seconds else None
