"""The engine's client: its calls about the machine itself."""

from __future__ import annotations

from typing import Any


class MachineCalls:
    """One method for each verb of `appliance.apply.machine_verbs`."""

    __slots__ = ()

    def _ask(self, verb: str, **values: Any) -> Any:
        raise NotImplementedError

    def alarms(self) -> dict[str, Any]:
        """`open` and `over`: lists of alarms, the gravest and newest first."""
        return self._ask("alarms")

    def acknowledge_alarm(self, name: str, subject: str, by: str) -> None:
        self._ask("acknowledge_alarm", name=name, subject=subject, by=by)
