"""The files for routers of other makers, and what each can do less than our own router."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from appliance.branches import openwrt, routeros
from appliance.branches.made import Made, said
from failover_router.router_profile import RouterProfile

FORMS: Mapping[str, Callable[[RouterProfile], Made]] = {
    "openwrt-script": openwrt.script,
    "openwrt-archive": openwrt.archive,
    "routeros": routeros.script,
}
"""Name of a form -> what makes it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """A maker's router beside ours. Texts are English and translated where they are shown; `kinds`
    are the forms of its file, `router` what the branch must be set to, `rows` what ours does and
    what this one does in its place."""

    title: str
    about: str
    kinds: tuple[tuple[str, str], ...]
    router: str
    rows: tuple[tuple[str, str], ...]


LIMITS = (
    Limits(
        "OpenWrt",
        said("For OpenWrt 23.05 and later. Made and checked here, not tried on a router."),
        (
            ("openwrt-script", said("Script for the first start")),
            ("openwrt-archive", said("Archive for sysupgrade")),
        ),
        "own",
        openwrt.LIMITS,
    ),
    Limits(
        "MikroTik RouterOS 7",
        said(
            "For RouterOS 7.16 and later, by a port of its own. The port is tested with OpenVPN "
            "set up as RouterOS is; the script is made and checked here, not tried on a router."
        ),
        (("routeros", said("Script (.rsc)")),),
        "routeros",
        routeros.LIMITS,
    ),
)
