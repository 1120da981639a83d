"""Trunks: what is refused, and the shapes of carriers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.services import registry
from appliance.services.trunk_shapes import shapes
from appliance.services.trunks import State, Trunk
from appliance.state.codec import decode, encode
from appliance.state.faults import StateError
from appliance.state.fields import Secret

REGISTERED = Trunk("t", "T", "registration", "sip.example.it", user="a", password=Secret("b"))
BY_ADDRESS = Trunk("t", "T", "address", "192.0.2.1")


def faults(*trunks):
    state = registry.empty_state().replaced(trunks=State(trunks))
    return {fault.where for fault in registry.check(state)}


@pytest.mark.parametrize(("trunk", "where"), [
    (replace(REGISTERED, password=Secret("")), "trunks/t/user"),
    (replace(REGISTERED, password=Secret("a\nb")), "trunks/t/password"),
    (replace(REGISTERED, password=Secret("x" * 129)), "trunks/t/password"),
    (replace(REGISTERED, codecs=()), "trunks/t/codecs"),
    (replace(REGISTERED, encrypt_media=True), "trunks/t/encrypt_media"),
    (replace(BY_ADDRESS, host="sip.example.it"), "trunks/t/addresses"),
    (replace(BY_ADDRESS, addresses=("300.1.1.1",)), "trunks/t/addresses"),
    (replace(BY_ADDRESS, addresses=("192.0.2.0/33",)), "trunks/t/addresses"),
    (replace(BY_ADDRESS, presentation="asserted"), "trunks/t/user"),
])  # fmt: skip
def test_a_trunk_that_cannot_work_is_a_fault(trunk, where):
    assert where in faults(trunk)
    assert not faults(REGISTERED) | faults(BY_ADDRESS)


def test_one_address_cannot_be_two_trunks():
    assert "trunks" in faults(BY_ADDRESS, replace(BY_ADDRESS, id="u"))


@pytest.mark.parametrize(("field", "value"), [
    ("host", "a;b"), ("host", "a b"), ("user", "a@b"), ("user", "a;b"), ("label", "a\nb"),
    ("addresses", ["1.2.3.4\n5.6.7.8"]), ("outbound_proxy", "p;lr"), ("number", "0522123456"),
    ("domain", "x\ny"), ("codecs", ["alaw,ulaw"]), ("qualify_s", -1),
])  # fmt: skip
def test_hostile_values_are_refused_by_their_field(field, value):
    data = {**encode(REGISTERED), field: value}
    with pytest.raises(StateError) as caught:
        decode(Trunk, data)
    assert caught.value.faults[0].where.startswith(field)


def test_an_authority_is_one_certificate_and_nothing_else():
    for text in ("", "x", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n[x]\n"):
        with pytest.raises(StateError):
            decode(State, {"authorities": [{"id": "a", "certificate": text}]})


@pytest.mark.parametrize("shape", shapes().values(), ids=lambda shape: shape.id)
def test_a_carrier_s_shape_makes_a_trunk_once_the_contract_is_entered(shape):
    contract = {"id": "t", "label": "T", "host": "192.0.2.1", "user": "a", "password": "b"}
    trunk = decode(Trunk, {**contract, **shape.fields})
    assert not faults(trunk)
    assert shape.source
