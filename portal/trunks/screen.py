"""The screen of lines to carriers, each with how it is right now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import has_request_context, request
from markupsafe import Markup

from appliance.services.trunk_shapes import TrunkShape, shapes
from appliance.services.trunks import Trunk
from portal.core.choosing import Several
from portal.core.forms import Choice, Duration, Hidden, Lines, Number, StateForm, Switch, Text
from portal.core.i18n import _, _l
from portal.core.outside_numbers import e164
from portal.core.screens import Column, Part, Record, Screen, slug
from portal.trunks import views

KINDS = (
    ("registration", _l("We register with user and password")),
    ("address", _l("The carrier knows our address")),
)
TRANSPORTS = (("udp", "UDP"), ("tcp", "TCP"), ("tls", _l("TLS, encrypted")))
FORMATS = (
    ("plus", _l("International with + (+39 0522 …)")),
    ("plain", _l("International without + (39 0522 …)")),
    ("zeros", _l("International with 00 (0039 0522 …)")),
    ("national", _l("National (0522 …)")),
)
CODECS = (
    ("alaw", "G.711 A-law"),
    ("ulaw", "G.711 µ-law"),
    ("g722", "G.722 HD"),
    ("gsm", "GSM"),
    ("opus", "Opus"),
)
DID_PLACES = (
    ("request", _l("in the request")),
    ("to", _l("in the To header")),
    ("called_party", "P-Called-Party-ID"),
)
PRESENTATIONS = (
    ("from", _l("in the From header")),
    ("asserted", "P-Asserted-Identity"),
    ("preferred", "P-Preferred-Identity"),
)
FORWARDED = (
    ("own", _l("the number of who forwards")),
    ("original", _l("the original caller's, with a Diversion header")),
)
TONES = (
    ("rfc4733", "RFC 4733"),
    ("inband", _l("as sounds")),
    ("info", "SIP INFO"),
    ("auto", _l("as the other side wants")),
)


def chosen_shape() -> TrunkShape | None:
    """The carrier that the address of the page names."""
    return shapes().get(request.args.get("carrier", "")) if has_request_context() else None


class TrunkForm(StateForm):
    parts = {"": Trunk}  # noqa: RUF012

    label = Text(_l("Name"), hint=_l("For example: TIM, main line."))
    enabled = Switch(_l("In use"))
    kind = Choice(_l("How the carrier knows us"), KINDS)
    host = Text(_l("Server"), hint=_l("Name or address from the carrier's letter."))
    port = Number(_l("Port"), hint=_l("0: the usual one."))
    transport = Choice(_l("Transport"), TRANSPORTS)
    encrypt_media = Switch(_l("Encrypt the voice (SRTP)"), hint=_l("Only with TLS."))
    user = Text(_l("User"))
    auth_user = Text(_l("Authentication user"), hint=_l("Only where it differs from the user."))
    password = Hidden(_l("Password"))
    domain = Text(_l("Domain"), hint=_l("Only where it differs from the server."))
    outbound_proxy = Text(_l("Proxy"), hint=_l("Only where the carrier names one."))
    outbound_proxy_port = Number(_l("Port of the proxy"), hint=_l("0: the usual one."))
    addresses = Lines(
        _l("Addresses that its calls come from"),
        hint=_l("One address or network a line, e.g. 203.0.113.0/28. The firewall opens for them."),
    )
    number = Text(
        _l("Main number"),
        clean=e164,
        hint=_l("Shown for callers who have no number of their own on this line."),
    )
    presents_all = Switch(_l("May show every number of the company"))
    max_calls = Number(_l("Calls at a time"), hint=_l("As in the contract; 0: no limit."))
    priority = Number(_l("Priority"), hint=_l("Lines with a lower number are tried first."))
    qualify_s = Number(
        _l("Asked whether it is alive every"),
        unit=_l("seconds"),
        hint=_l("A line that died is passed over after this time and 2 seconds more; 0: never."),
    )
    register_s = Duration(_l("Registers anew every"))
    number_format = Choice(_l("Called numbers are sent"), FORMATS)
    caller_format = Choice(_l("Callers' numbers are sent"), FORMATS)
    received_format = Choice(_l("Numbers arrive"), FORMATS)
    did_from = Choice(_l("The called number stands"), DID_PLACES)
    presentation = Choice(_l("The caller's number stands"), PRESENTATIONS)
    forwarded = Choice(_l("Forwarded calls show"), FORWARDED)
    codecs = Several(_l("Codecs"), CODECS)
    dtmf = Choice(_l("Keys during calls are sent"), TONES)

    def _shown(self) -> dict[str, Any]:
        """A new line begins as its carrier publishes."""
        shape = None if self.before else chosen_shape()
        known = dict(shape.fields) if shape else {}
        label = {"label": shape.label} if shape and not shape.id.count("-") else {}
        return {**super()._shown(), **label, **known}


def _live(record: Record) -> Any:
    """Filled in by the script that follows the live hub."""
    if not record.objects[""].enabled:
        return Markup('<span class="badge bg-secondary-lt">{}</span>').format(_("off"))
    cell = (
        '<span data-live-key="trunks/{}" data-up="{}" data-down="{}" data-registered="{}" '
        'data-trying="{}" data-refused="{}" data-none="{}">–</span>'
    )
    words = (_("answers"), _("does not answer"), _("registered"), _("registering …"))
    words += (_("refused"), _("not registered"))
    return Markup(cell).format(record.id, *words)  # noqa: S704 - our own text, words escaped


class Trunks(Screen):
    name = "trunks"
    kind = "trunk"
    parts = {"": Part("trunks", "trunks")}  # noqa: RUF012
    form = TrunkForm
    columns = (
        Column("label", _l("Name"), main=True),
        Column("state", _l("Right now"), show=_live, sort=False),
        Column("host", _l("Server"), narrow=False),
        Column("number", _l("Main number")),
        Column("priority", _l("Priority"), narrow=False),
    )
    title = _l("Lines")
    noun = _l("line")
    add_label = _l("Add a line")
    lead = _l("The ways outside. Calls try them by priority and pass over one that is down.")
    empty = _l("No line to the outside yet. Have the carrier's letter at hand and add the first.")
    icon = "route"
    section = "lines"
    bulk = ("enabled", "priority", "qualify_s")
    match = ("label",)
    presets = {"operator": ("view",)}  # noqa: RUF012
    list_template = "trunks/list.html"
    edit_template = "trunks/edit.html"
    live = True
    details = frozenset(
        {"auth_user", "domain", "outbound_proxy", "outbound_proxy_port", "qualify_s", "register_s"}
        | {"number_format", "caller_format", "received_format", "did_from", "presentation"}
        | {"forwarded", "codecs", "dtmf", "encrypt_media", "presents_all"}
    )
    """Fields that most carriers' letters do not speak of; the page folds them away."""

    def wanted_id(self, part: str, held: Any) -> str:
        """Lines are named after what they are called: a number may change."""
        return slug(held.label) or super().wanted_id(part, held)

    def now(self, record: Record) -> dict[str, Any] | None:
        """How the line is; None when nobody can tell."""
        return views.now(record.id)

    def said(self, state: dict[str, Any]) -> str:
        return views.said(state)

    def carriers(self) -> Mapping[str, TrunkShape]:
        """What a new line can begin with."""
        return shapes()

    def carrier(self) -> TrunkShape | None:
        return chosen_shape()


SCREEN = Trunks()
