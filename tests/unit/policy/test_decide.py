"""The outbound decision, row by row."""

from __future__ import annotations

import datetime
import zoneinfo
from dataclasses import replace

import pytest

from appliance.policy import gather
from appliance.policy.decide import Attempt, Request, decide
from appliance.services import registry
from appliance.services.classes_of_service import State as Classes
from appliance.services.numbering import State as Numbering
from appliance.services.trunks import State as Trunks
from tests.support.policies import policy_company

ROME = zoneinfo.ZoneInfo("Europe/Rome")
NOON = datetime.datetime(2026, 11, 23, 12, 0, tzinfo=ROME)
EVENING = datetime.datetime(2026, 11, 23, 20, 0, tzinfo=ROME)
SUNDAY = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=ROME)
NIGHT = datetime.datetime(2026, 11, 23, 23, 0, tzinfo=ROME)


def policy(state=None, **options):
    return gather.policy(registry.references(state or policy_company(**options)))


POLICY = policy(area_code="0522")


def ask(caller, dialled, at=NOON, rules=POLICY, **request):
    return decide(Request(caller, dialled, at, **request), rules)


@pytest.mark.row("P16")
@pytest.mark.row("P17")
@pytest.mark.row("D4")
@pytest.mark.parametrize(("caller", "dialled", "at", "rule"), [
    # Class "internal": nothing outside but what nobody may bar.
    ("210", "0522123456", NOON, "class/internal/local"),
    ("210", "800123456", NOON, "class/internal/toll_free"),
    ("210", "116117", NOON, "allow/social"),
    ("210", "1522", EVENING, "allow/social"),
    ("210", "112", EVENING, "emergency"),
    # The default class.
    ("215", "0522123456", NOON, "allow/local"),
    ("215", "0521123456", SUNDAY, "allow/national"),
    ("215", "3381234567", NIGHT, "allow/mobile"),
    ("215", "800123456", NOON, "allow/toll_free"),
    ("215", "187", NOON, "allow/service"),
    ("215", "892000", NOON, "class/national/premium"),
    ("215", "899123456", NOON, "class/national/premium"),
    ("215", "144123456", NOON, "class/national/premium"),
    ("215", "166123456", NOON, "class/national/premium"),
    ("215", "1254", NOON, "class/national/premium"),
    ("215", "199123456", NOON, "class/national/shared_cost"),
    ("215", "1781234567", NOON, "class/national/shared_cost"),
    ("215", "848123456", NOON, "class/national/shared_cost"),
    ("215", "+493012345678", NOON, "class/national/foreign"),
    ("215", "+881612345678", NOON, "class/national/satellite"),
    ("215", "+88213123456", NOON, "class/national/satellite"),
    ("215", "+870773123456", NOON, "class/national/satellite"),
    # Abroad by allow-list, in the opening hours, premium not opened by its country.
    ("216", "+493012345678", NOON, "allow/foreign"),
    ("216", "00493012345678", NOON, "allow/foreign"),
    ("216", "+493012345678", EVENING, "class/international/foreign/opening-hours"),
    ("216", "+493012345678", SUNDAY, "class/international/foreign/opening-hours"),
    ("216", "+12125551234", NOON, "class/international/foreign/US"),
    ("216", "+12425551234", NOON, "class/international/foreign/BS"),
    ("216", "+22912345678", NOON, "class/international/foreign/BJ"),
    ("216", "+491371234567", NOON, "class/international/premium"),
    ("217", "+12425551234", NIGHT, "allow/foreign"),
    ("217", "+881612345678", NIGHT, "allow/satellite"),
    ("217", "899123456", NIGHT, "allow/premium"),
    # Exceptions: the longest beginning decides, over the table.
    ("218", "199123456", NOON, "allow/shared_cost"),
    ("218", "199555555", NOON, "class/travel/number/39199"),
    ("218", "+493012345678", EVENING, "class/travel/number/4930/opening-hours"),
    ("218", "+498912345678", EVENING, "allow/foreign"),
    ("218", "+441212345678", NOON, "class/travel/number/44"),
    ("218", "+442071234567", NOON, "class/travel/number/442/night"),
    ("218", "+442071234567", NIGHT, "allow/foreign"),
    ("218", "3381234567", NOON, "class/travel/mobile/night"),
    ("218", "3381234567", NIGHT, "allow/mobile"),
    # What is no number, and who is nobody.
    ("215", "2222", NOON, "number/unknown"),
    ("215", "05", NOON, "number/length"),
    ("215", "*77", NOON, "number/signs"),
    ("215", "٠٥٢٢١٢٣٤٥٦", NOON, "number/signs"),
    ("999", "0522123456", NOON, "caller"),
    ("", "0522123456", NOON, "caller"),
    ("999", "112", NOON, "emergency"),
    ("215", "216", NOON, "internal"),
    ("system", "0522123456", NOON, "allow/local"),
    ("system", "+493012345678", NOON, "class/national/foreign"),
])  # fmt: skip
def test_the_rule_that_decides_is_named(caller, dialled, at, rule):
    decision = ask(caller, dialled, at)
    assert decision.rule == rule
    assert decision.allowed == rule.startswith(("allow/", "emergency", "internal"))
    assert decision.reason


