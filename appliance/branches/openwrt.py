"""A branch on OpenWrt: UCI settings, an OpenVPN client, a prober as a procd service.

Sources: OpenWrt wiki (UCI, UCI defaults, procd, mwan3, OpenVPN client), mwan3's own configuration
documentation, uci(8). Both ways of OpenVPN are written, and the router takes the one that its
release has: the package's own file up to 24.10, an interface of netifd after it.
"""

from __future__ import annotations

import io
import ipaddress
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass

from appliance.branches.made import Made, said
from appliance.render import escape
from appliance.render.environments import render
from failover_router.router_profile import Line, RouterProfile

LIMITS = (
    (
        said("Leaves a silent line after 0.3 to 0.4 s"),
        said("About 0.5 s with fping, 2 to 4 s with mwan3 alone"),
    ),
    (
        said("Sees loss and delay, not only silence"),
        said("Silence only: a line that loses 30 % is kept"),
    ),
    (
        said("Protected voice: every packet over two lines, nothing lost"),
        said("One tunnel that moves, whatever the profile says"),
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
    (
        said("Telephony first; data borrows a part of the telephone line"),
        said("Lines are not shared out: add sqm-scripts for that"),
    ),
)
"""What our router does, and what OpenWrt with this file does in its place."""

END_OF_FILE = b"END_OF_FILE"
"""What ends each file inside the script."""

OVPN = "etc/openvpn/voice.ovpn"
PROBER = "usr/libexec/branch-prober"
SERVICE = "etc/init.d/branch-prober"
DEFAULTS = "etc/uci-defaults/99-branch"


@dataclass(frozen=True, slots=True)
class _Wan:
    """A line as UCI sees it: the name of its section, its metric and its rank by use."""

    of: Line
    section: str
    metric: int
    rank: Mapping[str, int]


def script(profile: RouterProfile) -> Made:
    """Everything as one script for /etc/uci-defaults."""
    return Made(f"{profile.site}-uci-defaults.sh", _defaults(profile), "text/x-shellscript")


def archive(profile: RouterProfile) -> Made:
    """The same script in an archive that `sysupgrade -r` unpacks and the next start runs."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.USTAR_FORMAT) as tar:
        content = _defaults(profile)
        entry = tarfile.TarInfo(DEFAULTS)
        entry.size, entry.mode = len(content), 0o700
        tar.addfile(entry, io.BytesIO(content))
    return Made(f"{profile.site}-sysupgrade.tar.gz", out.getvalue(), "application/gzip")


def parts(profile: RouterProfile) -> dict[str, bytes]:
    """The files that the script puts on the router, by their paths, and its UCI commands."""
    values = {"p": profile, "lines": _wans(profile), **_lan(profile)}
    values["period_ms"] = max(profile.policy.probe_ms, 50)
    return {
        "uci": _render("uci.j2", **values),
        OVPN: _render("client.ovpn.j2", **values),
        PROBER: _render("prober.sh.j2", **values),
        SERVICE: _render("service.sh.j2"),
    }


def _defaults(profile: RouterProfile) -> bytes:
    made = parts(profile)
    if any(END_OF_FILE in content.split(b"\n") for content in made.values()):
        raise escape.UnsafeValue("a line of a file would end it inside the script")
    modem = any(line.addressing == "modem" for line in profile.lines)
    return _render(
        "defaults.sh.j2",
        p=profile,
        modem=modem,
        **{
            name: made[path].decode()
            for name, path in (
                *(("uci", "uci"), ("ovpn", OVPN)),
                *(("prober", PROBER), ("service", SERVICE)),
            )
        },
    )


def _render(template: str, **values: object) -> bytes:
    return render(f"openwrt/{template}", escape.as_it_is, **values)


def _wans(profile: RouterProfile) -> list[_Wan]:
    """The lines in order of preference, those that telephony uses first for voice."""
    ordered = sorted(profile.lines, key=lambda line: (line.carries == "data", line.priority))
    data = sorted(profile.lines, key=lambda line: (line.carries == "voice", line.priority))
    return [
        _Wan(
            line,
            f"wan_{index}_{escape.uci_section(line.name)}"[:15].rstrip("_"),
            10 * index,
            {"voice": index, "data": data.index(line) + 1},
        )
        for index, line in enumerate(ordered, 1)
    ]


def _lan(profile: RouterProfile) -> dict[str, object]:
    """UCI counts the addresses for DHCP from the beginning of the network."""
    network = ipaddress.IPv4Network(profile.lan.network)
    values: dict[str, object] = {"mask": str(network.netmask), "dhcp_start": 0, "dhcp_limit": 0}
    if profile.lan.dhcp_first:
        first, last = map(
            int, map(ipaddress.IPv4Address, (profile.lan.dhcp_first, profile.lan.dhcp_last))
        )
        values["dhcp_start"] = first - int(network.network_address)
        values["dhcp_limit"] = last - first + 1
    return values
