"""What is dialled becomes one canonical number, as an independent library reads it too."""

from __future__ import annotations

import random

import phonenumbers
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from phonenumbers import CountryCodeSource
from phonenumbers import PhoneNumberType as Kind

from appliance.policy import countries
from appliance.policy.numbers import Number, Rules, formatted, normalise, received, shown

ITALY = countries.country("IT")
GERMANY = countries.country("DE")


def rules(plan=ITALY, prefix="", area_code=""):
    return Rules(plan, prefix, area_code, countries.table(plan, plan.emergency, area_code))


def read(dialled, **options):
    found = normalise(dialled, rules(**options))
    return (found.text, found.row.category) if isinstance(found, Number) else found


@pytest.mark.parametrize(("dialled", "number"), [
    ("0522123456", ("+390522123456", "national")),
    ("+390522123456", ("+390522123456", "national")),
    ("00390522123456", ("+390522123456", "national")),
    ("+39 0522 12-34.56", ("+390522123456", "national")),
    ("(0522) 12 34 56", ("+390522123456", "national")),
    ("338 123\u00a04567", ("+393381234567", "mobile")),
    ("800123456", ("+39800123456", "toll_free")),
    ("803116", ("+39803116", "toll_free")),
    ("848800000", ("+39848800000", "shared_cost")),
    ("199123456", ("+39199123456", "shared_cost")),
    ("1781234567", ("+391781234567", "shared_cost")),
    ("144123456", ("+39144123456", "premium")),
    ("166123456", ("+39166123456", "premium")),
    ("892000", ("+39892000", "premium")),
    ("899123456", ("+39899123456", "premium")),
    ("1254", ("1254", "premium")),
    ("45510", ("45510", "premium")),
    ("10288", ("10288", "premium")),
    ("119", ("119", "service")),
    ("187", ("187", "service")),
    ("112", ("112", "emergency")),
    ("+39112", ("112", "emergency")),
    ("116117", ("116117", "social")),
    ("116000", ("116000", "social")),
    ("114", ("114", "social")),
    ("117", ("117", "social")),
    ("1515", ("1515", "social")),
    ("1522", ("1522", "social")),
    ("1530", ("1530", "social")),
    ("00493012345678", ("+493012345678", "foreign")),
    ("+881612345678", ("+881612345678", "satellite")),
    ("00882123456789", ("+882123456789", "satellite")),
    ("+870773123456", ("+870773123456", "satellite")),
    ("+12425551234", ("+12425551234", "foreign")),
    ("+44906123456789", ("+44906123456789", "premium")),
    ("٠٥٢٢١٢٣٤٥٦", "signs"),
    ("０５２２１２３４５６", "signs"),
    ("0522123456&0338", "signs"),
    ("0522,123", "signs"),
    ("++390522123456", "signs"),
    ("0522+123", "signs"),
    ("", "signs"),
    ("*21", "signs"),
    ("0" * 41, "signs"),
    ("2222222222", "unknown"),
    ("6123456", "unknown"),
    ("+2101234567", "unknown"),
    ("+9991234567", "unknown"),
    ("05221", "length"),
    ("112345678", "length"),
    ("1288003906123", "length"),
    ("+4930123456789012345", "length"),
])  # fmt: skip
def test_italian_dialling_is_read_by_one_table(dialled, number):
    assert read(dialled) == number


@pytest.mark.parametrize(("dialled", "number"), [
    ("00522123456", ("+390522123456", "national")),
    ("0003901234567", ("+3901234567", "national")),
    ("000493012345678", ("+493012345678", "foreign")),
    ("+390522123456", ("+390522123456", "national")),
    ("3381234567", "prefix"),
    ("0", "unknown"),
    # Without the prefix the first zero counts as one, and 522… exists nowhere.
    ("0522123456", "unknown"),
])  # fmt: skip
def test_with_an_outside_prefix_only_what_stands_behind_it_leads_outside(dialled, number):
    assert read(dialled, prefix="0") == number


