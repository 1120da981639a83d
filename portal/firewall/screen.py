"""The screen of the packet filter: networks by what they may do, and what follows from them."""

from __future__ import annotations

from appliance.system.firewall import State
from portal.core.forms import Lines, Number, StateForm, Switch
from portal.core.i18n import _l
from portal.core.settings_screens import SettingsScreen


class FirewallForm(StateForm):
    parts = {"": State}  # noqa: RUF012

    telephones = Lines(
        _l("Networks of telephones"),
        hint=_l("One a line, such as 10.20.1.0/24. Only from these, from branches and from "
                "carriers do telephones reach the exchange."),
    )  # fmt: skip
    fetching = Lines(
        _l("Telephones' files also from"),
        hint=_l("Further networks from which telephones fetch their files. Networks of telephones "
                "and branches always may."),
    )  # fmt: skip
    phones_at_home = Switch(
        _l("Phones at home"),
        hint=_l("Telephones fetch their files from everywhere. Whoever knows a telephone's secret "
                "address gets its password then."),
    )  # fmt: skip
    administration = Lines(
        _l("Networks of administrators"),
        hint=_l("From these SSH is reached. Empty: from nowhere; the portal needs no SSH."),
    )
    trusted = Lines(
        _l("Never banned"),
        hint=_l("For example the office's own address at its provider, as 198.51.100.4/32."),
    )
    blocked = Lines(_l("Blocked"), hint=_l("Networks that reach nothing at all."))
    sip_from_everywhere = Switch(
        _l("Telephones from everywhere"),
        hint=_l("Opens SIP to the whole internet. Machines that guess passwords come within "
                "minutes; a tunnel is better."),
    )  # fmt: skip
    known_per_second = Number(
        _l("SIP packets a second, networks of telephones"), hint=_l("For each address.")
    )
    strangers_per_second = Number(
        _l("SIP packets a second, everybody else"), hint=_l("Only where everybody is let in.")
    )
    web_per_second = Number(
        _l("New connections to the portal a second"), hint=_l("For each address.")
    )


class Firewall(SettingsScreen):
    name = service = "firewall"
    form = FirewallForm
    title = _l("Firewall")
    lead = _l("Who reaches what on this machine. A change goes back by itself after two minutes "
              "unless you confirm it, so that nobody locks themselves out.")  # fmt: skip
    icon = "shield"
    section = "machine"
    edit_template = "firewall/settings.html"


SCREEN = Firewall()
