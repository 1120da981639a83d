"""How the other machines are, in words."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from flask import g

from appliance.apply.client import EngineUnreachable
from portal.core.engine import engine
from portal.core.i18n import _, _l, _n
from portal.core.pages import moment

FAULTS = {
    "name": _l("No address is known for this name: check its spelling, and this machine's DNS."),
    "itself": _l("This address leads back to this machine: enter that of the other one."),
    "unreachable": _l("Nobody answers there: check address and port, whether it is on, and whether "
                      "it shuts this machine out."),
    "late": _l("It answers too slowly: check the internet connection of both."),
    "untrusted": _l("It presents another certificate than the one entered here: copy the right "
                    "one from its page “Shared bans”."),
    "other-name": _l("Its certificate is for another name: enter the address that stands in it."),
    "expired": _l("Its certificate is not valid today: renew it there, and check both clocks."),
    "token": _l("It does not know the token: make a new one there and enter it here."),
    "busy": _l("It cannot answer just now and is asked again. If it stays so, look at its page "
               "“Services”."),
    "stranger": _l("What answers there shares no list: check address and port, and whether that "
                   "machine is up to date."),
    "large": _l("Its list is longer than 1 MB and is not taken: see what is on it over there."),
    "unreadable": _l("Its list cannot be read: bring both machines to the same version."),
}  # fmt: skip
"""Why there was no list -> what to do about it."""

REFUSED = {
    "malformed": _l("%(count)d malformed"),
    "wide": _l("%(count)d too wide"),
    "private": _l("%(count)d private"),
    "ours": _l("%(count)d of ours"),
    "many": _l("%(count)d too many"),
}


def shared() -> dict[str, Any] | None:
    """What the engine says of the other machines, asked once for each request; None when it
    does not answer."""
    if "shared_bans" not in g:
        try:
            g.shared_bans = engine().peers()
        except EngineUnreachable:
            g.shared_bans = None
    return g.shared_bans


def state_of(id: str) -> dict[str, Any] | None:
    """How one machine is; None when it is not asked yet, or nobody can tell."""
    return next((each for each in (shared() or {}).get("peers", ()) if each["id"] == id), None)


def said(state: Mapping[str, Any] | None) -> str:
    """What is wrong with a machine, or that nothing is."""
    if shared() is None:
        return _("The engine does not answer.")
    if state is None:
        return _("Is asked once the changes are applied.")
    if state["fault"]:
        since = datetime.datetime.fromtimestamp(state["fault_at"], datetime.UTC)
        return _("since %(when)s: %(what)s", when=moment(since), what=FAULTS[state["fault"]])
    return _("answers") if state["heard_at"] else _("is asked within a minute")


def counted(state: Mapping[str, Any] | None) -> str:
    """How many entries of a machine count here, and how many do not and why."""
    if state is None:
        return "–"
    words = [_n("%(num)d entry", "%(num)d entries", state["entries"])]
    refused = state["refused"]
    if refused:
        reasons = (str(REFUSED[why]) % {"count": refused[why]} for why in REFUSED if why in refused)
        words.append(_("refused: %(reasons)s", reasons=", ".join(reasons)))
    return "; ".join(words)
