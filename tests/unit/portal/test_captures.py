"""The pages of captures, and the reader of their files."""

import random
import struct

import pytest

from portal.captures.ladder import messages
from portal.core.pretend_machine import pretended_call
from portal.preview import add_account
from tests.support.portal_accounts import session_of
from tests.unit.portal.conftest import PASSWORD

pytestmark = pytest.mark.row("D1")
CHOSEN = {"seconds": "300", "megabytes": "20", "days": "7"}


def begun(browser, kind="call", **values):
    form = {**CHOSEN, "call": "1795852800.7", "number": "215", **values}
    answer = browser.send(f"/captures/start?kind={kind}", form)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def test_a_live_call_is_captured_and_shown_as_a_ladder(manager):
    place = begun(manager)
    assert "Cattura in corso" in manager.get(place).text
    manager.send(f"{place}/stop")
    page = manager.get(place).text
    assert page.count('class="ladder-row"') == 11
    assert "10.1.0.21:5060" in page
    assert "180 Ringing" in page


def test_the_file_is_downloaded_and_both_are_in_the_audit_log(manager):
    place = begun(manager)
    manager.send(f"{place}/stop")
    answer = manager.send(f"{place}/signalling.pcap")
    assert answer.data == pretended_call()
    log = manager.get("/audit/").text
    assert "Cattura avviata" in log
    assert "Cattura scaricata" in log


def test_a_capture_without_sound_has_no_file_of_packets(manager):
    place = begun(manager)
    manager.send(f"{place}/stop")
    assert manager.send(f"{place}/packets.pcap").status_code == 404


def test_sound_needs_a_permission_of_its_own(manager, app):
    profile = {"name": "Helper", "granted": ["captures.view", "captures.edit", "dashboard.view"]}
    with app.app_context():
        from portal.core.accounts import PermissionProfile, account_of
        from portal.core.db import db, transaction

        add_account(app, "helper@example.com", "Helper", PASSWORD, "operator")
        with transaction():
            made = PermissionProfile(**profile, scope="all")
            db.session.add(made)
            account_of("helper@example.com").profile = made
    with_sound = begun(manager, audio="yes")
    manager.send(f"{with_sound}/stop")
    helper = session_of(app, "helper@example.com")
    form = {**CHOSEN, "call": "1795852800.7", "audio": "yes"}
    assert helper.send("/captures/start?kind=call", form).status_code == 403
    assert helper.send(f"{with_sound}/packets.pcap").status_code == 403
    assert helper.send(f"{with_sound}/signalling.pcap").status_code == 200
    assert 'name="audio"' not in helper.get("/captures/").text


@pytest.mark.parametrize("wrong", [{"seconds": "99999"}, {"megabytes": "-1"}, {"days": "x"}])
def test_limits_come_from_the_list_alone(manager, wrong):
    form = {**CHOSEN, "call": "1", **wrong}
    assert manager.send("/captures/start?kind=call", form).status_code == 400


def test_nonsense_as_an_extension_is_refused_in_words(manager):
    answer = manager.send("/captures/start?kind=number", {**CHOSEN, "number": "$(id)"})
    assert answer.status_code == 422


def test_a_capture_is_deleted(manager):
    place = begun(manager)
    manager.send(f"{place}/stop")
    manager.send(f"{place}/delete")
    assert manager.get(place).status_code == 404


# ── the reader ────────────────────────────────────────────────────────────────────────


def test_messages_say_who_sent_what_to_whom():
    first = messages(pretended_call())[0]
    assert (first.sender, first.receiver) == ("10.1.0.21:5060", "10.1.0.1:5060")
    assert first.method == "INVITE"


def test_cut_and_damaged_files_are_read_as_far_as_they_go():
    whole = pretended_call()
    for length in range(0, len(whole), 7):
        assert len(messages(whole[:length])) <= 11
    rng = random.Random(5)
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(5):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        messages(bytes(damaged))


def test_a_packet_that_claims_to_be_huge_is_left_out():
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    assert messages(head + struct.pack("<IIII", 0, 0, 2**32 - 1, 2**32 - 1) + b"x" * 100) == []


def test_hostile_text_loses_its_control_characters():
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    text = b"INVITE sip:x@y SIP/2.0\r\nFrom: \x1b[2J<script>\x00\r\n\r\n"
    udp = struct.pack(">HHHH", 5060, 5060, 8 + len(text), 0) + text
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\1" * 4, b"\2" * 4)
    size = len(ip + udp)
    (message,) = messages(head + struct.pack("<IIII", 0, 0, size, size) + ip + udp)
    assert "\x1b" not in message.text
