"""Voicemail: a message is recorded, mailed, shown by the lamp, and heard by its owner alone."""

from __future__ import annotations

import array
import io
import subprocess
import time
import wave

import pytest

from appliance.services.mail import State as Mail
from appliance.services.organisation import State as Organisation
from appliance.services.users import State as Users
from appliance.services.users import User
from appliance.services.voicemail_boxes import State as VoicemailBoxes
from appliance.services.voicemail_boxes import VoicemailBox
from appliance.state.fields import Secret
from appliance.state.references import Destination
from appliance.system import mail as mail_relay
from appliance.system import space, voicemail_locks
from tests.calls.company import NAMES, company, name
from tests.support.smtp_sink import SmtpSink
from tests.support.softphones import tones

pytestmark = pytest.mark.row("P12")

SINK = ("10.99.9.1", 2525)
PIN = "730412"
BEEP_HZ = 700
"""The tone after which one speaks, as Debian's prompts have it."""
BOX = Destination("voicemail_box", "202")


def state(**box):
    """201 calls 202, who never answers; the box of 202 takes the call."""
    options = {"instructions": False, "pin": Secret(PIN), **box}
    users = Users(
        tuple(User(each, *NAMES[each], email=f"{each}@example.it") for each in ("201", "202"))
    )
    return company(
        "201",
        "202",
        extensions={"202": {"on_busy": BOX, "on_unreachable": BOX}},
        mail=Mail(SINK[0], SINK[1], "none", sender="centralino@example.it"),
        voicemail_boxes=VoicemailBoxes((VoicemailBox("202", "202", **options),)),
    ).replaced(users=users)


class Relay:
    """The mail relay beside Asterisk."""

    def __init__(self, pbx):
        self._command = pbx.runtime.mail_relay(
            [pbx.machine.layout.prefix], network=pbx.network.name
        )
        self.start()

    def start(self):
        command = ["setpriv", "--pdeathsig", "KILL", *self._command]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def kill(self):
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module", autouse=True)
def relay(pbx):
    pbx.apply(state())
    running = Relay(pbx)
    yield running
    running.kill()


@pytest.fixture
def sink(pbx):
    with SmtpSink(SINK, pbx.network.entered()) as running:
        yield running


def leave_message(desks, anna, seconds=2.0):
    """201 leaves its pitch in the box of 202; returns the moment of hanging up."""
    desks.phones.listen_for(BEEP_HZ)
    call = anna.call("202")
    call.hears_music(8)
    call.press("#")  # past the greeting
    call.hears(BEEP_HZ, 12)
    call.hears_no_more(BEEP_HZ)
    time.sleep(seconds)  # a message has a length
    call.hang_up()
    return time.monotonic()


def sound_of(mail):
    """The samples of the audio in a mail, and their rate."""
    (attachment,) = mail.iter_attachments()
    assert attachment.get_content_type() == "audio/x-wav"
    with wave.open(io.BytesIO(attachment.get_content())) as recording:
        return array.array("h", recording.readframes(10**6)), recording.getframerate()


