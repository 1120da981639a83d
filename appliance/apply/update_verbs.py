"""What can be asked of the engine about updates; see `appliance.updates.desk`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.apply.taken import take
from appliance.state.fields import OptionalLabel
from appliance.updates.desk import Desk
from appliance.updates.requests import MomentText, Request, WithinS
from appliance.updates.sources import Address, Source


class UpdateVerbs:
    """Each public method is one verb."""

    _updates: Desk

    def updates(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """Both systems of the machine, what is under way, and what happened before."""
        return self._updates.state()

    def find_updates(self, request: Mapping[str, Any]) -> None:
        """Look for updates on plugged-in disks and in the folder for them."""
        self._updates.ask(Request("find", by=take(request, "by", OptionalLabel, "")))

    def check_update(self, request: Mapping[str, Any]) -> None:
        """Begin to check one update."""
        source = take(request, "source", Source)
        self._updates.ask(Request("check", take(request, "by", OptionalLabel, ""), source))

    def install_update(self, request: Mapping[str, Any]) -> None:
        """Begin to write one update into the slot that does not run."""
        source = take(request, "source", Source)
        self._updates.ask(Request("install", take(request, "by", OptionalLabel, ""), source))

    def start_other_system(self, request: Mapping[str, Any]) -> None:
        """Start the other slot, on trial: now, at a time, or once nobody is in a call."""
        self._updates.ask(
            Request(
                "start",
                by=take(request, "by", OptionalLabel, ""),
                not_before=take(request, "not_before", MomentText, ""),
                quiet=take(request, "quiet", bool, False),
                within_s=take(request, "within_s", WithinS, 300),
                old_data=take(request, "old_data", bool, False),
            )
        )

    def cancel_update(self, _request: Mapping[str, Any]) -> None:
        """Stop what is under way or waits for its hour."""
        self._updates.cancel()

    def set_update_address(self, request: Mapping[str, Any]) -> None:
        """Say where updates are fetched from."""
        self._updates.set_address(take(request, "address", Address))