@pytest.mark.parametrize(("dialled", "number"), [
    ("03012345678", ("+493012345678", "local")),
    ("12345678", ("+493012345678", "local")),
    ("08912345678", ("+498912345678", "national")),
    ("015112345678", ("+4915112345678", "mobile")),
    ("09001234567", ("+499001234567", "premium")),
    ("01801234567", ("+491801234567", "shared_cost")),
    ("110", ("110", "emergency")),
    ("115", ("115", "service")),
    ("116117", ("116117", "social")),
    ("00390522123456", ("+390522123456", "foreign")),
])  # fmt: skip
def test_a_second_country_is_a_file_and_no_code(dialled, number):
    assert read(dialled, plan=GERMANY, area_code="30") == number


def test_the_own_area_is_local_and_the_next_one_is_not():
    assert read("0522123456", area_code="0522")[1] == "local"
    assert read("0521123456", area_code="0522")[1] == "national"


@pytest.mark.parametrize("file", sorted((*countries.available(), "world")))
def test_each_country_file_names_known_kinds_and_sane_lengths(file):
    rows = countries.world("") if file == "world" else countries.country(file).rows
    for row in rows:
        assert row.category in countries.CATEGORIES
        assert len(row.prefix) <= row.shortest <= row.longest <= 17, row


@pytest.mark.parametrize("code", countries.available())
def test_emergency_numbers_of_a_country_are_never_missing(code):
    assert "112" in countries.country(code).emergency


# ── against libphonenumber ───────────────────────────────────────────────────────────

OUR_NAME = {
    Kind.FIXED_LINE: {"national"},
    Kind.MOBILE: {"mobile"},
    Kind.TOLL_FREE: {"toll_free"},
    Kind.PREMIUM_RATE: {"premium"},
    # Televoting is called premium here: the stricter reading.
    Kind.SHARED_COST: {"shared_cost", "premium"},
    Kind.PERSONAL_NUMBER: {"shared_cost"},
    Kind.VOIP: {"national"},
    Kind.VOICEMAIL: {"mobile"},
}

DIFFERENT = {
    # The library counts the machines' range 43 as mobile; nobody is called there, and
    # short services by the call begin with 4 as well, so it stays closed.
    "IT": ("43",),
    "DE": (),
}

digits = st.text("0123456789", min_size=4, max_size=11)

MANY_INVALID = [HealthCheck.filter_too_much]
"""Most random digits are no valid number; those examples do not count."""


@settings(max_examples=1500, suppress_health_check=MANY_INVALID)
@given(dialled=digits, intent=st.sampled_from(["", "0", "05", "3", "80", "84", "89", "1", "55"]))
def test_italian_numbers_mean_what_the_library_says(dialled, intent):
    agrees_with_the_library("IT", intent + dialled)


@settings(max_examples=600, suppress_health_check=MANY_INVALID)
@given(dialled=digits, intent=st.sampled_from(["0", "01", "015", "0800", "0900", "030", "018"]))
def test_german_numbers_mean_what_the_library_says(dialled, intent):
    agrees_with_the_library("DE", intent + dialled)


