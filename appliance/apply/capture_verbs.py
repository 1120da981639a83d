"""What can be asked of the engine about captures. Who may have sound is the portal's to say."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from appliance.apply.desk import MachineDesk
from appliance.apply.errors import Refused
from appliance.apply.taken import take
from appliance.asterisk.ami import Ami, AmiError
from appliance.asterisk.ami_questions import asked
from appliance.services.trunks import Trunk
from appliance.state.fields import Between, InternalNumber, Label, ObjectId
from appliance.system import capture_filter, captures
from appliance.system.capture_filter import CallId, LiveCall, Packets
from appliance.system.captures import Limits

Offset = Annotated[int, Between(0, 2**40)]


class CaptureVerbs:
    """Each public method is one verb."""

    _machine: MachineDesk

    def live_calls(self, _request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Every call that is up."""
        return [asdict(call) for call in self._live_calls()]

    def captures(self, _request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Every capture that is kept, the newest first."""
        return [asdict(each) for each in self._machine.captures.all()]

    def capture_call(self, request: Mapping[str, Any]) -> str:
        """Begin to capture a call that is up."""
        id = take(request, "call", CallId)
        call = next((each for each in self._live_calls() if each.id == id), None)
        if call is None:
            raise LookupError("this call is over")

        async def find(ami: Ami) -> Packets:
            return await capture_filter.of_call(ami, id)

        return self._capture(request, self._ask(find), f"{call.caller} → {call.called}")

    def capture_extension(self, request: Mapping[str, Any]) -> str:
        """Begin to capture the next call of an extension."""
        number = take(request, "number", InternalNumber)
        console = self._machine.captures.console
        return self._capture(request, capture_filter.of_extension(console, number), number)

    def capture_trunk(self, request: Mapping[str, Any]) -> str:
        """Begin to capture the next call over a trunk."""
        trunk = self._trunk(take(request, "trunk", ObjectId))
        console = self._machine.captures.console
        return self._capture(request, capture_filter.of_trunk(console, trunk), trunk.label)

    def stop_capture(self, request: Mapping[str, Any]) -> None:
        self._machine.captures.stop(take(request, "id", captures.Id))

    def delete_capture(self, request: Mapping[str, Any]) -> None:
        self._machine.captures.delete(take(request, "id", captures.Id))

    def capture_piece(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A piece of a capture's file."""
        id, part = take(request, "id", captures.Id), take(request, "part", captures.Part)
        content, size = self._machine.captures.piece(id, part, take(request, "offset", Offset, 0))
        return {"content": base64.b64encode(content).decode(), "size": size}

    def _capture(self, request: Mapping[str, Any], packets: Packets, about: str) -> str:
        limits = Limits(
            take(request, "seconds", captures.Seconds, 300),
            take(request, "megabytes", captures.Megabytes, 20),
            take(request, "days", captures.Days, 7),
        )
        by, audio = take(request, "by", Label), take(request, "audio", bool, False)
        return self._machine.captures.start(packets, about, by, audio=audio, limits=limits)

    def _trunk(self, id: str) -> Trunk:
        for trunk in self._machine.sentinel.state()["trunks"].trunks:
            if trunk.id == id and trunk.enabled:
                return trunk  # type: ignore[no-any-return]
        raise LookupError("there is no such line in force")

    def _live_calls(self) -> list[LiveCall]:
        return self._ask(capture_filter.live_calls)  # type: ignore[no-any-return]

    def _ask(self, work: Any) -> Any:
        try:
            return asked(*self._machine.manager, work)
        except AmiError:
            raise Refused("the telephone service does not answer") from None
