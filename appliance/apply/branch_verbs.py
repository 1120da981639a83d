"""What can be asked of the engine about the routers of branches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from appliance import credentials
from appliance.apply.desk import MachineDesk
from appliance.apply.engine import Engine
from appliance.apply.errors import Refused
from appliance.apply.taken import take
from appliance.state.codec import encode, reveal
from appliance.state.fields import Between, ObjectId
from appliance.system import vpn, vpn_sessions
from appliance.system.branch_reports import SOURCE, ReportBook

Below = Annotated[int, Between(0, 999_999)]


class BranchVerbs:
    """Each public method is one verb."""

    _engine: Engine
    _machine: MachineDesk

    def vpn_records(self, _request: Mapping[str, Any]) -> list[Any]:
        """Every certificate that a router was ever given."""
        return [encode(record) for record in self._machine.authority.records()]

    def vpn_issue(self, request: Mapping[str, Any]) -> Any:
        """The next router of a branch, with secrets: for the file or answer that it gets."""
        name = take(request, "name", ObjectId)
        if name not in {branch.identity for branch in self._branches().active}:
            raise Refused("this branch is not in the configuration in force: apply it first")
        made = self._machine.authority.issue(name, take(request, "request", str, ""))
        master = self._engine.machine.secrets[credentials.BRANCH_PROBES]
        probe_key = vpn.probe_key(master, name, made.record.generation)
        return {**encode(made, reveal), "probe_key": probe_key.reveal()}

    def vpn_revoke(self, request: Mapping[str, Any]) -> list[Any]:
        """End a branch's routers, those before a generation (0: all), and put them off."""
        name = take(request, "name", ObjectId)
        ended = self._machine.authority.revoke(name, take(request, "below", Below, 0) or None)
        if ended:
            vpn_sessions.put_off(self._engine.machine.layout, name)
        return [encode(record) for record in ended]

    def vpn_sessions(self, _request: Mapping[str, Any]) -> list[Any]:
        """The tunnels that are open."""
        return [encode(each) for each in vpn_sessions.sessions(self._engine.machine.layout)]

    def vpn_vouch(self, _request: Mapping[str, Any]) -> Any:
        """The VPN authority's word for the certificate that the web server presents."""
        certificate = self._engine.machine.layout.certificates / "web.crt"
        return encode(self._machine.authority.vouch(certificate))

    def branch_alarms(self, request: Mapping[str, Any]) -> None:
        """Everything that is wrong with branches as the portal hears of it from routers, and when
        each of them was heard."""
        reports = ReportBook(self._engine.machine.layout)
        reports.keep(request)
        self._machine.book.report(SOURCE, reports.look(self._engine.running_state()))

    def emergency_sites(self, _request: Mapping[str, Any]) -> list[str]:
        """The sites from which an emergency number is being called at this moment."""
        return sorted(self._engine.console.emergency_sites())

    def _branches(self) -> vpn.State:
        state: vpn.State = self._engine.running_state()["vpn"]
        return state
