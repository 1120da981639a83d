"""What states, causes and kinds are called on the pages of branches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portal.core.i18n import _l

KINDS: Mapping[str, Any] = {
    "fibre": _l("Fibre"),
    "radio": _l("Radio"),
    "4g": _l("4G"),
    "other": _l("Other"),
}

CARRIES: Mapping[str, Any] = {
    "voice": _l("Telephony"),
    "data": _l("Data; telephony when nothing else is left"),
    "both": _l("Telephony and data"),
}

ADDRESSING: Mapping[str, Any] = {
    "dhcp": _l("Automatic (DHCP)"),
    "static": _l("Fixed address"),
    "pppoe": _l("PPPoE"),
    "modem": _l("Mobile modem"),
}

ROUTERS: Mapping[str, Any] = {
    "own": _l("Our router, or OpenWrt"),
    "routeros": _l("MikroTik RouterOS 7"),
}

MODES: Mapping[str, Any] = {
    "floating": _l("One tunnel that moves"),
    "protected": _l("Protected voice over two lines"),
}

LINE_STATES: Mapping[str, tuple[Any, str]] = {
    "good": (_l("Good"), "good"),
    "bad": (_l("Bad"), "warn"),
    "down": (_l("Down"), "bad"),
    "unknown": (_l("Not known"), "info"),
}

CAUSES: Mapping[str, Any] = {
    "start": _l("start of the router"),
    "link": _l("the cable was pulled or the line's device is off"),
    "lost": _l("no answer through the line"),
    "loss": _l("too many packets lost"),
    "late": _l("packets came too late"),
    "returned": _l("the preferred line is good again"),
    "cap": _l("the month's volume is used up"),
    "drill": _l("a drill"),
    "manual": _l("by hand"),
}

DRILL_STATES: Mapping[str, Any] = {
    "planned": _l("Waits for the router"),
    "waiting": _l("Waits for the other line"),
    "running": _l("The line is cut"),
    "stopping": _l("Is being ended"),
    "done": _l("Carried out"),
    "aborted": _l("Aborted"),
    "refused": _l("Refused by the router"),
    "missed": _l("Not begun: the router did not ask in time"),
}

DRILL_WHY: Mapping[str, Any] = {
    "emergency": _l("Somebody called an emergency number."),
    "other_line_bad": _l("The other line was not good."),
    "only_line": _l("There is no other line."),
    "unknown_line": _l("The router does not know this line."),
    "told": _l("Somebody ended it."),
    "restart": _l("The router started again."),
}

DELIVERY: Mapping[str, Any] = {
    "own": _l("Our router, by code"),
    "openwrt": _l("OpenWrt, by file"),
    "routeros": _l("RouterOS, by file"),
}

WEEKDAYS = (
    _l("Monday"),
    _l("Tuesday"),
    _l("Wednesday"),
    _l("Thursday"),
    _l("Friday"),
    _l("Saturday"),
    _l("Sunday"),
)
