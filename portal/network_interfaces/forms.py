"""The fields that interfaces and VLANs share: how they get their addresses."""

from __future__ import annotations

from portal.core.forms import Choice, RowForm, Rows, Text
from portal.core.i18n import _l

WAYS_FOUR = (
    ("dhcp", _l("By DHCP")),
    ("static", _l("Fixed")),
    ("off", _l("None")),
)
WAYS_SIX = (
    ("automatic", _l("Automatic")),
    ("static", _l("Fixed")),
    ("off", _l("None")),
)


class RouteForm(RowForm):
    key = ("network", "gateway")
    csv = ("network", "gateway")

    network = Text(_l("Network"))
    gateway = Text(_l("Gateway"))


def ipv4() -> Choice:
    return Choice(_l("IPv4"), WAYS_FOUR)


def address() -> Text:
    return Text(
        _l("IPv4 address"),
        hint=_l("With the length of its prefix, such as 192.0.2.10/24. Only where it is fixed."),
    )


def gateway() -> Text:
    return Text(_l("IPv4 gateway"), hint=_l("The way to everywhere else. On one interface only."))


def ipv6() -> Choice:
    return Choice(_l("IPv6"), WAYS_SIX, hint=_l("Automatic: as the router on this network says."))


def address6() -> Text:
    return Text(_l("IPv6 address"), hint=_l("Such as 2001:db8::10/64. Only where it is fixed."))


def gateway6() -> Text:
    return Text(_l("IPv6 gateway"))


def routes() -> Rows:
    return Rows(
        _l("Further routes"),
        RouteForm,
        hint=_l("Networks behind another router than the gateway, such as 10.30.0.0/16."),
    )
