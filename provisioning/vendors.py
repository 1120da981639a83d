"""The vendors that we know, each a module with its own grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Protocol, cast

from appliance.asterisk.check_sync import Event
from appliance.render.environments import Escape
from provisioning import cisco, snom, yealink
from provisioning.phones import Phone
from provisioning.problem import Problem
from provisioning.zones import ZoneRule


class Vendor(Protocol):
    """What is asked of a vendor's module. `provisioning/yealink` is a good one to read.

    `values` are what its templates need besides the phone: Python decides, the template
    only writes. `problems` says what the phone cannot do as wished.
    """

    LABEL: str
    OUIS: frozenset[str]
    CONTENT_TYPE: str
    ESCAPE: Escape
    NOTIFY: Event
    TRANSPORTS: frozenset[str]
    FILE: re.Pattern[str]
    AGENT: re.Pattern[str]
    FILE_NAME_MACRO: str

    def agent_mac(self, user_agent: str) -> str | None: ...
    def file_name(self, mac: str) -> str: ...
    def values(self, phone: Phone, rule: ZoneRule) -> Mapping[str, Any]: ...
    def can_express(self, rule: ZoneRule) -> bool: ...
    def problems(self, phone: Phone) -> Iterator[Problem]: ...


VENDORS: Mapping[str, Vendor] = MappingProxyType(
    {
        "yealink": cast(Vendor, yealink),
        "snom": cast(Vendor, snom),
        "cisco": cast(Vendor, cisco),
    }
)
"""Vendor -> its module; the name is also that of its folder and begins its models' ids."""


def module(vendor: str) -> Vendor:
    """The module of a vendor that the catalogue names."""
    return VENDORS[vendor]
