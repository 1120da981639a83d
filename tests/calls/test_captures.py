"""Captures of real calls: signalling also where it is encrypted, sound where it is wanted."""

import struct
import subprocess
import time

import pytest

from appliance.apply.errors import NoRoom, Refused
from appliance.asterisk.ami_questions import asked
from appliance.system import capture_filter, captures
from appliance.system.captures import Captures, Limits
from portal.captures.ladder import messages
from tests.calls.company import company
from tests.support.checkout import until

pytestmark = pytest.mark.row("D1")


@pytest.fixture
def made(pbx, desks):
    pbx.apply(company("201", "202", "203", "204"))
    inside = ("ip", "netns", "exec", pbx.network.name)
    account = pbx.runtime.account("asterisk")
    found = Captures(pbx.machine.layout, pbx.console, account, lambda: (5060, 5061), inside)
    yield found
    found.stop(found.under_way())
    until(15, lambda: not found.under_way(), "it does not stop")
    for each in found.all():
        found.delete(each.id)


def ask(pbx, work):
    with pbx.network.entered():
        return asked(5038, pbx.machine.secrets["ami-live"], work)


def ended(made, id, within_s=20):
    until(within_s, lambda: made.get(id).state != "running", "the capture does not end")
    return made.get(id)


def whole(made, id, part):
    content, offset, size = b"", 0, 1
    while offset < size:
        piece, size = made.piece(id, part, offset)
        content, offset = content + piece, offset + len(piece)
    return content


def udp_ports(pcap):
    """(source, destination) ports of every UDP packet of a capture of all interfaces."""
    assert pcap[:4] == b"\xd4\xc3\xb2\xa1"
    link = struct.unpack("<I", pcap[20:24])[0]
    skip = {113: 16, 276: 20}[link]
    place, found = 24, []
    while place < len(pcap):
        (length,) = struct.unpack("<I", pcap[place + 8 : place + 12])
        packet = pcap[place + 16 + skip : place + 16 + length]
        if packet[9] == 17:
            header = (packet[0] & 15) * 4
            found.append(struct.unpack(">HH", packet[header : header + 4]))
        place += 16 + length
    return found


def test_a_call_that_is_up_is_captured_with_its_sound_and_nobody_elses(pbx, desks, made):
    anna, bruno, carla, dario = (desks.phone(number) for number in ("201", "202", "203", "204"))
    call = anna.call("202")
    bruno.expect_ringing().answer()
    other = carla.call("204")
    dario.expect_ringing().answer()
    call.expect_answered()
    other.expect_answered()
    live = ask(pbx, capture_filter.live_calls)
    (wanted,) = [each for each in live if "201-1" in each.parties]
    assert wanted.parties == ("201-1", "202-1")
    packets = ask(pbx, lambda ami: capture_filter.of_call(ami, wanted.id))
    assert len(packets.media) == 2
    id = made.start(packets, "201 → 202", "test", audio=True, limits=Limits(30, 5))
    until(10, lambda: made.get(id).packets_bytes > 20_000, "no packets arrive")
    call.hang_up()
    capture = ended(made, id)
    assert (capture.state, capture.why) == ("done", "call")
    ports = {port for pair in udp_ports(whole(made, id, "packets")) for port in pair}
    assert {media.port for media in packets.media} <= ports
    others = ask(pbx, lambda ami: capture_filter.of_call(ami, _id_of(live, "203-1")))
    assert not {media.port for media in others.media} & ports
    assert "BYE" in [each.method for each in messages(whole(made, id, "signalling"))]


def _id_of(live, endpoint):
    return next(each.id for each in live if endpoint in each.parties)


def test_the_next_call_of_an_extension_is_captured_without_sound(pbx, desks, made):
    anna, bruno = desks.phone("201"), desks.phone("202")
    packets = capture_filter.of_extension(pbx.console, "201")
    id = made.start(packets, "201", "test", audio=False, limits=Limits(30))
    call = anna.call("202")
    bruno.expect_ringing().answer()
    call.hears(bruno)
    call.hang_up()
    assert ended(made, id).why == "call"
    found = messages(whole(made, id, "signalling"))
    first = [each.first_line for each in found]
    assert any(line.startswith("INVITE sip:202@") for line in first)
    assert "SIP/2.0 200 OK" in first
    with pytest.raises(LookupError):
        made.piece(id, "packets", 0)


def test_signalling_over_tls_can_be_read(pbx, desks, made):
    anna = desks.phone("201", transport="tls")
    bruno = desks.phone("202")
    packets = capture_filter.of_extension(pbx.console, "201")
    id = made.start(packets, "201", "test", audio=False, limits=Limits(30))
    call = anna.call("202")
    bruno.expect_ringing().answer()
    call.hears(bruno)
    call.hang_up()
    ended(made, id)
    assert "INVITE" in [each.method for each in messages(whole(made, id, "signalling"))]


def test_a_capture_ends_at_its_time_and_its_size(pbx, desks, made):
    desks.phone("201")
    packets = capture_filter.of_extension(pbx.console, "201")
    id = made.start(packets, "201", "test", audio=True, limits=Limits(seconds=1))
    assert ended(made, id).why == "time"


def test_one_capture_at_a_time_and_none_on_a_full_disk(pbx, desks, made, monkeypatch):
    desks.phone("201")
    packets = capture_filter.of_extension(pbx.console, "201")
    made.start(packets, "201", "test", audio=False, limits=Limits(20))
    with pytest.raises(Refused, match="another capture"):
        made.start(packets, "201", "test", audio=False, limits=Limits(20))
    made.stop(made.all()[0].id)
    ended(made, made.all()[0].id)
    monkeypatch.setattr(captures, "FREE_SHARE", 1.0)
    with pytest.raises(NoRoom):
        made.start(packets, "201", "test", audio=False, limits=Limits(20))


def test_captures_are_deleted_after_their_days(pbx, desks, made):
    desks.phone("201")
    packets = capture_filter.of_extension(pbx.console, "201")
    id = made.start(packets, "201", "test", audio=False, limits=Limits(1, days=1))
    ended(made, id)
    made.tidy()
    assert made.get(id)
    made.clock = lambda: time.time() + 90_000
    made.tidy()
    with pytest.raises(LookupError):
        made.get(id)


def test_after_a_restart_of_the_engine_nothing_counts_as_running(pbx, desks, made):
    desks.phone("201")
    packets = capture_filter.of_extension(pbx.console, "201")
    id = made.start(packets, "201", "test", audio=False, limits=Limits(20))
    again = Captures(pbx.machine.layout, pbx.console, (0, 0), lambda: (5060,))
    again.recover()
    assert (again.get(id).state, again.get(id).why) == ("failed", "restart")


def test_tcpdump_takes_every_filter_that_is_made():
    packets = capture_filter.Packets(
        ("192.0.2.1", "2001:db8::1", "198.51.100.0/24"),
        (capture_filter.Media("192.0.2.7", 4000), capture_filter.Media("2001:db8::2", 0)),
        (),
    )
    made = capture_filter.expression(packets, (5060, 5061))
    subprocess.run(["tcpdump", "-y", "RAW", "-d", made], check=True, capture_output=True)


@pytest.mark.parametrize("address", ["any", "1.2.3.4 or port 22", "", "$(id)", "192.0.2.1/24"])
def test_what_is_no_address_never_becomes_a_filter(address):
    with pytest.raises(ValueError, match=r".*"):
        capture_filter.expression(capture_filter.Packets((address,), (), ()), (5060,))
