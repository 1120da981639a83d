"""The test calls of a rehearsal: what arrives, what does not, and what is said of it."""

from __future__ import annotations

import dataclasses

import pytest

from appliance.services import dids, inbound_routes, ring_groups, trunks, voicemail_boxes
from appliance.services.devices import SipTransport
from appliance.state.fields import Secret
from appliance.state.references import Destination
from appliance.state.system_state import encode_system
from appliance.verify import calls
from appliance.verify.shadow import ShadowFailed
from appliance.verify.telephone import is_tone, plain
from tests.support.companies import company
from tests.support.pbx import new_system

pytestmark = pytest.mark.row("N12")

PEOPLE = company(4)
LINE = trunks.Trunk("c", "Carrier", "address", "10.1.2.3", 5070, number="+390599000000")
WHOLE = PEOPLE.replaced(
    trunks=trunks.State((LINE,)),
    dids=dids.State(
        (dids.DidRange("block", "c", "+390522123000", "+390522123999", direct_digits=3),)
    ),
    voicemail_boxes=voicemail_boxes.State((voicemail_boxes.VoicemailBox("102", "102"),)),
)


@pytest.fixture(scope="module")
def system():
    with new_system(first_state=encode_system(WHOLE)["services"]) as made:
        yield made


def called(system, state):
    """The calls of a state that another Asterisk has booted, by kind."""
    assert system.engine.prove(state).passed
    shadow, root = system.engine.shadow, system.engine.store.candidate / "root"
    return {each.kind: each for each in calls.make(shadow, root, state)}


def test_a_telephone_registers_is_called_from_inside_and_outside_and_a_message_is_taken(system):
    assert list(called(system, WHOLE).values()) == [
        calls.Called("registration", "100-1", True, "registered"),
        calls.Called("internal", "100", True, "100-1"),
        calls.Called("inbound", "+390522123100", True, "100-1"),
        calls.Called("voicemail", "102", True, "102@default"),
    ]


def test_a_number_that_leads_to_a_group_arrives_where_the_model_says(system):
    group = ring_groups.RingGroup("sales", "600", "Sales", (ring_groups.Member("101"),))
    route = inbound_routes.InboundRoute(
        "main", "+390522123000", Destination("ring_group", "sales"), last="+390522123999"
    )
    state = WHOLE.replaced(
        ring_groups=ring_groups.State((group,)), inbound_routes=inbound_routes.State((route,))
    )
    found = called(system, state)["inbound"]
    assert (found.passed, found.number) == (True, "+390522123000")
    assert "600" in found.arrived


def test_a_company_without_telephones_makes_no_call_and_has_no_fault(system):
    assert called(system, company(0)) == {}


def test_a_password_that_asterisk_does_not_have_is_refused(system):
    assert system.engine.prove(WHOLE).passed
    device, *others = WHOLE["devices"].devices
    line = dataclasses.replace(device.lines[0], secret=Secret("another one of the right length"))
    other = dataclasses.replace(device, lines=(line,))
    forged = WHOLE.replaced(devices=dataclasses.replace(WHOLE["devices"], devices=(other, *others)))
    root = system.engine.store.candidate / "root"
    assert calls.make(system.engine.shadow, root, forged) == (
        calls.Called("registration", "100-1", False, "refused 401"),
    )


def test_files_that_do_not_boot_are_no_calls_but_a_failure(system, tmp_path):
    (tmp_path / "etc/asterisk").mkdir(parents=True)
    good = system.machine.layout.asterisk_etc / "asterisk.conf"
    (tmp_path / "etc/asterisk/asterisk.conf").write_text(good.read_text())
    (tmp_path / "etc/asterisk/modules.conf").write_text("[modules]\nrequire = no_such.so\n")
    with pytest.raises(ShadowFailed):
        calls.make(system.engine.shadow, tmp_path, WHOLE)


def test_no_mail_leaves_though_a_message_is_taken(system):
    assert called(system, WHOLE)["voicemail"].passed
    queue = system.machine.layout.prefix / "var/spool/nullmailer/queue"
    assert not queue.exists() or not list(queue.iterdir())


@pytest.mark.parametrize(("sign", "alaw"), [(0x55, True), (0xFF, False)])
def test_silence_and_noise_are_no_tone(sign, alaw):
    assert not is_tone([plain(sign, alaw=alaw)] * 4000)
    assert not is_tone([(1.0 if (index * index) % 7 > 3 else -1.0) for index in range(4000)])


def test_a_telephone_that_speaks_nothing_but_tls_is_not_played():
    secure: SipTransport = "tls"
    phones = tuple(
        dataclasses.replace(each, transport=secure) for each in PEOPLE["devices"].devices
    )
    state = PEOPLE.replaced(devices=dataclasses.replace(PEOPLE["devices"], devices=phones))
    assert calls.plan_of(state).line is None
