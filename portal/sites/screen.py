"""The screen of sites."""

from __future__ import annotations

from appliance.services.organisation import Site
from portal.core import draft
from portal.core.draft import Edit
from portal.core.forms import StateForm, Text
from portal.core.i18n import _l
from portal.core.screens import Column, Part, Record, Screen
from portal.core.shapes import Place


class SiteForm(StateForm):
    parts = {"": Site}  # noqa: RUF012

    name = Text(_l("Name"))
    address = Text(_l("Address"), hint=_l("Told to the emergency services."))
    number = Text(
        _l("Outside number"),
        hint=_l("Seen by the emergency services, who call it back, whoever dials: +390522…"),
    )
    time_zone = Text(_l("Time zone"), hint=_l("For example Europe/Rome."))


class Sites(Screen):
    name = "sites"
    kind = "site"
    parts = {"": Part("organisation", "sites")}  # noqa: RUF012
    form = SiteForm
    columns = (
        Column("name", _l("Name"), main=True),
        Column("address", _l("Address")),
        Column("number", _l("Outside number"), narrow=False),
        Column("time_zone", _l("Time zone"), narrow=False),
    )
    title = _l("Sites")
    noun = _l("site")
    add_label = _l("Add a site")
    empty = _l("No site yet. Every person and telephone belongs to one: add the first.")
    icon = "building"
    match = ("name",)
    presets = {"hr": ("view",)}  # noqa: RUF012

    def removal(self, record: Record) -> list[Edit]:
        """A site goes together with what its telephones share."""
        shared = Place("provisioning", "sites", record.id)
        more = [Edit(shared, None)] if draft.find(shared) else []
        return [*super().removal(record), *more]


SCREEN = Sites()