def heard_in(mail, pitch):
    """Whether the recording in a mail holds a phone's pitch."""
    samples, rate = sound_of(mail)
    middle = len(samples) // 2
    return tones.heard(samples[middle : middle + rate // 10], rate, [pitch]) == [pitch]


def messages_waiting(desks):
    """(new, old) messages as the lamp of 202's telephone shows them."""
    agent = desks.agent("202")
    assert agent.register().status == 200
    lamp = agent.subscribe("202-1", "message-summary")
    body = lamp.expect(lambda message: "Voice-Message" in message.body).body
    counts = body.partition("Voice-Message:")[2].split()[0]
    agent.register(0)
    return tuple(int(each) for each in counts.split("/"))


def test_a_message_is_mailed_with_its_sound_within_10_s_and_lights_the_lamp(desks, sink):
    anna = desks.phone("201")
    _new, old = messages_waiting(desks)
    hung_up = leave_message(desks, anna)
    mail = sink.expect(within_s=10)
    assert time.monotonic() - hung_up < 10
    assert mail["To"].addresses[0].addr_spec == "202@example.it"
    assert mail["From"].addresses[0].addr_spec == "centralino@example.it"
    assert name("201") in mail["Subject"]
    text = mail.get_body(("plain",)).get_content()
    assert name("202") in text
    assert "segreteria dell'interno 202" in text
    assert heard_in(mail, anna.pitch)
    assert messages_waiting(desks) == (1, old)


def test_the_owner_hears_the_message_and_the_lamp_counts_it_as_heard(desks, sink):
    anna = desks.phone("201")
    leave_message(desks, anna)
    sink.expect(within_s=10)
    new, old = messages_waiting(desks)
    niccolo = desks.phone("202")
    call = niccolo.call("*97")
    call.hears_music(8)
    call.press("1")
    call.hears(anna, 20)
    call.hears_no_more(anna, 8)
    call.hang_up()
    niccolo.unregister()
    assert messages_waiting(desks) == (new - 1, old + 1)


def test_mail_waits_while_the_server_is_down_even_over_a_restart_of_the_relay(desks, pbx, relay):
    layout = pbx.machine.layout
    anna = desks.phone("201")
    leave_message(desks, anna)
    desks.phones.until(lambda: mail_relay.queue(layout).waiting == 1, 10, "the mail to wait")
    relay.kill()
    assert mail_relay.queue(layout).waiting == 1
    with SmtpSink(SINK, pbx.network.entered()) as sink:
        relay.start()
        assert heard_in(sink.expect(within_s=10), anna.pitch)
        desks.phones.until(lambda: mail_relay.queue(layout).waiting == 0, 5, "an empty queue")


def test_a_message_is_gone_after_the_mail_when_its_owner_wants_that(desks, pbx, sink):
    """And in a company of another language its owner still gets the mail in his own."""
    wanted = state(delete_after_mail=True)
    pbx.apply(wanted.replaced(organisation=Organisation("Rossi Ltd", language="en")))
    before = messages_waiting(desks)
    leave_message(desks, desks.phone("201"))
    text = sink.expect(within_s=10).get_body(("plain",)).get_content()
    assert text.startswith(f"Gentile {name('202')},")
    assert "Per ascoltarlo al telefono" in text
    assert messages_waiting(desks) == before
    pbx.apply(state())


def open_from_elsewhere(desks, *pins):
    """201 tries these PINs at the box of 202; the call."""
    call = desks.phone("201").call("*98")
    call.expect_answered()
    call.press("202#")
    for pin in pins:
        call.press(f"{pin}#")
    return call


def wrong_pins(pbx):
    said = pbx.console.ask("database get voicemail-wrong-pins 202")
    return int(said.split("Value:")[1]) if "Value:" in said else 0


def test_from_another_telephone_the_pin_opens_the_box(desks, pbx):
    call = open_from_elsewhere(desks, PIN)
    desks.phones.until(
        lambda: "VoiceMailMain" in pbx.console.ask("core show channels concise"), 15, "the box open"
    )
    call.hang_up()


def test_five_wrong_pins_lock_the_box_until_its_owner_listens(desks, pbx):
    open_from_elsewhere(desks, *["111222"] * 3).expect_ended(40)
    assert wrong_pins(pbx) == 3
    open_from_elsewhere(desks, "111222", "333444", PIN).expect_ended(40)
    assert wrong_pins(pbx) == 5
    own = desks.phone("202").call("*97")
    desks.phones.until(
        lambda: "VoiceMailMain" in pbx.console.ask("core show channels concise"), 15, "the box open"
    )
    own.hang_up()
    assert wrong_pins(pbx) == 0


@pytest.mark.row("S4")
def test_a_locked_box_is_told_by_the_engine_and_opened_without_its_owner(desks, pbx):
    for pins in (["111222"] * 3, ["333444"] * 2):
        open_from_elsewhere(desks, *pins).expect_ended(40)
    (locked,) = voicemail_locks.locked(pbx.console)
    assert (locked.number, locked.tries) == ("202", 5)
    assert voicemail_locks.unlock(pbx.console, "202")
    assert voicemail_locks.locked(pbx.console) == ()
    assert not voicemail_locks.unlock(pbx.console, "202")
    call = open_from_elsewhere(desks, PIN)
    desks.phones.until(
        lambda: "VoiceMailMain" in pbx.console.ask("core show channels concise"), 15, "the box open"
    )
    call.hang_up()


def test_a_nearly_full_disk_is_said_and_records_nothing(desks, pbx):
    layout = pbx.machine.layout
    layout.voicemail_full.touch()
    try:
        call = desks.phone("201").call("202")
        call.hears_music()
        assert call.expect_ended(15).startswith("503")
    finally:
        assert not space.watch(layout)
    assert not layout.voicemail_full.exists()


def test_somebody_without_a_box_is_told_so(desks):
    assert desks.phone("201").call("*97").expect_ended(15).startswith("404")
