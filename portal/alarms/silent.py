"""Calls in which somebody was not heard, or did not hear, in words."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Any

from portal.core.engine import engine, running_state, status
from portal.core.i18n import _l
from portal.core.permissions import access

WHY = {
    "nat": (
        _l("The telephone is behind an address translation that does not let its sound pass."),
        _l("In its router switch off SIP ALG and allow UDP towards this machine, or connect the "
           "site by VPN."),
    ),
    "blocked": (
        _l("Something between the telephone and this machine drops its sound."),
        _l("Check the firewalls on the way: they must pass the UDP ports of calls. If nothing "
           "blocks them, restart the telephone."),
    ),
    "tunnel": (
        _l("The telephone's sound does not come through the tunnel of its site."),
        _l("Check that the branch's router follows the newest profile, and that the telephone is "
           "in the network of the branch."),
    ),
    "stopped": (
        _l("The sound stopped in the middle of the call."),
        _l("Check the telephone's cable or Wi-Fi and the line of its site."),
    ),
    "carrier": (
        _l("The carrier sends no sound."),
        _l("Check that the internet router passes the UDP ports of calls on to this machine; then "
           "ask the carrier, with the time of the call."),
    ),
    "deaf-nat": (
        _l("The telephone does not hear: it is behind an address translation that does not let "
           "sound in."),
        _l("In its router switch off SIP ALG and allow UDP from and to this machine, or connect "
           "the site by VPN."),
    ),
    "deaf-blocked": (
        _l("The telephone does not hear: something between this machine and it drops the sound."),
        _l("Check the firewalls on the way: they must pass the UDP ports of calls towards the "
           "telephone too. If nothing blocks them, restart the telephone."),
    ),
    "deaf-tunnel": (
        _l("The telephone does not hear: the sound for it does not come through the tunnel of its "
           "site."),
        _l("Check that the branch's router follows the newest profile, and that the telephone is "
           "in the network of the branch."),
    ),
    "deaf-stopped": (
        _l("The telephone stopped hearing in the middle of the call."),
        _l("Check the telephone's cable or Wi-Fi and the line of its site."),
    ),
    "deaf-carrier": (
        _l("Our sound stopped reaching the carrier."),
        _l("Check the internet line and its router; then ask the carrier, with the time of the "
           "call."),
    ),
}  # fmt: skip
"""Why nothing is heard, or (`deaf-…`) nothing arrives -> the probable reason, and what to do
(`docs/live.md`)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One call in which somebody was not heard, or was `deaf`. `until` is None while it lasts."""

    who: str
    deaf: bool
    others: str
    call: str
    reason: Any
    advice: Any
    began: datetime.datetime
    until: datetime.datetime | None
    seconds: int


def rows() -> list[Row]:
    """All that are kept, the newest first. EngineUnreachable, EngineError."""
    found = engine().call_sound()
    labels, branches = trunk_labels(), branch_sites()
    return [_row(each, labels, branches, found["at"]) for each in found["silences"]]


def trunk_labels() -> dict[str, str]:
    """Id -> label of the lines in force."""
    return {trunk.id: trunk.label for trunk in _state()["trunks"].trunks}


def branch_sites() -> list[str]:
    """The sites that are connected by tunnel."""
    return [branch.id for branch in _state()["vpn"].active]


def _state() -> Any:
    return running_state((status() or {}).get("current", 0))


def _row(each: dict[str, Any], labels: dict[str, str], branches: list[str], at: int) -> Row:
    never = each["why"] in ("nat", "blocked")
    why = "tunnel" if never and each["site"] in branches else each["why"]
    reason, advice = WHY[f"deaf-{why}" if each["deaf"] else why]
    named = f"{each['number']} {each['name']}".strip()
    if each["trunk"]:
        named = f"{labels.get(each['trunk'], each['trunk'])} ({named})"
    until = each["until"]
    return Row(
        who=_shown(named),
        deaf=each["deaf"],
        others=_shown(", ".join(each["others"])),
        call=each["call"],
        reason=reason,
        advice=advice,
        began=datetime.datetime.fromtimestamp(each["began"], datetime.UTC),
        until=datetime.datetime.fromtimestamp(until, datetime.UTC) if until else None,
        seconds=max(0, (until or at) - each["began"]),
    )


_OUTSIDE = re.compile(r"\+?[0-9]{7,}")


def _shown(text: str) -> str:
    """With outside numbers masked for those who do not see the whole company, as in the live
    view."""
    if access().everything:
        return text
    return _OUTSIDE.sub(lambda found: f"{found[0][:-4]}••••", text)
