"""What can be asked of the engine about the list of bans that our machines share."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from appliance.apply.desk import MachineDesk
from appliance.apply.engine import Engine
from appliance.apply.errors import Refused
from appliance.apply.taken import take
from appliance.state.fields import Label, Network
from appliance.system import peer_lists
from appliance.system.actions import ActionFailed


class PeerVerbs:
    """Each public method is one verb."""

    _engine: Engine
    _machine: MachineDesk

    def own_bans(self, _request: Mapping[str, Any]) -> str:
        """What other machines get: the list of this one as JSON. The same list is the same
        text, so that a machine which has it need not get it again."""
        state = self._engine.running_state()
        blocked, blocks = state["firewall"].blocked, state["bans"].blocks
        entries = peer_lists.own_list(self._engine.bans(), blocks, blocked, time.time())
        return peer_lists.written(entries).decode()

    def peers(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """How the other machines are, and whom they shut out here."""
        return self._machine.peers.shown()

    def let_in(self, request: Mapping[str, Any]) -> bool:
        """Let in whom others shut out; whether any of them does."""
        network = take(request, "network", Network)
        reason, by = (take(request, name, Label) for name in ("reason", "by"))
        try:
            return self._machine.peers.let_in(network, reason, by)
        except ActionFailed as error:
            raise Refused(f"the packet filter does not take it: {error}") from error