def agrees_with_the_library(region, dialled):
    """Whatever the library calls valid has our number and our kind for it."""
    try:
        theirs = phonenumbers.parse(dialled, region, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        assume(False)
    # It guesses that 39010000 might be +39 010000 without its +; nobody's dialling is guessed.
    assume(theirs.country_code_source != CountryCodeSource.FROM_NUMBER_WITHOUT_PLUS_SIGN)
    plan = countries.country(region)
    assume(phonenumbers.is_valid_number(theirs))
    # It drops a trunk zero behind a country code (0049 0 30 …); we send what was dialled.
    assume(not dialled.startswith("00"))
    # It knows German numbers longer than E.164 allows.
    assume(len(str(theirs.country_code)) + len(str(theirs.national_number)) <= 15)
    assume(not dialled.startswith(tuple(plan.trunk_prefix + d for d in DIFFERENT[region])))
    ours = normalise(dialled, rules(plan))
    assert isinstance(ours, Number), (dialled, ours)
    assert ours.text == phonenumbers.format_number(theirs, phonenumbers.PhoneNumberFormat.E164)
    kind = phonenumbers.number_type(theirs)
    if ours.text.startswith(f"+{plan.calling_code}"):
        assert ours.row.category in OUR_NAME.get(kind, {ours.row.category}), (dialled, kind)


SAME_COUNTRY = {
    "VA": "IT", "GG": "GB", "JE": "GB", "IM": "GB", "SJ": "NO", "CC": "AU", "CX": "AU",
    "EH": "MA", "YT": "RE", "TA": "SH", "AX": "FI", "BL": "GP", "MF": "GP", "BQ": "CW",
}  # fmt: skip
"""Places that share a country's code and plan."""


@settings(max_examples=1200, suppress_health_check=MANY_INVALID)
@given(region=st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), tail=st.data())
def test_foreign_numbers_belong_to_the_country_that_the_library_says(region, tail):
    kinds = tail.draw(st.sampled_from([Kind.FIXED_LINE, Kind.MOBILE, Kind.FIXED_LINE_OR_MOBILE]))
    example = phonenumbers.example_number_for_type(region, kinds)
    assume(example is not None)
    number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    changed = number[:-3] + tail.draw(st.text("0123456789", min_size=3, max_size=3))
    theirs = phonenumbers.parse(changed)
    assume(phonenumbers.is_valid_number(theirs))
    country = phonenumbers.region_code_for_number(theirs)
    ours = normalise("00" + changed[1:], rules())
    assert isinstance(ours, Number), (changed, ours)
    assert ours.row.country == SAME_COUNTRY.get(country, country), changed
    assert (ours.row.category == "foreign") == (ours.row.country != "IT"), changed


@pytest.mark.parametrize("row", [r for r in countries.world("") if r.category == "premium"],
                         ids=lambda row: row.prefix)  # fmt: skip
def test_premium_ranges_abroad_are_premium_for_the_library_too(row):
    if not row.country:
        return assert_code_of_no_country(row)
    chance = random.Random(row.prefix)
    numbers = (
        f"+{row.prefix}{chance.randrange(10**length):0{length}d}"
        for length in range(3, 10)
        for _each in range(300)
    )
    kinds = {phonenumbers.number_type(phonenumbers.parse(number)) for number in numbers}
    assert kinds & {Kind.PREMIUM_RATE, Kind.SHARED_COST}
    assert not kinds & {Kind.MOBILE, Kind.FIXED_LINE}
    return None


def assert_code_of_no_country(row):
    assert phonenumbers.region_code_for_country_code(int(row.prefix)) == "001"


# ── formats ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("number", "form", "sent"), [
    ("+390522123456", "plus", "+390522123456"),
    ("+390522123456", "plain", "390522123456"),
    ("+390522123456", "zeros", "00390522123456"),
    ("+390522123456", "national", "0522123456"),
    ("+493012345678", "national", "00493012345678"),
    ("112", "plus", "112"),
    ("112", "zeros", "112"),
])  # fmt: skip
def test_each_line_gets_numbers_in_its_own_form(number, form, sent):
    assert formatted(number, form, ITALY) == sent


@pytest.mark.parametrize("plan", [ITALY, GERMANY], ids=["IT", "DE"])
@pytest.mark.parametrize("form", ["plus", "plain", "zeros", "national"])
@pytest.mark.parametrize("number", ["+390522123456", "+493012345678", "+12125551234"])
def test_a_number_in_a_line_s_form_is_read_back_as_it_was(plan, form, number):
    assert received(formatted(number, form, plan), form, plan) == number


@pytest.mark.parametrize("text", ["", "anonymous", "restricted", "+", "-"])
def test_a_withheld_number_is_no_number(text):
    assert received(text, "plus", ITALY) == ""


def test_a_caller_of_hostile_length_is_cut():
    assert len(received("9" * 3000, "plus", ITALY)) <= 33


@given(st.sampled_from(["+390522123456", "+493012345678", "+393381234567"]),
       st.sampled_from(["", "0", "9"]))  # fmt: skip
def test_what_phones_show_can_be_dialled_back(number, prefix):
    assert read(shown(number, ITALY, prefix), prefix=prefix)[0] == number
