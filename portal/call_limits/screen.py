"""The page of limits on calls abroad, and of what the system itself may call."""

from __future__ import annotations

from appliance.services.classes_of_service import State
from portal.core.forms import Choice, Number, StateForm
from portal.core.i18n import _l
from portal.core.screens import choices
from portal.core.settings_screens import SettingsScreen


class LimitsForm(StateForm):
    parts = {"": State}  # noqa: RUF012

    foreign_calls_per_extension = Number(
        _l("Calls abroad of one extension"),
        hint=_l("At the same time. A stolen password cannot use more than these."),
    )
    foreign_calls_in_all = Number(_l("Calls abroad of the company"), hint=_l("At the same time."))
    system_class = Choice(
        _l("Class of the system itself"),
        lambda: choices("class_of_service"),
        hint=_l("What groups and inbound routes may call when they send a call outside."),
    )


class CallLimits(SettingsScreen):
    name, service = "call_limits", "classes_of_service"
    form = LimitsForm
    title = _l("Limits on calls")
    lead = _l("How much a thief could do with one password, whatever the classes allow.")
    icon = "user-shield"
    section = "lines"


SCREEN = CallLimits()
