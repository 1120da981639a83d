"""What can be asked of the engine about voicemail boxes that guesses have locked."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from appliance.apply.engine import Engine
from appliance.apply.errors import Refused
from appliance.apply.taken import take
from appliance.state.fields import InternalNumber
from appliance.system import voicemail_locks

log = logging.getLogger("engine.voicemail")


class VoicemailVerbs:
    """Each public method is one verb."""

    _engine: Engine

    def locked_voicemail(self, _request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The boxes that wrong PINs have locked: number, and how many there were."""
        return [asdict(each) for each in voicemail_locks.locked(self._engine.console)]

    def unlock_voicemail(self, request: Mapping[str, Any]) -> None:
        """Let a box be opened with its PIN again."""
        number = take(request, "number", InternalNumber)
        if not voicemail_locks.unlock(self._engine.console, number):
            raise Refused("this voicemail box is not locked")
        log.warning("voicemail of number=%s unlocked", number)
