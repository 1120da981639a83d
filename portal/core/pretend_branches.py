"""The pretend engine's tunnels: a real authority in a folder, and no tunnel at all."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from appliance.apply.client import EngineError
from appliance.apply.errors import Refused
from appliance.state.codec import encode, reveal
from appliance.state.fields import Secret
from appliance.system import certificates, vpn
from appliance.system.vpn_authority import VpnAuthority


class PretendBranches:
    """The verbs of `appliance.apply.branch_client`; certificates are real ones."""

    def prepare_branches(self, folder: Path) -> None:
        self._folder = folder
        self._authority: VpnAuthority | None = None
        self.told: list[dict[str, Any]] = []
        self.seen: dict[str, int] = {}
        self.open_tunnels: list[dict[str, Any]] = []
        self.emergencies: list[str] = []

    def _made(self) -> VpnAuthority:
        if self._authority is None:
            self._authority = VpnAuthority(self._folder / "vpn", time.time)
            self._authority.ensure()
        return self._authority

    def vpn_records(self) -> list[dict[str, Any]]:
        return [encode(record) for record in self._made().records()]

    def vpn_issue(self, name: str, request: str = "") -> dict[str, Any]:
        try:
            made = self._made().issue(name, request)
        except Refused as error:
            raise EngineError("refused", str(error)) from error
        key = vpn.probe_key(Secret("pretended"), name, made.record.generation)
        return {**encode(made, reveal), "probe_key": key.reveal()}

    def vpn_revoke(self, name: str, below: int = 0) -> list[dict[str, Any]]:
        ended = self._made().revoke(name, below or None)
        self.open_tunnels = [each for each in self.open_tunnels if each["name"] != name]
        return [encode(record) for record in ended]

    def vpn_sessions(self) -> list[dict[str, Any]]:
        return list(self.open_tunnels)

    def vpn_vouch(self) -> dict[str, Any]:
        web = self._folder / "web"
        certificates.ensure_authority(web)
        certificates.ensure_server(web, "web", "localhost", (), 0)
        return encode(self._made().vouch(web / "web.crt"))

    def emergency_sites(self) -> list[str]:
        return list(self.emergencies)

    def branch_alarms(self, alarms: Sequence[dict[str, Any]], seen: Mapping[str, int]) -> None:
        self.told, self.seen = list(alarms), dict(seen)
