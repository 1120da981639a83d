"""Looks which branches have no tunnel, and which have two routers, for the list of alarms."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from appliance.state.machine import Layout
from appliance.state.system_state import SystemState
from appliance.system import vpn_sessions
from appliance.system.alarms import Raised
from appliance.system.vpn_authority import VpnAuthority

ECHO_SILENT_AFTER_S = 30
"""A status of the echo service that is older than this tells nothing any more."""

EXPECTED_AFTER_S = 3600
"""A router that was given its profile is waited for so long before it is missed."""


def cut_off(layout: Layout, state: SystemState) -> Iterator[Raised] | None:
    """The branches that should be connected and are not; None when no server can be asked."""
    if not state["vpn"].active or not vpn_sessions.sockets(layout):
        return None
    return _cut_off(layout, state, time.time())


def _cut_off(layout: Layout, state: SystemState, now: float) -> Iterator[Raised]:
    connected = {session.name for session in vpn_sessions.sessions(layout)}
    names = {site.id: site.name for site in state["organisation"].sites}
    expected = {
        record.name
        for record in VpnAuthority(layout.vpn, time.time).records()
        if not record.revoked and now - record.issued > EXPECTED_AFTER_S
    }
    for branch in state["vpn"].active:
        if branch.identity in expected - connected:
            yield Raised("site-cut-off", names.get(branch.id, branch.id))


def twice(layout: Layout, state: SystemState) -> Iterator[Raised] | None:
    """The branches in whose name two routers ask at once: a copied disk, a router that was
    replaced and is still on. The echo service hears them even where no tunnel lets them in.
    None when it does not say anything."""
    if not state["vpn"].active:
        return None
    try:
        status = json.loads((layout.run_of("echo") / "status.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    if time.time() - status["at"] > ECHO_SILENT_AFTER_S:
        return None
    names = {site.id: site.name for site in state["organisation"].sites}
    sites = (site for site, told in status["branches"].items() if told["twice"])
    return (Raised("router-twice", names.get(site, site)) for site in sites)
