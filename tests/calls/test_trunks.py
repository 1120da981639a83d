"""Calls over trunks to two real carriers: formats, digest, caller ids, and lines that die."""

from __future__ import annotations

import time

import pytest

from appliance.services.classes_of_service import STANDARD
from appliance.services.classes_of_service import State as Classes
from appliance.services.dids import DidRange
from appliance.services.dids import State as Dids
from appliance.services.inbound_routes import InboundRoute
from appliance.services.inbound_routes import State as InboundRoutes
from appliance.services.organisation import Site
from appliance.services.organisation import State as Organisation
from appliance.services.outbound_routes import OutboundRoute
from appliance.services.outbound_routes import State as Routes
from appliance.services.trunks import State as Trunks
from appliance.services.trunks import Trunk
from appliance.state.fields import Secret
from appliance.state.references import Destination
from appliance.system import trunk_health
from ari_apps.live.ears import NEVER_S
from ari_apps.live.listening import ROUND_S
from tests.calls.company import company
from tests.support.carrier import Customer, running_carrier
from tests.support.live_hub import following, running_hub, until
from tests.support.network import new_network, sound_lost

A, B = "10.97.1.2", "10.97.2.2"
OUR_A, OUR_B = "10.97.1.1", "10.97.2.1"
PASSWORD = 'pa;ss"wo[rd]'
NOTICED_WITHIN_S = NEVER_S + 2 * ROUND_S + 1


@pytest.fixture(scope="module")
def carriers(pbx):
    """Carrier a, where we register, and carrier b, which knows our address."""
    with new_network("cara") as one, new_network("carb") as other:
        pbx.network.join(one, f"{OUR_A}/24", f"{A}/24")
        pbx.network.join(other, f"{OUR_B}/24", f"{B}/24")
        at_a = Customer("0522123400", password=PASSWORD, number_header="P-Called-Party-ID")
        with (
            running_carrier(one, A, [at_a]) as a,
            running_carrier(other, B, [Customer("acme", address=OUR_B)]) as b,
        ):
            pbx.apply(outside_company())
            a.expect_registered("0522123400")
            yield a, b


