"""Has the sample company's telephones fetch their configuration, as real ones do.

They ask the web server in front over TLS, so that the board of telephones shows what it
would show with real ones.
"""

from __future__ import annotations

import logging
import ssl
import urllib.error
import urllib.request

from appliance.services.devices import Device
from appliance.state.machine import Layout
from appliance.state.system_state import SystemState
from appliance.system.machine import read_facts
from provisioning import catalogue, phones, vendors
from tests.support.fake_phone import FAMILIES

log = logging.getLogger("demo")

NOTICED_AFTER_S = 5.0
"""By then the provisioning server has the new revision."""


def fetch(layout: Layout, state: SystemState) -> int:
    """Fetch the file of every telephone; how many were served."""
    port = read_facts(layout).web_port
    trust = ssl.create_default_context(cafile=str(layout.certificates / "authority.crt"))
    return sum(_fetched(device, port, trust) for device in phones.provisioned(state))


def _fetched(device: Device, port: int, trust: ssl.SSLContext) -> bool:
    model = catalogue.models()[device.model]
    name = vendors.module(model.vendor).file_name(device.mac)
    url = f"https://127.0.0.1:{port}{phones.PREFIX}/p/{device.token.reveal()}/{name}"
    agent = FAMILIES[model.vendor].agent(device.model.partition("-")[2].upper(), device.mac)
    request = urllib.request.Request(url, headers={"User-Agent": agent})
    try:
        with urllib.request.urlopen(request, timeout=5, context=trust) as answer:
            answer.read()
    except (urllib.error.URLError, OSError) as error:
        log.warning("the telephone %s gets no configuration: %s", device.id, error)
        return False
    return True
