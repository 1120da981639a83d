"""What the state of a device refuses: keys that lead nowhere, secrets that guard nothing."""

import dataclasses

import pytest

from appliance.services import registry
from appliance.services.devices import Device, FunctionKey, Line
from appliance.services.devices import State as Devices
from appliance.services.extensions import Extension
from appliance.services.extensions import State as Extensions
from appliance.services.provisioning import SitePhones
from appliance.services.provisioning import State as Provisioning
from appliance.state.codec import decode, encode
from appliance.state.faults import StateError
from appliance.state.fields import Secret
from appliance.state.references import Destination

SECRET = Secret("S" * 24)
TOKEN = Secret("T" * 24)
WEB = Secret("WebPassword-1")
PHONE = Device("desk", "yealink-t54w", (Line("215", 1, SECRET),), "001565000001", token=TOKEN)


def faults(device=PHONE, web=WEB):
    state = registry.empty_state().replaced(
        extensions=Extensions((Extension("215", "215"), Extension("216", "216"))),
        devices=Devices((device,)),
        provisioning=Provisioning((SitePhones("main", web),) if web else ()),
    )
    return [str(fault) for fault in registry.check(state)]


def with_key(**values):
    key = FunctionKey(**{"position": 3, "kind": "speed_dial", **values})
    return dataclasses.replace(PHONE, keys=(key,))


def test_a_phone_with_token_password_and_keys_has_no_fault():
    keys = (
        FunctionKey(1, "line"),
        FunctionKey(2, "blf", watches=Destination("extension", "216")),
        FunctionKey(3, "speed_dial", number="+390522123456"),
    )
    assert faults(dataclasses.replace(PHONE, keys=keys)) == []


@pytest.mark.parametrize(
    ("device", "said"),
    [
        (with_key(), "keys/3/number"),
        (with_key(number="1", line=2), "uses line 2"),
        (with_key(kind="blf"), "keys/3/watches"),
        (with_key(kind="line", watches=Destination("extension", "216")), "keys/3/watches"),
        (with_key(kind="blf", watches=Destination("extension", "999")), "does not exist"),
        (with_key(kind="blf", watches=Destination("site", "main")), "has no number"),
        (
            dataclasses.replace(PHONE, keys=(FunctionKey(1, "line"), FunctionKey(1, "line"))),
            "stands 2 times",
        ),
        (dataclasses.replace(PHONE, token=Secret("short")), "devices/desk/token"),
        (dataclasses.replace(PHONE, token=Secret("T" * 23 + "/")), "devices/desk/token"),
        (dataclasses.replace(PHONE, web_password=Secret("a;b" * 6)), "devices/desk/web_password"),
        (dataclasses.replace(PHONE, web_password=Secret("W" * 33)), "devices/desk/web_password"),
    ],
)
def test_a_wrong_device_is_refused_by_its_place(device, said):
    found = faults(device)
    assert len(found) == 1
    assert said in found[0]


def test_a_provisioned_phone_needs_a_password_for_its_web_pages():
    assert "password for the phone's web pages" in faults(web=None)[0]


def test_two_devices_with_one_token_are_refused():
    other = dataclasses.replace(PHONE, id="other", mac="001565000002", lines=())
    state = registry.empty_state().replaced(
        extensions=Extensions((Extension("215", "215"),)),
        devices=Devices((PHONE, other)),
        provisioning=Provisioning((SitePhones("main", WEB),)),
    )
    assert [fault.where for fault in registry.check(state)] == ["devices/other/token"]


@pytest.mark.parametrize("text", ["1;2", "1\n2", "abc", "1,2", "1&2", "1" * 33, "‮1", "${X}"])
def test_a_speed_dial_number_holds_signs_of_the_dial_pad_only(text):
    data = {**encode(PHONE), "keys": [{"position": 1, "kind": "speed_dial", "number": text}]}
    with pytest.raises(StateError):
        decode(Device, data)


def test_a_site_password_that_phones_cut_or_misread_is_refused():
    for text in ("short", "W" * 33, "with blank 12", "accènt-accent"):
        assert "provisioning/sites/main/web_password" in faults(web=Secret(text))[0]
