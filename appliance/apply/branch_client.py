"""The engine's client: its calls about the routers of branches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from appliance.apply.asking import Asking


class BranchCalls(Asking):
    """One method for each verb of `appliance.apply.branch_verbs`."""

    __slots__ = ()

    def vpn_records(self) -> list[dict[str, Any]]:
        """Every certificate that a router of a branch was ever given."""
        return self._ask("vpn_records")

    def vpn_issue(self, name: str, request: str = "") -> dict[str, Any]:
        """The next router of a branch, with secrets; `request` is its PKCS #10, if it has one."""
        return self._ask("vpn_issue", name=name, request=request)

    def vpn_revoke(self, name: str, below: int = 0) -> list[dict[str, Any]]:
        """End a branch's routers, those before a generation (0: all)."""
        return self._ask("vpn_revoke", name=name, below=below)

    def vpn_sessions(self) -> list[dict[str, Any]]:
        """The tunnels that are open."""
        return self._ask("vpn_sessions")

    def vpn_vouch(self) -> dict[str, Any]:
        """The VPN authority's word for the web server's certificate."""
        return self._ask("vpn_vouch")

    def emergency_sites(self) -> list[str]:
        """The sites from which an emergency number is being called at this moment."""
        return self._ask("emergency_sites")

    def branch_alarms(self, alarms: Sequence[dict[str, Any]], seen: Mapping[str, int]) -> None:
        """Tell everything that is wrong with branches; what is not told any more is over. `seen`
        maps sites to the moment of their router's last report."""
        self._ask("branch_alarms", alarms=list(alarms), seen=dict(seen))
