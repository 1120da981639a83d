"""The engine's client: its calls about updates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.apply.asking import Asking


class UpdateCalls(Asking):
    """One method for each verb of `appliance.apply.update_verbs`.

    Long work is shown by `updates` itself, which outlives a restart of the machine.
    """

    __slots__ = ()

    def updates(self) -> dict[str, Any]:
        """Both systems of the machine, what is under way, and what happened before."""
        return self._ask("updates")

    def find_updates(self, by: str) -> None:
        self._ask("find_updates", by=by)

    def check_update(self, source: Mapping[str, str], by: str) -> None:
        self._ask("check_update", source=dict(source), by=by)

    def install_update(self, source: Mapping[str, str], by: str) -> None:
        self._ask("install_update", source=dict(source), by=by)

    def start_other_system(
        self,
        by: str,
        *,
        not_before: str = "",
        quiet: bool = False,
        within_s: int = 300,
        old_data: bool = False,
    ) -> None:
        """Start the other slot, on trial; `not_before` is a moment in ISO 8601 with its zone."""
        self._ask(
            "start_other_system",
            by=by,
            not_before=not_before,
            quiet=quiet,
            within_s=within_s,
            old_data=old_data,
        )

    def cancel_update(self) -> None:
        self._ask("cancel_update")

    def set_update_address(self, address: str) -> None:
        self._ask("set_update_address", address=address)
