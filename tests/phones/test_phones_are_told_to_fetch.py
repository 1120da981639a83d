"""After an apply, phones whose file changed fetch it by themselves, none of them in a call."""

from __future__ import annotations

import dataclasses

import pytest

from appliance.services.devices import FunctionKey
from tests.phones.test_phones_configure_themselves import company, device
from tests.support.fake_phone import until


@pytest.fixture
def desks(office, softphones):
    wanted = [device("yealink-t54w", 1), device("snom-d785", 2), device("cisco-8851", 3)]
    office.apply(company(wanted))
    phones = []
    for each in wanted:
        phone = office.phone(each.model, each.mac)
        phone.enrol(office.provisioning.open(each.id, 300).url)
        phone.register(softphones)
        phones.append(phone)
    return wanted, phones


def with_key(device):
    return dataclasses.replace(device, keys=(FunctionKey(2, "speed_dial", number="112"),))


@pytest.mark.row("N10")
def test_only_the_phones_whose_file_changed_are_told(office, softphones, desks):
    wanted, (yealink, snom, cisco) = desks
    office.apply(company([with_key(wanted[0]), wanted[1], with_key(wanted[2])]))
    assert yealink.obey(softphones).header("event") == "check-sync;reboot=false"
    assert cisco.obey(softphones).header("event") == "resync"
    for phone in (yealink, cisco):
        assert phone.last.status == 200
        assert "112" in {key.value for key in phone.settings.keys.values()}
    assert not snom.told(softphones)
    known = office.provisioning.phones()
    assert all(known[each.id]["served"] == known[each.id]["desired"] for each in wanted)


@pytest.mark.row("N10")
def test_a_phone_in_a_call_is_told_after_it(office, softphones, desks):
    wanted, (yealink, snom, _cisco) = desks
    call = yealink.line.call("202")
    answered = snom.line.answer()
    call.expect_answered()
    office.apply(company([with_key(wanted[0]), *wanted[1:]]))
    until(lambda: "desired" in office.provisioning.phones()["desk-1"], "the new file to be wanted")
    softphones.never(lambda: yealink.told(softphones), 6, "a phone in a call is told to fetch")
    call.hears(snom.line)
    call.hang_up()
    answered.expect_ended()
    yealink.obey(softphones, 15)
    assert yealink.last.status == 200


@pytest.mark.row("N10")
def test_a_press_of_a_button_has_a_phone_fetch_its_file(office, softphones, desks):
    _wanted, (_yealink, snom, _cisco) = desks
    office.provisioning.resync("desk-2")
    snom.obey(softphones)
    assert snom.last.status == 304
