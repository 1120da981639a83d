"""One form for a person and the person's extension: that is how an office thinks of both."""

from __future__ import annotations

from appliance.services.extensions import Extension
from appliance.services.users import User
from portal.core.forms import LANGUAGE_CHOICES, Choice, Number, StateForm, Text, defaults
from portal.core.i18n import _l
from portal.core.screens import choices


class PersonForm(StateForm):
    """A person; with a number there is an extension too."""

    parts = {"user": User, "extension": Extension}  # noqa: RUF012
    optional = {"extension": "number"}  # noqa: RUF012

    first_name = Text(_l("First name"), part="user")
    last_name = Text(_l("Last name"), part="user")
    number = Text(
        _l("Extension"),
        part="extension",
        hint=_l("2 to 8 digits. Leave it empty for somebody without a telephone."),
    )
    email = Text(_l("E-mail"), part="user", hint=_l("Voicemail and notices are sent here."))
    department = Text(_l("Department"), part="user")
    site = Choice(_l("Site"), lambda: choices("site"), part="user")
    language = Choice(
        _l("Language"), LANGUAGE_CHOICES, part="user", hint=_l("Announcements, mails and menus.")
    )
    ring_time_s = Number(
        _l("Ring time"),
        part="extension",
        unit=_l("seconds"),
        hint=_l("How long a call rings before it counts as not answered."),
    )
    class_of_service = Choice(
        _l("Class of service"),
        lambda: choices("class_of_service"),
        part="extension",
        empty=defaults(Extension)["class_of_service"],
        hint=_l("Whom the extension may call outside."),
    )