def outside_company():
    trunks = (
        Trunk("a", "Carrier A", "registration", A, user="0522123400", password=Secret(PASSWORD),
              number="+390522123400", presentation="preferred", caller_format="national",
              did_from="called_party", priority=1),
        Trunk("b", "Carrier B", "address", B, number="+390599000000", number_format="plain",
              caller_format="plain", received_format="plain", presents_all=True,
              forwarded="original", priority=2),
    )  # fmt: skip
    ranges = (
        DidRange("block", "a", "+390522123000", "+390522123999", direct_digits=3,
                 otherwise=Destination("extension", "203")),
        DidRange("few", "b", "+390599000000", "+390599000009"),
    )  # fmt: skip
    routes = (
        InboundRoute("hidden", "+390522123202", Destination("ending", "busy"),
                     callers="anonymous"),
        InboundRoute("mobile", "+390599000001", Destination("external", "+393385550000")),
    )  # fmt: skip
    return company(
        "201", "202", "203", "204", "205",
        extensions={
            "202": {"class_of_service": "unrestricted"},
            "203": {"class_of_service": "internal"},
            "204": {"on_unreachable": Destination("external", "+393385550001")},
            "205": {"class_of_service": "internal",
                    "on_unreachable": Destination("external", "+393385550002")},
        },
        organisation=Organisation(sites=(Site("main", "Sede", number="+390522123400"),)),
        trunks=Trunks(trunks),
        dids=Dids(ranges),
        inbound_routes=InboundRoutes(routes),
        outbound_routes=Routes((OutboundRoute("over-b", ("b",), prefixes=("+3906",)),)),
        classes_of_service=Classes(STANDARD, foreign_calls_per_extension=1),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def quiet(carriers):
    """Each test begins with carriers that answer and have seen nothing."""
    for carrier in carriers:
        carrier.answers_with("answer")
        carrier.forget()
    yield
    for carrier in carriers:
        carrier.hang_up_all()


def wait(true, within_s=8.0):
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def reachable(pbx, trunk):
    return "Avail" in pbx.console.ask(f"pjsip show aor trunk-{trunk}")


def state_of(pbx, trunk):
    (found,) = trunk_health.states(pbx.console, [trunk])
    return found


def test_what_lines_are_right_now_is_told_for_each_kind(pbx, carriers):
    wait(lambda: state_of(pbx, "a").state == "up" and state_of(pbx, "b").state == "up")
    a, b = state_of(pbx, "a"), state_of(pbx, "b")
    assert a.registration == "registered"
    assert 0 < a.expires_s <= 3600
    assert b.registration == ""
    assert b.round_trip_ms > 0
    assert not state_of(pbx, "no-such-line").there


def test_a_line_that_is_asked_tells_whether_its_carrier_answers_now(pbx, carriers):
    wait(lambda: state_of(pbx, "b").state == "up")
    asked = trunk_health.ask_now(pbx.console, "b")
    assert asked.state == "up"
    carriers[1].falls_silent(OUR_B)
    try:
        assert trunk_health.ask_now(pbx.console, "b").state == "down"
    finally:
        carriers[1].speaks_again(OUR_B)
        wait(lambda: state_of(pbx, "b").state == "up")


@pytest.mark.row("S7")
def test_a_carrier_that_sends_no_sound_is_named(pbx, desks, carriers):
    carrier, _other = carriers
    with running_hub(pbx) as hub, following(hub) as page, sound_lost(carrier.network):
        until(10, page.up, hub.log)
        desks.phone("201").call("0521123456").expect_answered()
        silent = lambda: {who: leg["no_sound"] for who, leg in page.legs().items()}  # noqa: E731
        until(NOTICED_WITHIN_S, lambda: silent().get("a"), lambda: page.objects)
        assert silent()["a"]["why"] == "carrier"
        assert silent()["201-1"] is None


# ── out ──────────────────────────────────────────────────────────────────────────────


def test_an_outside_call_has_sound_both_ways(desks, carriers):
    anna = desks.phone("201")
    call = anna.call("0521123456")
    call.expect_answered()
    call.hears(anna)  # the carrier echoes


@pytest.mark.row("D4")
def test_numbers_and_caller_ids_arrive_in_each_carrier_s_form(desks, carriers):
    a, b = carriers
    anna = desks.phone("201")
    anna.call("0521123456").expect_answered()
    (call,) = a.calls(1)
    # The account in From, the number of the caller in a header of its own.
    assert (call.number, call.from_) == ("+390521123456", "0522123400")
    assert call.preferred == "0522123201"
    anna.hang_up()
    anna.call("0612345678").expect_answered()
    (call,) = b.calls(1)
    assert (call.number, call.from_, call.preferred) == ("390612345678", "390522123201", "")


def test_the_carrier_s_own_display_never_sees_inside_names(desks, carriers):
    _a, b = carriers
    desks.phone("201").call("0612345678").expect_answered()
    assert b.calls(1)
    assert "Anna" not in b.log


@pytest.mark.row("P16")
@pytest.mark.parametrize(("caller", "number"), [
    ("203", "0521123456"), ("201", "899123456"), ("201", "00493012345678"),
    ("201", "1781234567"), ("201", "+881612345678"),
])  # fmt: skip
def test_a_call_above_the_class_is_announced_and_reaches_no_carrier(
    pbx, desks, carriers, caller, number
):
    phone = desks.phone(caller)
    call = phone.call(number)
    # The announcement is early media: heard before the refusal.
    call.hears_music(within_s=6)
    assert "403" in call.expect_ended(within_s=15)
    assert not carriers[0].calls() + carriers[1].calls()
    assert f"call refused: {caller} to {number} by class/" in pbx.log


def test_a_second_call_abroad_of_one_extension_is_refused(pbx, desks, carriers):
    a, _b = carriers
    first = desks.agent("202")
    first.register()
    assert first.invite("+493012345678").status == 200
    second = desks.agent("202")
    answer = second.invite("+493087654321")
    assert answer.status == 403
    assert "by limit/extension" in pbx.log
    assert len(a.calls(1)) == 1


# ── lines that die ───────────────────────────────────────────────────────────────────


def seconds_until_answered(phone, number):
    begin = time.monotonic()
    call = phone.call(number)
    call.expect_answered(within_s=15)
    return time.monotonic() - begin


def test_a_carrier_that_refuses_is_passed_over_at_once(desks, carriers):
    a, b = carriers
    for fate in ("503", "403"):
        a.answers_with(fate)
        anna = desks.phone("201")
        assert seconds_until_answered(anna, "0521123456") < 2
        anna.hang_up()
    assert len(b.calls(2)) == 2


def test_a_carrier_that_has_just_fallen_silent_is_passed_over_within_six_seconds(
    pbx, desks, carriers
):
    a, b = carriers
    wait(lambda: reachable(pbx, "a"))
    anna = desks.phone("201")
    a.falls_silent(OUR_A)
    try:
        just_dead = seconds_until_answered(anna, "0521123456")
        anna.hang_up()
        wait(lambda: not reachable(pbx, "a"))
        known_dead = seconds_until_answered(anna, "0521123456")
    finally:
        a.speaks_again(OUR_A)
    print(f"next line answered after {just_dead:.1f} s, known dead {known_dead:.2f} s")  # noqa: T201
    assert just_dead <= 6
    assert known_dead < 1
    assert len(b.calls(2)) == 2
    wait(lambda: reachable(pbx, "a"))
    anna.hang_up()
    a.forget()
    anna.call("0521123456").expect_answered()
    assert a.calls(1)


def test_a_silent_carrier_with_a_call_still_up_counts_as_silent(pbx, desks, carriers):
    a, b = carriers
    bruno, anna = desks.phone("202"), desks.phone("201")
    bruno.call("0521123456").expect_answered()
    a.falls_silent(OUR_A)
    try:
        wait(lambda: not reachable(pbx, "a"))
        assert seconds_until_answered(anna, "0521123457") < 1
    finally:
        a.speaks_again(OUR_A)
    wait(lambda: reachable(pbx, "a"))
    assert len(b.calls(1)) == 1


def test_a_carrier_that_takes_long_to_ring_is_not_given_up(pbx, desks, carriers):
    a, b = carriers
    wait(lambda: reachable(pbx, "a"))
    a.answers_with("late")
    call = desks.phone("201").call("0521123456")
    call.expect_answered(within_s=15)
    assert len(a.calls(1)) == 1, a.calls()
    assert b.calls() == []


def test_a_busy_number_and_one_that_does_not_exist_are_not_tried_again(desks, carriers):
    a, b = carriers
    for fate, status in (("busy", "486"), ("404", "404")):
        a.answers_with(fate)
        call = desks.phone("201").call("0521123456")
        assert status in call.expect_ended(within_s=20)
    assert b.calls() == []


# ── emergency ────────────────────────────────────────────────────────────────────────


@pytest.mark.row("P17")
@pytest.mark.parametrize("dialled", ["112", "118", "+39113", "0039115"])
def test_emergency_is_reached_from_the_lowest_class_with_the_site_s_number(
    pbx, desks, carriers, dialled
):
    a, _b = carriers
    desks.phone("203").call(dialled).expect_answered()
    (call,) = a.calls(1)
    assert (call.number, call.preferred) == (dialled[-3:], "0522123400")
    assert f"emergency call: 203 calls {dialled[-3:]} from site main" in pbx.log


def test_emergency_tries_the_next_line_whatever_the_first_one_says(desks, carriers):
    a, b = carriers
    for fate in ("503", "busy", "404"):
        a.answers_with(fate)
        phone = desks.phone("203")
        phone.call("112").expect_answered()
        phone.hang_up()
    assert [call.number for call in b.calls(3)] == ["112"] * 3
    assert {call.from_ for call in b.calls(3)} == {"390522123400"}


# ── in ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.row("P3")
@pytest.mark.parametrize("number", ["201", "202"])
def test_a_number_of_the_block_rings_its_extension(desks, carriers, number):
    a, _b = carriers
    phone = desks.phone(number)
    a.call("0522123400", f"+390522123{number}", caller="+393381234567", name="Mario Rossi")
    ringing = phone.expect_ringing()
    ringing.expect_shown("Mario Rossi", "3381234567")
    ringing.answer()
    phone.hang_up()


def test_other_numbers_of_the_block_go_to_its_fallback(desks, carriers):
    a, _b = carriers
    phone = desks.phone("203")
    a.call("0522123400", "+390522123999", caller="0521555555")
    phone.expect_ringing().expect_shown("", "0521555555")


def test_a_withheld_number_takes_the_route_for_such_calls(desks, carriers):
    a, _b = carriers
    bruno = desks.phone("202")
    a.call("0522123400", "+390522123202")
    assert a.results()[0][0] == "BUSY"
    bruno.expect_no_ringing(0.2)


@pytest.mark.row("P3")
def test_a_number_that_is_nobody_s_is_answered_with_not_found(pbx, carriers):
    _a, b = carriers
    b.call("acme", "390599000005", caller="393381234567")
    assert b.results()[0] == ("CHANUNAVAIL", "1") or b.results()[0][1] == "1"
    assert "leads nowhere: unassigned/few" in pbx.log


def test_a_caller_whom_no_trunk_knows_gets_nowhere(pbx, desks, carriers):
    stranger = desks.agent("201", password="wrong")
    assert stranger.invite("+390522123201").status == 401


def test_what_a_carrier_says_about_the_caller_is_cleaned(desks, carriers):
    a, _b = carriers
    phone = desks.phone("201")
    a.call("0522123400", "+390522123201", caller="00493012345678", name="Evil\u202e<b>; Übel")
    shown = phone.expect_ringing()
    shown.expect_shown("Evilb bel", "00493012345678")


def test_letters_of_a_caller_s_name_arrive_as_they_were(desks, carriers):
    a, _b = carriers
    phone = desks.phone("201")
    a.call("0522123400", "+390522123201", caller="+393381234567", name="Niccolò D'Amico Übel")
    phone.expect_ringing().expect_shown("Niccolò D'Amico Übel", "3381234567")


# ── in and out again ─────────────────────────────────────────────────────────────────


def test_a_route_to_a_mobile_goes_out_again_under_the_caller_s_number(carriers):
    a, b = carriers
    b.call("acme", "390599000001", caller="393381234567")
    (call,) = a.calls(1)
    # Carrier a wants own numbers: the line's stands for the company.
    assert (call.number, call.preferred) == ("+393385550000", "0522123400")


def test_the_original_caller_is_shown_where_the_carrier_allows_it(carriers):
    a, b = carriers
    a.answers_with("503")
    b.call("acme", "390599000001", caller="393381234567")
    (call,) = b.calls(1)
    assert (call.number, call.from_, call.diversion) == (
        "393385550000", "393381234567", "390599000000")  # fmt: skip


@pytest.mark.row("P17")
def test_a_forward_counts_by_the_class_of_who_forwards(pbx, desks, carriers):
    a, _b = carriers
    # 203 may call nobody outside, but 204's forward is 204's call …
    desks.phone("203").call("204")
    assert a.calls(1)[0].number == "+393385550001"
    a.forget()
    # … and 205 may not forward outside whoever calls.
    call = desks.phone("202").call("205")
    call.expect_ended(within_s=15)
    assert a.calls() == []
    assert "call refused: 205 to +393385550002 by class/internal/mobile" in pbx.log
