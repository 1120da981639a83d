"""The screen of what a site's telephones share: it exists once a site has a telephone."""

from __future__ import annotations

from appliance.services.provisioning import SitePhones
from portal.core.forms import Hidden, Lines, StateForm, Text
from portal.core.i18n import _l
from portal.core.pages import name_of
from portal.core.screens import Column, Part, Record, Screen


class PhoneSiteForm(StateForm):
    parts = {"": SitePhones}  # noqa: RUF012

    networks = Lines(
        _l("Networks of telephones"),
        hint=_l("Where DHCP sends new telephones here without a code, e.g. 10.20.1.0/24."),
    )
    ntp_server = Text(_l("Time server"), hint=_l("Empty: this machine."))
    web_password = Hidden(_l("Password of telephones' web pages"))


class PhoneSites(Screen):
    name = "phone_sites"
    kind = "phone_site"
    parts = {"": Part("provisioning", "sites")}  # noqa: RUF012
    form = PhoneSiteForm
    columns = (
        Column("id", _l("Site"), kind="site", sort=False, main=True),
        Column("networks", _l("Networks"), show=lambda r: ", ".join(r.objects[""].networks)),
        Column("ntp_server", _l("Time server"), narrow=False),
    )
    title = _l("Telephones by site")
    noun = _l("telephones of a site")
    add_label = _l("Add a site")
    empty = _l("Nothing yet: a site appears here with its first telephone.")
    icon = "adjustments"
    can_add = False

    def label(self, record: Record) -> str:
        """Called as the site is."""
        return name_of("site", record.id) or record.id


SCREEN = PhoneSites()
