"""The engine as the portal uses it, real or pretended, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flask import Flask, current_app, g

from appliance.apply.client import EngineClient, EngineUnreachable
from appliance.services import registry
from appliance.state.faults import Fault
from appliance.state.system_state import SystemState
from portal.core.machine import MachineLike
from portal.core.settings import Settings


class EngineLike(MachineLike, Protocol):
    """The verbs of `appliance.apply.client.EngineClient` that the portal uses."""

    def status(self) -> dict[str, Any]: ...
    def history(self) -> list[dict[str, Any]]: ...
    def state(self, number: int) -> dict[str, Any]: ...
    def drift(self) -> dict[str, str]: ...
    def check(self, state: SystemState) -> list[Fault]: ...
    def plan(self, state: SystemState, base: int) -> dict[str, Any]: ...
    def prove(self, state: SystemState) -> str: ...
    def apply(
        self,
        state: SystemState,
        base: int,
        author: str,
        reason: str = "",
        *,
        confirm_within_s: int = 0,
        overwrite: bool = False,
    ) -> str: ...
    def return_to(self, number: int, author: str, confirm_within_s: int = 0) -> str: ...
    def confirm(self, number: int) -> None: ...
    def undo(self, why: str = "taken back by hand") -> int: ...
    def job(self, id: str) -> dict[str, Any]: ...
    def trunk_states(self, ids: Sequence[str]) -> list[dict[str, Any]]: ...
    def ask_trunk(self, id: str) -> dict[str, Any]: ...
    def backups(self) -> dict[str, Any]: ...
    def backup_now(self) -> None: ...
    def rehearse_backup(self, name: str) -> str: ...
    def restore_backup(self, source: Mapping[str, str], code: str, identity: str) -> str: ...
    def delete_backup(self, name: str) -> None: ...
    def propose_backup_code(self) -> str: ...
    def accept_backup_code(self, last_group: str) -> None: ...
    def backup_key(self) -> str: ...
    def backup_host_keys(self, address: str, port: int) -> list[dict[str, Any]]: ...
    def backups_at(self, target: str) -> str: ...
    def try_backup_target(self, target: Any) -> str: ...
    def updates(self) -> dict[str, Any]: ...
    def find_updates(self, by: str) -> None: ...
    def check_update(self, source: Mapping[str, str], by: str) -> None: ...
    def install_update(self, source: Mapping[str, str], by: str) -> None: ...
    def start_other_system(
        self,
        by: str,
        *,
        not_before: str = "",
        quiet: bool = False,
        within_s: int = 300,
        old_data: bool = False,
    ) -> None: ...
    def cancel_update(self) -> None: ...
    def set_update_address(self, address: str) -> None: ...
    def vpn_issue(self, name: str, request: str = "") -> dict[str, Any]: ...
    def vpn_revoke(self, name: str, below: int = 0) -> list[dict[str, Any]]: ...
    def vpn_sessions(self) -> list[dict[str, Any]]: ...
    def vpn_vouch(self) -> dict[str, Any]: ...
    def emergency_sites(self) -> list[str]: ...
    def branch_alarms(self, alarms: Sequence[dict[str, Any]], seen: Mapping[str, int]) -> None: ...


@dataclass(slots=True)
class _Running:
    """The state of the revision that was read last."""

    number: int = -1
    state: SystemState | None = None


def init_app(app: Flask, settings: Settings) -> None:
    """Connect the application to its engine."""
    if settings.pretend:
        from portal.core.pretend import PretendEngine

        app.extensions["engine"] = PretendEngine(settings.folder / "pretend.json")
    else:
        app.extensions["engine"] = EngineClient(settings.engine_socket)
    app.extensions["running"] = _Running()


def engine() -> EngineLike:
    """The engine of this application."""
    return current_app.extensions["engine"]


def status() -> dict[str, Any] | None:
    """The engine's status, asked once for each request; None when it does not answer."""
    if "engine_status" not in g:
        try:
            g.engine_status = engine().status()
        except EngineUnreachable:
            g.engine_status = None
    return g.engine_status


def revision_state(number: int) -> SystemState:
    """The state of a revision; 0 is the machine before the first one."""
    if number == 0:
        return registry.empty_state()
    running: _Running = current_app.extensions["running"]
    if running.number == number and running.state is not None:
        return running.state
    return registry.decode(engine().state(number))


def running_state(number: int) -> SystemState:
    """The state of the revision in force, remembered until another one is."""
    running: _Running = current_app.extensions["running"]
    if running.number != number or running.state is None:
        running.state, running.number = revision_state(number), number
    return running.state
