"""A branch on MikroTik RouterOS 7, as a script that can be run again.

Sources: RouterOS manual (OVPN, Netwatch, Scripting, IP routing, DHCP). RouterOS wants a user name
and a password beside the certificate and has no tls-crypt-v2, so the appliance opens a
port for it that asks for the certificate alone (decision 74). Its OpenVPN client speaks UDP
reliably from 7.16 on.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.branches.made import Made, prefix_length, said
from appliance.render import escape
from appliance.render.environments import render
from failover_router.router_profile import Line, RouterProfile

LIMITS = (
    (
        said("Leaves a silent line after 0.3 to 0.4 s"),
        said("1.5 to 3 s, worked out from its timers and not measured"),
    ),
    (
        said("Sees loss and delay, not only silence"),
        said("Loss of five probes a second; delay is not looked at"),
    ),
    (
        said("Protected voice: every packet over two lines, nothing lost"),
        said("One tunnel that moves, whatever the profile says"),
    ),
    (
        said("The door to the tunnel answers nobody without the router's key (tls-crypt)"),
        said(
            "RouterOS has no tls-crypt-v2: its port answers everybody, and asks for a certificate"
        ),
    ),
    (
        said("Sets up PPPoE and mobile modems"),
        said("Those must be set up by hand before the script is run"),
    ),
    (
        said("A cap on lines paid by volume; a line that flaps waits longer each time"),
        said("No cap, and a fixed time before a line is taken back"),
    ),
    (
        said("Reports quality, runs drills, fetches new profiles by itself"),
        said("None of it: each change needs a new file, and the portal does not see its lines"),
    ),
    (
        said("Makes its own key, which never leaves it"),
        said("The key is in the file that is handed over"),
    ),
)
"""What our router does, and what RouterOS with this script does in its place."""

SMALLEST_PROBE = 101
"""Bytes of the first line's probes; each further line has one more, which tells them apart."""

LOSS_PERCENT = 60
"""Three of the five probes of a second."""


@dataclass(frozen=True, slots=True)
class _Wan:
    """A line as RouterOS sees it: its routing table, the distance of its default route, the size
    of its probes, and what is done when DHCP has given it an address."""

    of: Line
    table: str
    distance: int
    size: int
    bound: str


def script(profile: RouterProfile) -> Made:
    """The whole script."""
    name = f"{profile.site}.rsc"
    lines = _wans(profile)
    choose = render("routeros/choose.rsc.j2", escape.as_it_is, p=profile, lines=lines)
    papers = (
        ("branch-authority.crt", profile.vpn.authority),
        ("branch-router.crt", profile.vpn.certificate),
        ("branch-router.key", profile.vpn.key),
    )
    content = render(
        "routeros/branch.rsc.j2",
        escape.as_it_is,
        p=profile,
        name=name,
        lines=lines,
        papers=papers,
        choose=choose.decode(),
        port=profile.server.ports[0],
        prefix=prefix_length(profile.lan.network),
        loss=LOSS_PERCENT,
    )
    return Made(name, content, "text/plain; charset=utf-8")


def _wans(profile: RouterProfile) -> list[_Wan]:
    """The lines in order of preference, those that telephony uses first."""
    ordered = sorted(profile.lines, key=lambda line: (line.carries == "data", line.priority))
    return [
        _Wan(
            line,
            f"branch-{line.name}",
            1 if index == 0 else 10 + 10 * (index + 1),
            SMALLEST_PROBE + index,
            _bound(line),
        )
        for index, line in enumerate(ordered)
    ]


def _bound(line: Line) -> str:
    """The DHCP client's script: both routes of the line follow its gateway."""
    gateway = f'($"gateway-address" . "%" . {escape.routeros_text(line.interface)})'
    commands = [
        f"/ip/route set [find comment={escape.routeros_text(f'branch: {kind} {line.name}')}] "
        f"gateway={gateway}"
        for kind in ("default", "probe")
    ]
    return ":if ($bound=1) do={ " + "; ".join(commands) + " }"
