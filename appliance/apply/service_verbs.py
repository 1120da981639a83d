"""What can be asked of the engine about its neighbours: how they are, and what they said."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from appliance.apply.desk import MachineDesk
from appliance.apply.errors import Refused
from appliance.apply.taken import take
from appliance.state.codec import encode
from appliance.state.fields import Between, Pattern
from appliance.system.logs import Question

log = logging.getLogger("engine.services")

ProcessName = Annotated[str, Pattern(r"[a-z][a-z-]{0,30}", "the name of a process")]
Calls = Annotated[int, Between(0, 100_000)]

NOT_BY_ITSELF = "engine"
"""It cannot answer for its own restart; systemd's watchdog and the supervisor look after it."""


class ServiceVerbs:
    """Each public method is one verb."""

    _machine: MachineDesk

    def services(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """Every process of the machine, and how many calls are up."""
        facts = self._machine.overseer.look()
        calls = self._machine.sentinel.console.calls()
        percent = self._machine.sentinel.percent
        listed = [{**asdict(each), "processor_percent": percent(each)} for each in facts]
        return {"services": listed, "calls": calls}

    def restart_service(self, request: Mapping[str, Any]) -> None:
        """Start one process again. For Asterisk, `calls` is how many calls its asker knows
        will be cut: when there are more by now, it is refused."""
        name = take(request, "name", ProcessName)
        if name == NOT_BY_ITSELF:
            raise Refused("the engine does not restart itself; restart the machine instead")
        known, calls = take(request, "calls", Calls, 0), self._machine.sentinel.console.calls()
        if name == "asterisk" and calls > known:
            raise Refused("there are more calls now than you have seen", {"calls": calls})
        log.warning("restart of process=%s", name)
        self._machine.overseer.restart(name)

    def logs(self, request: Mapping[str, Any]) -> Any:
        """Lines of the processes' logs, filtered."""
        return encode(self._machine.logs.ask(take(request, "question", Question)))
