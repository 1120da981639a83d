"""The screen of the mail server."""

from __future__ import annotations

from appliance.services.mail import State
from portal.core.forms import Choice, Hidden, Number, StateForm, Text
from portal.core.i18n import _l
from portal.core.settings_screens import SettingsScreen

SECURITY = (
    ("starttls", _l("STARTTLS, port 587")),
    ("tls", _l("TLS from the first byte, port 465")),
    ("none", _l("none: only in the same room")),
)


class MailForm(StateForm):
    parts = {"": State}  # noqa: RUF012

    server = Text(
        _l("Mail server"),
        hint=_l("For example smtp.example.com. Empty: no mail leaves this machine, it waits."),
    )
    port = Number(_l("Port"))
    security = Choice(_l("Encryption"), SECURITY)
    user = Text(_l("User"), hint=_l("Empty where the server asks for none."))
    password = Hidden(_l("Password"), erase=_l("Forget the password"))
    sender = Text(
        _l("Sender"),
        hint=_l("The address in “From”. Most servers take only addresses of their own domain."),
    )


class Mail(SettingsScreen):
    name = service = "mail"
    form = MailForm
    title = _l("Mail")
    lead = _l("Voicemail and notices leave through this server. The machine keeps what it cannot "
              "deliver and tries again for five days.")  # fmt: skip
    icon = "mail"
    edit_template = "mail/edit.html"


SCREEN = Mail()