def test_hours_are_those_of_the_caller_s_site():
    # 217's home is in New York; 218 sits in Bolzano but dials from a telephone there.
    evening_in_rome = EVENING
    assert not ask("216", "+493012345678", evening_in_rome).allowed
    assert ask("216", "+493012345678", evening_in_rome, site="far").allowed


@pytest.mark.parametrize(("mine", "all_", "rule"), [
    (0, 0, "allow/foreign"), (1, 1, "allow/foreign"),
    (2, 2, "limit/extension"), (0, 2, "limit/system"), (1, 9, "limit/system"),
])  # fmt: skip
def test_calls_abroad_at_the_same_time_are_limited(mine, all_, rule):
    found = ask("217", "+493012345678", foreign_of_caller=mine, foreign_in_all=all_)
    assert found.rule == rule


def test_national_calls_do_not_count_as_calls_abroad():
    assert ask("217", "0521123456", foreign_of_caller=9, foreign_in_all=9).allowed


def test_routes_order_the_lines_and_each_gets_its_own_forms():
    assert ask("216", "0521123456").attempts == (
        Attempt("bolzano", "0521123456", "0471555000"),
        Attempt("tim", "+390521123456", "+390522123477"),
    )
    assert ask("216", "+41441234567").attempts == (
        Attempt("spare", "41441234567", "00390522123477"),
    )


def test_without_a_route_every_enabled_line_is_tried_by_priority():
    lines = [attempt.line for attempt in ask("215", "0521123456").attempts]
    assert lines == ["tim", "bolzano", "spare"]


def test_only_own_numbers_are_shown_and_only_where_the_line_may():
    by_line = {each.line: each.presented for each in ask("217", "0521123456").attempts}
    assert by_line == {
        "tim": "+390522123400",  # not its number: the line's own
        "bolzano": "0471555017",  # its own number, on the line it belongs to
        "spare": "00390471555017",  # may show any number of the company
    }


def test_an_extension_that_is_dialled_directly_shows_that_number():
    by_line = {each.line: each.presented for each in ask("215", "0521123456").attempts}
    assert by_line["tim"] == "+390522123415"


def test_emergency_calls_try_every_line_with_the_number_of_the_site():
    decision = ask("216", "112")
    assert decision.attempts == (
        Attempt("tim", "112", "+390522123400"),  # may not show another line's number
        Attempt("bolzano", "112", "0471555000"),
        Attempt("spare", "112", "00390471555000"),
    )


@pytest.mark.row("P17")
@pytest.mark.parametrize("prefix", ["", "0", "9"])
@pytest.mark.parametrize("number", ["112", "113", "115", "118"])
@pytest.mark.parametrize("before", ["", "prefix", "+39", "0039", "prefix 0039"])
@pytest.mark.parametrize("caller", ["210", "215", "218", "nobody"])
def test_emergency_numbers_are_reached_by_everybody_however_they_are_dialled(
    prefix, number, before, caller
):
    dialled = before.replace("prefix", prefix).replace(" ", "") + number
    decision = ask(caller, dialled, NIGHT, policy(prefix=prefix), foreign_in_all=99)
    assert (decision.allowed, decision.number) == (True, number)


def test_the_company_s_own_emergency_list_replaces_the_country_s():
    own = policy(policy_company(numbering=Numbering(emergency=("112", "1530"))))
    assert ask("210", "1530", rules=own).rule == "emergency"
    assert ask("210", "118", rules=own).rule == "class/internal/service"


def test_without_any_line_the_answer_says_so():
    bare = policy(policy_company(trunks=Trunks(), outbound_routes=registry.empty_state()[
        "outbound_routes"], dids=registry.empty_state()["dids"]))  # fmt: skip
    assert ask("215", "0521123456", rules=bare).rule == "lines"


def test_a_limit_of_none_bars_every_call_abroad():
    none = policy(policy_company(classes_of_service=replace(
        policy_company()["classes_of_service"], foreign_calls_in_all=0)))  # fmt: skip
    assert ask("217", "+493012345678", rules=none).rule == "limit/system"


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        ask("215", "112", datetime.datetime(2026, 1, 1))


@pytest.mark.parametrize(("state", "where"), [
    (Classes(system_class="gone"), "classes_of_service/system_class"),
])  # fmt: skip
def test_a_class_that_does_not_exist_is_a_fault(state, where):
    company = policy_company(classes_of_service=state)
    assert where in {fault.where for fault in registry.check(company)}
