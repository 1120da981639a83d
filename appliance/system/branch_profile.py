"""Writes a branch router's profile: a pure function of the state and of what the machine
has made for this router."""

from __future__ import annotations

import math
from dataclasses import dataclass

from appliance.branches.bandwidth import Call
from appliance.state.fields import Secret
from appliance.state.references import References
from appliance.system import vpn
from failover_router import router_profile


@dataclass(frozen=True, slots=True)
class Material:
    """What the machine has made for one router.

    `generation` counts the routers that the branch has had. Certificate, key, authority and
    tls-crypt-v2 key are PEM texts. `probe_key` signs the probes, `portal_key` what is said at
    the door `portal`. `phones` are the makers whose phones DHCP recognises, `option_43` what
    is told to all others that read it there.
    """

    generation: int
    authority: str
    certificate: str
    key: Secret
    tls_crypt_v2: Secret
    probe_key: Secret
    phones: tuple[router_profile.PhoneClass, ...] = ()
    provisioning_url: str = ""
    option_43: str = ""
    portal: str = ""
    portal_key: Secret = Secret("")  # noqa: RUF009 - immutable


def build(
    state: vpn.State, branch: vpn.Branch, known: References, material: Material
) -> router_profile.RouterProfile:
    """The profile of the branch's router; ProfileError when `material` is no such thing."""
    made = router_profile.RouterProfile(
        schema=router_profile.SCHEMA,
        site=branch.id,
        label=known.label("site", branch.id),
        identity=router_profile.Identity(branch.identity, material.generation),
        mode=branch.mode,
        server=_server(state, branch, material),
        vpn=router_profile.Vpn(
            authority=material.authority,
            certificate=material.certificate,
            key=material.key.reveal(),
            tls_crypt_v2=material.tls_crypt_v2.reveal(),
            addresses=tuple(state.tunnel_address(branch, each) for each in _two(branch)),
        ),
        lan=_lan(state, branch, material),
        lines=tuple(_line(line) for line in branch.lines),
        policy=_policy(branch.policy),
        routes=_routes(state, branch),
        borrow_kbits=branch.borrow_kbits,
        voice_kbits=math.ceil(branch.calls * Call(branch.codec).kbits),
        portal=material.portal,
        portal_key=material.portal_key.reveal(),
    )
    return router_profile.read(router_profile.write(made))


def _two(branch: vpn.Branch) -> tuple[int, int]:
    """The branch's tunnels; a router that has one only is told it twice."""
    first, *others = branch.tunnels
    return first, others[0] if others else first


def _server(state: vpn.State, branch: vpn.Branch, material: Material) -> router_profile.Server:
    return router_profile.Server(
        addresses=state.addresses,
        ports=tuple(state.port_of(each) for each in _two(branch)),
        probe_port=state.probe_port,
        inner_address=state.inner_address,
        tunnel_gateways=tuple(state.gateway(each) for each in _two(branch)),
        probe_key=material.probe_key.reveal(),
    )


def _lan(state: vpn.State, branch: vpn.Branch, material: Material) -> router_profile.Lan:
    """Phones ask the router for time and names: it answers when all lines are gone, too."""
    return router_profile.Lan(
        interface=branch.lan.interface,
        network=branch.lan.network,
        address=branch.lan.address,
        networks=branch.lan.networks,
        dhcp_first=branch.lan.dhcp_first,
        dhcp_last=branch.lan.dhcp_last,
        lease_s=86_400,
        provisioning_url=material.provisioning_url,
        option_43=material.option_43,
        phones=material.phones,
        ntp=(branch.lan.address, state.inner_address),
        dns=(branch.lan.address,),
    )


def _line(line: vpn.Line) -> router_profile.Line:
    return router_profile.Line(
        name=line.id,
        label=line.label,
        kind=line.kind,
        carries=line.carries,
        interface=line.interface,
        addressing=line.addressing,
        address=line.address,
        gateway=line.gateway,
        user=line.user,
        password=line.password.reveal(),
        access_point=line.access_point,
        pin=line.pin.reveal(),
        up_kbits=line.up_kbits,
        down_kbits=line.down_kbits,
        priority=line.priority,
        metered=line.metered,
        monthly_cap_mb=line.monthly_cap_mb,
    )


def _policy(policy: vpn.LinePolicy) -> router_profile.Policy:
    return router_profile.Policy(
        probe_ms=policy.probe_ms,
        idle_probe_ms=policy.idle_probe_ms,
        lost_in_row=policy.lost_in_row,
        window=policy.window,
        loss_percent=policy.loss_percent,
        late_ms=policy.late_ms,
        clean_s=policy.clean_s,
        longest_hold_s=policy.longest_hold_s,
    )


def _routes(state: vpn.State, branch: vpn.Branch) -> tuple[str, ...]:
    """Networks of the branches that this one may reach, since both are let."""
    if not branch.reaches_branches:
        return ()
    others = (each for each in state.active if each.reaches_branches and each.id != branch.id)
    return tuple(network for each in others for network in each.lan.networks)
