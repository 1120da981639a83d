"""Telephones that lie, guess and send nonsense: what they reach and what they change."""

from __future__ import annotations

import pytest

from appliance.services.dids import DidRange
from appliance.services.dids import State as Dids
from appliance.services.ring_groups import Member, RingGroup
from appliance.services.ring_groups import State as RingGroups
from appliance.services.trunks import State as Trunks
from appliance.services.trunks import Trunk
from appliance.services.users import State as Users
from appliance.services.users import User
from appliance.state.references import Destination
from tests.calls.company import company, name

CARRIER = "10.99.7.1"
NASTY_NAME = "O'Neil; ${EXTEN},1 & $[1+1] #include"


@pytest.fixture(scope="module", autouse=True)
def running_company(pbx):
    state = company(
        "201",
        "202",
        "203",
        ring_groups=RingGroups(
            (RingGroup("g", "300", "G; ${X}", (Member("202"),), caller_prefix="${Y},&;"),)
        ),
        trunks=Trunks((Trunk("c", "Carrier", "address", CARRIER, 5070, number="+390599000000"),)),
        dids=Dids(
            (
                DidRange(
                    "few",
                    "c",
                    "+390599000000",
                    "+390599000009",
                    otherwise=Destination("extension", "202"),
                ),
            )
        ),
    )
    people = tuple(
        User("203", "", NASTY_NAME) if each.id == "203" else each for each in state["users"].users
    )
    pbx.apply(state.replaced(users=Users(people)))


def test_a_carrier_cannot_transfer_our_telephones(desks):
    """A REFER from outside would let a carrier place calls at our cost."""
    niccolo = desks.phone("202")
    carrier = desks.agent("carrier", address=CARRIER)
    call, offer = {"call_id": "from-carrier"}, ("Content-Type: application/sdp",)
    did = f"sip:+390599000002@{carrier.server[0]}"
    own = f"<sip:+393381234567@{CARRIER}>"
    carrier.send(carrier.build("INVITE", did, offer, from_=own, body=carrier.offer(), **call))
    leg = niccolo.answer()
    taken = carrier.expect(lambda message: message.status == 200)
    there = {**call, "from_": own, "to": taken.header("to")}
    target = taken.header("contact").strip("<>")
    carrier.send(carrier.build("ACK", target, cseq=1, **there))
    refer_to = (f"Refer-To: <sip:203@{carrier.server[0]}>",)
    carrier.send(carrier.build("REFER", target, refer_to, cseq=2, **there))
    refused = carrier.expect(lambda message: message.method == "REFER" and message.status)
    assert refused.status >= 400
    assert leg.state == "established"
    leg.hang_up()


def channels(pbx):
    return [line for line in pbx.console.ask("core show channels concise").splitlines() if line]


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_each_digest_alone_registers(desks, algorithm):
    assert desks.agent("201", algorithms=(algorithm,)).register().status == 200


def test_a_wrong_password_and_an_unknown_account_get_the_same_answer(desks):
    wrong = desks.agent("201", password="wrong-password-wrong")
    unknown = desks.agent("777", password="wrong-password-wrong")
    answers = [agent.register() for agent in (wrong, unknown)]
    assert [answer.status for answer in answers] == [401, 401]
    assert answers[0].headers.keys() == answers[1].headers.keys()


def test_without_the_password_no_call_is_placed(desks, pbx):
    niccolo = desks.phone("202")
    stranger = desks.agent("201", password="wrong-password-wrong")
    assert stranger.invite("202").status == 401
    assert not niccolo.calls


def test_a_phone_that_lies_about_its_name_and_number_is_shown_as_what_it_is(desks):
    niccolo = desks.phone("202")
    liar = desks.agent("201")
    headers = (
        "Content-Type: application/sdp",
        'P-Asserted-Identity: "Direzione" <sip:100@h>',
        'Remote-Party-ID: "Direzione" <sip:100@h>;party=calling',
    )
    uri = f"sip:202@{liar.server[0]}"
    own = f'"Direzione" <sip:201-1@{liar.server[0]}>'
    liar.start("INVITE", uri, headers, from_=own, body=liar.offer())
    niccolo.expect_ringing().expect_shown(name("201"), "201")


@pytest.mark.parametrize(
    "dialled",
    [
        "202&203",
        "202,1",
        "%24%7BSHELL(id)%7D",
        "202%0d%0aX-Evil:%201",
        "s",
        "h",
        "i",
        "2" * 3000,
        "%EF%BC%92%EF%BC%90%EF%BC%92",
    ],
)
def test_a_dialled_string_that_is_no_number_reaches_nobody(desks, pbx, dialled):
    niccolo, agent = desks.phone("202"), desks.agent("201")
    answer = agent.invite(dialled)
    assert answer.status in {400, 404, 414, 416, 484}
    assert not niccolo.calls
    assert not channels(pbx)


@pytest.mark.parametrize("dialled", ["202@to-extension", "${EXTEN}", "٢٠٢", "<202>", "202 203"])
def test_a_request_that_is_no_sip_reaches_nobody(desks, pbx, dialled):
    """Asterisk drops what it cannot parse without an answer."""
    niccolo, agent = desks.phone("202"), desks.agent("201")
    request = agent.build("INVITE", f"sip:{dialled}@{agent.server[0]}", call_id="not-sip")
    agent.send(request)
    agent.read_all(for_s=0.3)
    answers = [each for each in agent.received if each.header("call-id") == "not-sip"]
    assert all(answer.status >= 400 for answer in answers)
    assert not niccolo.calls
    assert not channels(pbx)


@pytest.mark.parametrize(
    "shown", ["x" * 3000, "a;b,c&d|e", "${CALLERID(all)}", "\\\\ %0d%0a", "<b>", "\u202eabc"]
)
def test_a_display_name_sent_by_a_phone_changes_nothing(desks, shown):
    niccolo, agent = desks.phone("202"), desks.agent("201")
    own = f'"{shown}" <sip:201-1@{agent.server[0]}>'
    headers = ("Content-Type: application/sdp",)
    agent.start("INVITE", f"sip:202@{agent.server[0]}", headers, from_=own, body=agent.offer())
    niccolo.expect_ringing().expect_shown(name("201"), "201")


def test_a_name_that_wants_to_be_dialplan_is_shown_as_it_was_typed(desks):
    niccolo, nasty = desks.phone("202"), desks.phone("203")
    nasty.call("202")
    ringing = niccolo.expect_ringing()
    ringing.expect_shown(NASTY_NAME, "203")
    ringing.reject()
    nasty.call("300")
    niccolo.expect_ringing().expect_shown(f"${{Y}},&; {NASTY_NAME}", "203")


def test_after_all_of_it_ordinary_calls_work(desks):
    anna, niccolo = desks.phone("201"), desks.phone("202")
    call = anna.call("202")
    niccolo.answer()
    call.hears(niccolo)
    niccolo.hears(anna)
