"""New secrets for a phone, and what it needs before it can be served at all."""

from __future__ import annotations

import dataclasses

from appliance.services.devices import Device
from appliance.services.provisioning import SitePhones
from appliance.state.tokens import new_secret
from provisioning import catalogue

WEB_PASSWORD_LENGTH = 16


def served(device: Device) -> bool:
    """Whether a device is one that fetches its file here, once it has a token."""
    known = catalogue.model(device.model) is not None
    return bool(known and device.mac and device.transport != "wss")


def completed(device: Device) -> Device:
    """The device with a token if it needs one and has none."""
    if not served(device) or device.token:
        return device
    return dataclasses.replace(device, token=new_secret())


def renewed(device: Device) -> Device:
    """The device with all its secrets new: for a phone that was lost, replaced or reset."""
    lines = tuple(dataclasses.replace(line, secret=new_secret()) for line in device.lines)
    web = new_secret(WEB_PASSWORD_LENGTH) if device.web_password else device.web_password
    return dataclasses.replace(device, token=new_secret(), lines=lines, web_password=web)


def new_site(site: str) -> SitePhones:
    """The settings of a site that gets its first phone."""
    return SitePhones(site, new_secret(WEB_PASSWORD_LENGTH))
