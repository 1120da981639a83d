"""What can be asked of the engine about the machine's network. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.apply.engine import Engine
from appliance.state.codec import encode


class NetworkVerbs:
    """Each public method is one verb."""

    _engine: Engine

    def network(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """Whether the engine gives this machine its addresses, the interfaces that it has, and
        the address that stands over the settings since somebody set it at the console."""
        seen = self._engine.network()
        return {
            "managed": seen.managed,
            "host_name": seen.host_name,
            "interfaces": [encode(each) for each in seen.interfaces],
            "console": encode(seen.console) if seen.console else None,
        }
