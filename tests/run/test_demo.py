"""The sample company: a file without secrets, and a system that somebody can look at."""

from __future__ import annotations

import json
import time
import unicodedata

import jwt
import pytest

from appliance.services import registry
from appliance.state.fields import Secret
from provisioning.client import ProvisioningClient
from tests.support.checkout import new_checkout, until
from tests.support.live_hub import UnixConnection
from tools.demo.company import FILE, NEW, company


@pytest.fixture(scope="module")
def state():
    return company()


def test_the_sample_company_has_no_faults(state):
    assert not registry.check(state)


def test_it_is_a_company_of_forty_at_two_sites_with_names_as_they_are(state):
    names = [user.full_name for user in state["users"].users]
    assert len(names) == 40
    assert len(state["organisation"].sites) == 2
    assert any("'" in name for name in names)
    assert any(unicodedata.normalize("NFD", name) != name for name in names)


def test_its_file_holds_no_secret_and_each_loading_makes_new_ones(state):
    def secrets(value):
        if isinstance(value, dict):
            for name, item in value.items():
                if name in ("secret", "token", "web_password", "password", "pin"):
                    yield item
                else:
                    yield from secrets(item)
        elif isinstance(value, list):
            for item in value:
                yield from secrets(item)

    found = list(secrets(json.loads(FILE.read_text())))
    assert len(found) > 40
    assert set(found) == {NEW}
    assert company()["devices"] != state["devices"]


@pytest.fixture(scope="module")
def demo():
    with new_checkout() as checkout:
        checkout.run(DEMO="1")
        yield checkout


def objects(checkout):
    """What a page of the live view would show."""
    layout = checkout.place.layout
    key = (layout.state / "secrets/live-token").read_text()
    now = int(time.time())
    claims = {"iss": "centralino-portal", "aud": "centralino-live", "sub": "1", "iat": now}
    claims |= {"exp": now + 600, "scope": "calls devices trunks"}
    token = jwt.encode(claims, key, algorithm="HS256", headers={"typ": "live+jwt"})
    connection = UnixConnection(layout.socket_of("live"))
    try:
        connection.request("GET", "/live/snapshot", headers={"Cookie": f"__Host-live={token}"})
        with connection.getresponse() as answer:
            return json.loads(answer.read())["objects"]
    finally:
        connection.close()


def test_every_telephone_registers_and_the_carrier_is_there(demo, state):
    lines = {f"devices/{line.extension}-{line.slot}" for device in state["devices"].devices
             for line in device.lines}  # fmt: skip

    def registered():
        return {key for key, value in objects(demo).items() if value.get("registered")}

    until(30, lambda: registered() == lines, "not every telephone registers")
    until(30, lambda: objects(demo)["trunks/carrier"]["state"] == "up", "the carrier is down")


def test_something_is_to_be_seen_calls_that_are_answered(demo):
    def answered():
        return [v for k, v in objects(demo).items() if k.startswith("calls/") and v["answered"]]

    until(60, answered, "nobody calls")
    assert {leg["state"] for leg in answered()[0]["legs"]} == {"up"}


@pytest.mark.row("N10")
def test_every_telephone_has_fetched_the_file_it_should_have(demo, state):
    layout = demo.place.layout
    key = Secret((layout.state / "secrets/provisioning-key").read_text())
    client = ProvisioningClient(layout.socket_of("provisioning"), key)

    def up_to_date():
        known = client.phones()
        return len(known) >= 40 and all(
            each["served"] == each["desired"] for each in known.values()
        )

    until(40, up_to_date, "not every telephone has its file")
    assert all(each["firmware"] for each in client.phones().values())
