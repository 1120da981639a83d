"""The addresses that are banned now, and how one is let in again."""

from __future__ import annotations

import datetime
import ipaddress
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for

from appliance.apply.client import EngineError, EngineUnreachable
from appliance.state.codec import decode
from appliance.state.faults import StateError
from appliance.state.fields import Label
from appliance.system.bans import Block
from portal.blocks.screen import SCREEN as BLOCKS
from portal.core import audit, draft, engine
from portal.core.db import transaction
from portal.core.i18n import _, _l
from portal.core.permissions import requires
from portal.core.screens import choices, free_id
from portal.peers import words

PAGES = Blueprint("banned", __name__, url_prefix="/banned")

REASONS = {
    "sip": _l("guessed passwords or numbers of telephones"),
    "portal": _l("guessed passwords of the portal"),
    "provisioning": _l("guessed secrets of telephones' files"),
}


BY_HAND = _l("blocked by hand")
PEERS = "peers"
"""In place of a jail: shut out by another machine."""

MOST_SHOWN = 200
LONGEST_AUTHOR = 80


@PAGES.get("/")
@requires("bans.view")
def index() -> Any:
    """Who is shut out now, why, by which machine, and until when."""
    try:
        found, reached = engine.engine().bans(), True
    except EngineUnreachable:
        found, reached = [], False
    text = request.args.get("q", "").strip()[:80]
    rows = [row for row in (*map(_of_ours, found), *_of_others()) if text in row["address"]]
    return render_template(
        "bans/index.html",
        bans=rows[:MOST_SHOWN],
        more=max(0, len(rows) - MOST_SHOWN),
        query=text,
        reached=reached,
    )


def _of_ours(ban: dict[str, Any]) -> dict[str, Any]:
    return {
        "address": ban["address"],
        "jail": ban["jail"],
        "why": REASONS[ban["jail"]],
        "machine": "",
        "since": _moment(ban["since"]),
        "until": _moment(ban["until"]),
        "let_in": None,
    }


def _of_others() -> list[dict[str, Any]]:
    """The entries of other machines; since when is known to them alone."""
    names = dict(choices("peer"))
    return [
        {
            "address": entry["network"],
            "jail": PEERS,
            "why": entry["note"] or REASONS.get(entry["why"], BY_HAND),
            "machine": names.get(entry["peer"], entry["peer"]),
            "since": None,
            "until": _moment(entry["until"]),
            "let_in": entry["let_in"],
        }
        for entry in (words.shared() or {}).get("entries", ())
    ]


@PAGES.post("/lift")
@requires("bans.edit")
def lift() -> Any:
    """Let one address in again: lift the ban of this machine, and hold against what the
    others say of it until they have ended it."""
    jail, address = request.form.get("jail", ""), request.form.get("address", "")
    if jail not in REASONS and jail != PEERS:
        abort(400)
    try:
        network = str(ipaddress.ip_network(address))
    except ValueError:
        abort(400)
    try:
        reason = decode(Label, request.form.get("reason", "").strip())
    except StateError:
        flash(_("Write down why %(address)s is let in again.", address=address), "warning")
        return redirect(url_for("banned.index"))
    try:
        if jail != PEERS:
            engine.engine().lift(jail, address)
        held = engine.engine().let_in(network, reason, audit.author()[:LONGEST_AUTHOR])
    except EngineError as error:
        flash(_("It could not be lifted: %(why)s", why=error.message), "warning")
        return redirect(url_for("banned.index"))
    if jail == PEERS and not held:
        flash(_("No machine shuts %(address)s out any more.", address=address), "info")
        return redirect(url_for("banned.index"))
    with transaction():
        audit.record("ban.lift", address, reason=reason)
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
