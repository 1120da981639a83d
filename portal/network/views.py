"""What is done on the network's page beside its settings."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, request, url_for

from appliance.system.network import Interface, State
from portal.core import draft, engine
from portal.core.db import transaction
from portal.core.draft import Edit
from portal.core.i18n import _
from portal.core.permissions import requires
from portal.core.screen_views import saved
from portal.core.screens import Part, free_id, slug
from portal.core.shapes import Place
from portal.network import moving

PAGES = Blueprint("network_now", __name__, url_prefix="/network")

INTERFACES, VLANS = Part("network", "interfaces"), Part("network", "vlans")


@PAGES.post("/take-over")
@requires("network.edit")
def take_over() -> Any:
    """Make the settings of the draft what the machine has now."""
    seen = engine.engine().network()
    if not seen["managed"]:
        abort(409)
    return _put(moving.as_it_runs(seen, draft.state()["network"]), _("What runs is in the draft."))


@PAGES.post("/follow")
@requires("network.edit")
def follow() -> Any:
    """Make the settings of the draft those in force, which the console has changed."""
    status = engine.status() or engine.engine().status()
    running = engine.running_state(status["current"])["network"]
    return _put(running, _("The settings in force are in the draft."))


@PAGES.post("/add")
@requires("network.edit")
def add() -> Any:
    """Add an interface that the machine has to the settings, asking by DHCP as it does now."""
    name = request.form.get("name", "")
    if name not in {each["name"] for each in engine.engine().network()["interfaces"]}:
        abort(404)
    id = free_id(INTERFACES, slug(name))
    edit = Edit(Place(*INTERFACES[:2], id), Interface(id=id, name=name), 0)
    with transaction():
        entry = draft.commit([edit], "draft.edit", name)
    saved(_("“%(label)s” is saved in the draft.", label=name), entry)
    return redirect(url_for("network_interfaces.edit", id=id))


def _put(wanted: State, said: str) -> Any:
    held = draft.state()["network"]
    with transaction():
        entry = draft.commit(_edits(held, wanted), "network.take_over", _("Network"))
    if entry is None:
        flash(_("Nothing was changed."), "info")
    else:
        saved(said, entry)
    return redirect(url_for("network.index"))


def _edits(held: State, wanted: State) -> list[Edit]:
    """What makes one network another: the settings, and each interface and VLAN of either."""
    found = [Edit(Place("network"), wanted)]
    for part in (INTERFACES, VLANS):
        new = {each.id: each for each in getattr(wanted, part.collection)}
        gone = [each.id for each in getattr(held, part.collection) if each.id not in new]
        found += [Edit(Place(*part[:2], id), None) for id in gone]
        found += [Edit(Place(*part[:2], id), each) for id, each in new.items()]
    return found
