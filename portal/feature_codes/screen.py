"""The screen of codes: what people dial and press, the same on every telephone."""

from __future__ import annotations

from appliance.services.feature_codes import State
from portal.core.forms import StateForm, Text
from portal.core.i18n import _l
from portal.core.settings_screens import SettingsScreen


class CodesForm(StateForm):
    parts = {"": State}  # noqa: RUF012

    group_pickup = Text(
        _l("Take a call of the group"),
        hint=_l("Takes a call that rings at somebody of one's own pickup groups."),
    )
    directed_pickup = Text(
        _l("Take the call of a number"),
        hint=_l("Dialled in front of the extension that rings, e.g. **215. Keys use it too."),
    )
    own_voicemail = Text(
        _l("Own voicemail"), hint=_l("Opens the box of the telephone that dials it.")
    )
    voicemail = Text(
        _l("Voicemail from another telephone"), hint=_l("Asks for the extension and its PIN.")
    )
    park = Text(
        _l("Park a call"), hint=_l("Kept free for parking: nothing else can have this code.")
    )
    blind_transfer = Text(
        _l("Transfer at once"),
        hint=_l("Pressed during a call, then the number. Empty: only the telephone's own key."),
    )
    attended_transfer = Text(
        _l("Transfer after asking"),
        hint=_l("Pressed during a call, then the number. Empty: only the telephone's own key."),
    )


class FeatureCodes(SettingsScreen):
    name = service = "feature_codes"
    form = CodesForm
    title = _l("Codes")
    lead = _l(
        "What people dial or press during a call. Telephones and the exchange follow the same "
        "setting: after a change, telephones fetch their new keys by themselves."
    )
    icon = "hash"
    section = "calls"
    presets = {"operator": ("view",)}  # noqa: RUF012


SCREEN = FeatureCodes()
