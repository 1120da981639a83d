"""Telephones of every model fetch their configuration, register and ring each other."""

from __future__ import annotations

import dataclasses

import pytest

from appliance.services import registry
from appliance.services.devices import Device, Line
from appliance.services.devices import State as Devices
from appliance.services.extensions import Extension
from appliance.services.extensions import State as Extensions
from appliance.services.provisioning import SitePhones
from appliance.services.provisioning import State as Provisioning
from appliance.state.fields import Secret
from appliance.state.system_state import SystemState
from appliance.state.tokens import new_secret
from provisioning import catalogue
from tests.support.fake_phone import until

MODELS = tuple(catalogue.models())


def mixed() -> list[str]:
    """All models, neighbours from different vendors as far as they last."""
    by_vendor: dict[str, list[str]] = {}
    for model in MODELS:
        by_vendor.setdefault(model.partition("-")[0], []).append(model)
    turns = max(map(len, by_vendor.values()))
    return [models[n] for n in range(turns) for models in by_vendor.values() if n < len(models)]


def company(devices: list[Device], web: str = "Web-Password1") -> SystemState:
    numbers = sorted({line.extension for device in devices for line in device.lines})
    return registry.empty_state().replaced(
        extensions=Extensions(tuple(Extension(n, n, label=f"D'Amico & {n} <à>") for n in numbers)),
        devices=Devices(tuple(devices)),
        provisioning=Provisioning((SitePhones("main", Secret(web)),)),
    )


def device(model: str, index: int, transport: str = "udp") -> Device:
    line = Line(str(200 + index), 1, new_secret())
    return Device(
        f"desk-{index}",
        model,
        (line,),
        f"0200000001{index:02x}",
        "",
        "main",
        transport,
        new_secret(),
    )


@pytest.mark.row("K4")
def test_two_phones_fresh_from_the_box_ring_each_other(office, softphones):
    devices = [device("yealink-t54w", 1, "tls"), device("snom-d785", 2, "udp")]
    office.apply(company(devices))
    yealink, snom = (office.phone(each.model, each.mac) for each in devices)
    for phone, wanted in ((yealink, devices[0]), (snom, devices[1])):
        phone.enrol(office.provisioning.open(wanted.id, 300).url)
        phone.register(softphones)
    assert yealink.settings.accounts[0].srtp
    call = yealink.line.call("202")
    answered = snom.line.answer()
    call.expect_answered()
    call.hears(snom.line)
    answered.hears(yealink.line)
    assert answered.shows.number == "201"
    softphones.hang_up_all()


@pytest.mark.row("K4")
def test_phones_of_every_model_ring_their_neighbours(office, softphones):
    transports = ("udp", "tcp", "tls")
    devices = [
        device(model, index, transports[index % 3]) for index, model in enumerate(mixed(), 1)
    ]
    office.apply(company(devices))
    phones = []
    for wanted in devices:
        phone = office.phone(wanted.model, wanted.mac)
        phone.enrol(office.provisioning.open(wanted.id, 300).url)
        assert phone.settings.accounts[0].transport == wanted.transport
        phone.register(softphones)
        phones.append(phone)
    for index, (phone, neighbour) in enumerate(
        zip(phones, [*phones[1:], phones[0]], strict=True), 1
    ):
        number = str(201 + index % len(phones))
        call = phone.line.call(number)
        answered = neighbour.line.answer()
        call.expect_answered()
        call.hears(neighbour.line)
        answered.hears(phone.line)
        call.hang_up()
        answered.expect_ended()
    known = office.provisioning.phones()
    for wanted, phone in zip(devices, phones, strict=True):
        facts = known[wanted.id]
        assert facts["served"] == facts["desired"]
        assert catalogue.by_agent(phone.vendor, facts["agent_model"]).id == wanted.model


@pytest.mark.row("K4")
def test_the_first_address_works_once_and_the_file_is_not_fetched_twice(office):
    wanted = device("cisco-8851", 1)
    office.apply(company([wanted]))
    phone = office.phone(wanted.model, wanted.mac)
    url = office.provisioning.open(wanted.id, 300).url
    phone.enrol(url)
    phone.fetch()
    assert phone.last.status == 304
    thief = office.phone(wanted.model, wanted.mac)
    with pytest.raises(LookupError):
        thief.enrol(url)


def test_a_phone_that_lost_its_line_password_has_the_new_one_after_its_next_fetch(
    office, softphones
):
    wanted = device("snom-d735", 1)
    office.apply(company([wanted]))
    phone = office.phone(wanted.model, wanted.mac)
    phone.enrol(office.provisioning.open(wanted.id, 300).url)
    before = phone.settings.accounts[0].secret
    line = dataclasses.replace(wanted.lines[0], secret=new_secret())
    office.apply(company([dataclasses.replace(wanted, lines=(line,))]))
    assert phone.fetch().accounts[0].secret == line.secret.reveal() != before
    phone.register(softphones)


def test_what_a_phone_asks_in_clear_text_is_not_answered(office):
    wanted = device("yealink-t46u", 1)
    office.apply(company([wanted]))
    phone = office.phone(wanted.model, wanted.mac)
    phone.enrol(office.provisioning.open(wanted.id, 300).url)
    plain = phone.settings.next_url.replace("https:", "http:")
    assert phone.web.get(plain, {}, None).status == 404
    assert phone.web.get(phone.settings.next_url, {}, phone.authority).status == 200


def test_a_lost_phone_gets_nothing_any_more(office):
    wanted = device("yealink-t46u", 1)
    office.apply(company([wanted]))
    phone = office.phone(wanted.model, wanted.mac)
    phone.enrol(office.provisioning.open(wanted.id, 300).url)
    office.provisioning.revoke(wanted.id)
    with pytest.raises(LookupError):
        phone.fetch()
    until(lambda: office.provisioning.phones()[wanted.id]["revoked"], "the portal to see it")
