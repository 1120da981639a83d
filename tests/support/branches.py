"""Branches for tests: states of the VPN, and profiles of routers with material that is none."""

from __future__ import annotations

from typing import Any

from appliance.services import registry
from appliance.services.organisation import Site
from appliance.services.organisation import State as Organisation
from appliance.state.fields import Secret
from appliance.state.system_state import SystemState
from appliance.system import branch_profile, vpn
from failover_router.router_profile import RouterProfile

PEM = "-----BEGIN {0}-----\nMIIB\n-----END {0}-----\n"

MATERIAL = branch_profile.Material(
    generation=1,
    authority=PEM.format("CERTIFICATE"),
    certificate=PEM.format("CERTIFICATE"),
    key=Secret(PEM.format("PRIVATE KEY")),
    tls_crypt_v2=Secret(PEM.format("OpenVPN tls-crypt-v2 client key")),
    probe_key=Secret("5a" * 32),
)
"""Texts of the right shape, for everything that does not open a tunnel."""


def line(id: str, interface: str = "", **fields: Any) -> vpn.Line:
    """A line by DHCP on an interface of its own name."""
    fields = {"label": id.title(), "kind": "fibre", **fields}
    return vpn.Line(id, interface=interface or id, **fields)


def branch(id: str = "modena", number: int = 1, **fields: Any) -> vpn.Branch:
    """A branch with two lines and the network 10.20.NUMBER.0/24."""
    fields = {
        "lan": vpn.Lan(f"10.20.{number}.0/24", f"10.20.{number}.1"),
        "lines": (line("wan1", priority=10), line("wan2", priority=20, kind="radio")),
        **fields,
    }
    return vpn.Branch(id, number, **fields)


def state(*branches: vpn.Branch, **fields: Any) -> vpn.State:
    """The VPN of these branches, reached at 203.0.113.1."""
    return vpn.State(**{"addresses": ("203.0.113.1",), "branches": branches, **fields})


def company(vpn_state: vpn.State) -> SystemState:
    """A company with a site for each branch."""
    sites = (Site("main", "Sede"), *(Site(each.id, each.id.title()) for each in vpn_state.branches))
    return registry.empty_state().replaced(organisation=Organisation(sites=sites), vpn=vpn_state)


def profile(made: vpn.State, **material: Any) -> RouterProfile:
    """The profile of the first branch's router."""
    known = registry.references(company(made))
    fields = {name: getattr(MATERIAL, name) for name in MATERIAL.__slots__}
    return branch_profile.build(
        made, made.branches[0], known, branch_profile.Material(**{**fields, **material})
    )
