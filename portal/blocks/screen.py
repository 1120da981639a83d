"""Networks that somebody has shut out by hand."""

from __future__ import annotations

import ipaddress

from appliance.system.bans import Block
from portal.core.forms import StateForm, Text
from portal.core.i18n import _, _l
from portal.core.screens import Column, Part, Record, Screen


def network(typed: str) -> str:
    """An address as the network of this one address; networks as they are typed."""
    try:
        return str(ipaddress.ip_network(typed.strip(), strict=False))
    except ValueError:
        return typed.strip()


class BlockForm(StateForm):
    parts = {"": Block}  # noqa: RUF012

    network = Text(
        _l("Address or network"),
        hint=_l("Such as 203.0.113.7 or 203.0.113.0/24. Your own networks, branches and carriers "
                "are refused."),
        clean=network,
    )  # fmt: skip
    reason = Text(_l("Reason"), hint=_l("For whoever reads the list in a year."))
    until = Text(_l("Until"), hint=_l("Last day, such as 2026-12-31. Empty: for good."))


def _until(record: Record) -> str:
    return str(record.objects[""].until) or _("for good")


class Blocks(Screen):
    name = "blocks"
    kind = "block"
    parts = {"": Part("bans", "blocks")}  # noqa: RUF012
    form = BlockForm
    columns = (
        Column("network", _l("Address or network"), main=True),
        Column("reason", _l("Reason")),
        Column("until", _l("Until"), show=_until),
    )
    title = _l("Blocked by hand")
    noun = _l("block")
    add_label = _l("Block a network")
    empty = _l("Nobody is blocked by hand.")
    lead = _l("These reach nothing at all. Your other machines take them over where “Shared bans” "
              "names this one.")  # fmt: skip
    icon = "shield"
    section = "machine"
    match = ("network",)


SCREEN = Blocks()
