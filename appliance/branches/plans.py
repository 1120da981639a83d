"""The bandwidth plan of a branch as it stands in the state."""

from __future__ import annotations

from appliance.branches import bandwidth
from appliance.system import vpn


def plan_of(branch: vpn.Branch) -> bandwidth.Plan:
    """What the branch's calls need on each of its lines."""
    lines = tuple(
        bandwidth.Capacity(
            line.id,
            line.up_kbits,
            line.down_kbits,
            branch.policy.probe_ms,
            line.addressing == "pppoe",
            line.monthly_cap_mb,
        )
        for line in branch.lines
    )
    return bandwidth.plan(branch.codec, branch.calls, lines, duplicated=branch.mode == "protected")
