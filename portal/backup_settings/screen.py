"""The screen of when backups are made and how many are kept."""

from __future__ import annotations

from appliance.services.backups import State
from portal.core.forms import Number, StateForm
from portal.core.i18n import _l
from portal.core.settings_screens import SettingsScreen


class BackupSettingsForm(StateForm):
    parts = {"": State}  # noqa: RUF012

    hour = Number(
        _l("Hour"),
        hint=_l("0 to 23, each night. A machine that is off then makes it when it is on again."),
    )
    keep = Number(
        _l("Kept on this machine"),
        unit=_l("backups"),
        hint=_l("The newest one that passed its rehearsal always stays."),
    )
    keep_days = Number(
        _l("Deleted when older than"),
        unit=_l("days"),
        hint=_l("0: whatever their age."),
    )


class BackupSettings(SettingsScreen):
    name = "backup_settings"
    service = "backups"
    form = BackupSettingsForm
    title = _l("Nightly backup")
    lead = _l("A backup holds everything: settings, secrets, voicemail, own music.")
    icon = "history"
    section = "backups"


SCREEN = BackupSettings()
