"""The screen of the company's settings; its sites have a list of their own."""

from __future__ import annotations

from appliance.services.organisation import State
from portal.core.forms import LANGUAGE_CHOICES, Choice, StateForm, Text
from portal.core.i18n import _l
from portal.core.settings_screens import SettingsScreen

COUNTRIES = (("IT", _l("Italy")),)
"""The countries whose numbering the engine knows."""


class CompanyForm(StateForm):
    parts = {"": State}  # noqa: RUF012

    name = Text(_l("Name of the company"))
    country = Choice(
        _l("Country"), COUNTRIES, hint=_l("Decides how numbers are read and what is an emergency.")
    )
    language = Choice(
        _l("Language of announcements"),
        LANGUAGE_CHOICES,
        hint=_l("For callers from outside and wherever a person has no other."),
    )
    time_zone = Text(_l("Time zone"), hint=_l("For example Europe/Rome."))
    phone_host = Text(
        _l("Name or address for telephones"),
        hint=_l("By which telephones reach this machine. Empty: the address that it has."),
    )


class Company(SettingsScreen):
    name = "company"
    service = "organisation"
    form = CompanyForm
    title = _l("Company")
    icon = "building-factory-2"


SCREEN = Company()
