"""The screen of other machines whose blocks and bans count here too."""

from __future__ import annotations

import datetime
from typing import Any

from appliance.system.bans import PeerMachine
from portal.core.fields import Pem
from portal.core.forms import Hidden, Number, StateForm, Text
from portal.core.i18n import _l
from portal.core.pages import moment
from portal.core.screens import Column, Part, Record, Screen
from portal.peers import views, words


class PeerForm(StateForm):
    parts = {"": PeerMachine}  # noqa: RUF012

    name = Text(_l("Name"), hint=_l("For example: Modena."))
    address = Text(
        _l("Address"), hint=_l("As it stands in its certificate, such as pbx.example.com.")
    )
    port = Number(_l("Port"))
    certificate = Pem(
        _l("Certificate"),
        hint=_l("The other machine shows it with the token. Empty: a public authority has made "
                "its certificate."),
    )  # fmt: skip
    token = Hidden(_l("Token"), hint=_l("Made on the other machine, on this same page."))


def _heard(record: Record) -> str:
    state = words.state_of(record.id)
    if state is None or not state["heard_at"]:
        return "–"
    return moment(datetime.datetime.fromtimestamp(state["heard_at"], datetime.UTC))


def _entries(record: Record) -> str:
    return words.counted(words.state_of(record.id))


def _said(record: Record) -> str:
    return words.said(words.state_of(record.id))


class Peers(Screen):
    name = "peers"
    kind = "peer"
    parts = {"": Part("bans", "peers")}  # noqa: RUF012
    form = PeerForm
    columns = (
        Column("name", _l("Name"), main=True),
        Column("address", _l("Address"), narrow=False),
        Column("heard_at", _l("Last answer"), show=_heard, sort=False, narrow=False),
        Column("entries", _l("Shuts out"), show=_entries, sort=False, narrow=False),
        Column("fault", _l("Right now"), show=_said, sort=False),
    )
    title = _l("Shared bans")
    noun = _l("machine")
    add_label = _l("Add a machine")
    lead = _l("Whom your other machines block or ban is shut out here too, for as long as it is "
              "there. Your own networks, branches and carriers never are.")  # fmt: skip
    empty = _l("No other machine is asked. Make a token on it, on this same page, and add it here.")
    icon = "shield"
    section = "machine"
    match = ("name",)
    list_template = "peers/list.html"

    def readers(self) -> list[dict[str, Any]]:
        """The machines that may read the list of this one."""
        return views.readers()


SCREEN = Peers()
