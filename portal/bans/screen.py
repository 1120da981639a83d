"""The screen of bans: after how many wrong guesses, and for how long."""

from __future__ import annotations

from appliance.system.bans import State
from portal.core.forms import Duration, Number, StateForm
from portal.core.i18n import _l
from portal.core.settings_screens import SettingsScreen


class BansForm(StateForm):
    parts = {"": State}  # noqa: RUF012

    tries = Number(_l("Wrong guesses"), hint=_l("So many within the time below, and it is banned."))
    within_s = Duration(_l("Within"))
    ban_s = Duration(_l("First ban"), hint=_l("Twice as long each time after."))
    longest_s = Duration(_l("Longest ban"))


class Bans(SettingsScreen):
    name = service = "bans"
    form = BansForm
    title = _l("Rules for bans")
    lead = _l("Who guesses passwords of telephones, of the portal or of telephones' files is shut "
              "out. Your own networks, branches and carriers never are.")  # fmt: skip
    icon = "adjustments"
    section = "machine"


SCREEN = Bans()
