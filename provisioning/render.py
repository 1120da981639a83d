"""A phone's file in its vendor's format: the same phone gives the same bytes, always.

No time, no random order, no counter goes in: phones hash what they get and some restart
when the hash has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from appliance.render.environments import render_from
from appliance.state.fields import Secret
from provisioning import catalogue, keys, vendors, zones
from provisioning.phones import Phone
from provisioning.problem import Problem
from provisioning.zones import ZoneRule

Stage = Literal["first", "second"]

DOTS = "••••••"


@dataclass(frozen=True, slots=True)
class Served:
    """One file as it goes out."""

    content: bytes
    content_type: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def configuration(phone: Phone) -> Served:
    """The whole configuration of a phone, with its secrets: the second stage."""
    return _served(phone, phone.model.facts.family, reveal=True)


def introduction(phone: Phone) -> Served:
    """The first stage: where our authority's certificate is, and where to ask next."""
    return _served(phone, "first", reveal=True)


def preview(phone: Phone) -> str:
    """The configuration for people to look at, every secret as dots."""
    return _served(phone, phone.model.facts.family, reveal=False).content.decode()


def _served(wished: Phone, template: str, *, reveal: bool) -> Served:
    phone = held(wished)
    vendor = vendors.module(phone.model.vendor)
    content = render_from(
        catalogue.FOLDER,
        f"{phone.model.vendor}/templates/{template}.j2",
        vendor.ESCAPE,
        phone=phone,
        **_hiding(phone, reveal),
        **vendor.values(phone, clock_rule(phone)),
    )
    return Served(content, vendor.CONTENT_TYPE)


def held(phone: Phone) -> Phone:
    """The phone with no more accounts than it holds, and no key for one that is missing."""
    accounts = phone.accounts[: phone.model.facts.accounts]
    if accounts == phone.accounts:
        return phone
    kept = tuple(key for key in phone.keys if key.line <= len(accounts))
    return replace(phone, accounts=accounts, keys=kept)


def _hiding(phone: Phone, reveal: bool) -> Mapping[str, Callable[[Any], str]]:
    """How templates write secrets, and texts that hold the secret address."""

    def secret(value: Secret) -> str:
        return value.reveal() if reveal or not value else DOTS

    def masked_text(text: str) -> str:
        return text if reveal else text.replace(phone.address.reveal(), DOTS)

    return {"secret": secret, "masked_text": masked_text}


def clock_rule(phone: Phone) -> ZoneRule:
    """The rule that the phone's format can express; without summer time where it cannot."""
    rule = zones.rule_of(phone.zone)
    return rule if vendors.module(phone.model.vendor).can_express(rule) else rule.fixed()


def problems(phone: Phone) -> Iterator[Problem]:
    """Yield what of the owner's wishes does not fit this phone; nothing is dropped silently."""
    facts = phone.model.facts
    vendor = vendors.module(phone.model.vendor)
    if len(phone.accounts) > facts.accounts:
        values = {"model": phone.model.name, "has": facts.accounts, "lines": len(phone.accounts)}
        yield Problem("%(model)s holds %(has)d lines, %(lines)d are wished", values)
    if phone.transport not in vendor.TRANSPORTS:
        values = {"model": phone.model.name, "transport": phone.transport}
        yield Problem("%(model)s does not speak SIP over %(transport)s", values)
    for key in keys.homeless(phone.keys, phone.model, phone.modules):
        values = {
            "position": key.position,
            "model": phone.model.name,
            "capacity": phone.model.capacity(phone.modules),
        }
        yield Problem("key %(position)d is beyond the %(capacity)d of %(model)s", values)
    rule = zones.rule_of(phone.zone)
    if not rule.exact or not vendor.can_express(rule):
        text = "%(model)s cannot follow the clock changes of %(zone)s: no summer time is set"
        yield Problem(text, {"model": phone.model.name, "zone": phone.zone})
    yield from vendor.problems(phone)
