"""Summer time as phones are told it, against the zone database, year by year."""

import datetime
import zoneinfo

import pytest

from appliance.state.fields import time_zones
from provisioning import render, zones
from tests.support.phone_estate import device, phone
from tests.support.vendors.readers import READERS

YEARS = range(2025, 2041)

MODELS = {"yealink": "yealink-t54w", "snom": "snom-d785", "cisco": "cisco-8851"}

# Zones whose changes a format cannot say: a moment outside the day it is named after, or
# no yearly rule at all. Everything else must be told exactly.
BEYOND = {
    ("yealink", "America/Santiago"),
    ("snom", "America/Santiago"),
    ("yealink", "Asia/Jerusalem"),
    ("snom", "Asia/Jerusalem"),
    ("yealink", "America/Nuuk"),
    ("snom", "America/Nuuk"),
    ("cisco", "America/Nuuk"),
    ("yealink", "Africa/Casablanca"),
    ("snom", "Africa/Casablanca"),
    ("cisco", "Africa/Casablanca"),
}

ZONES = (
    "Europe/Rome",
    "America/New_York",
    "Europe/London",
    "Europe/Dublin",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "America/Santiago",
    "America/Nuuk",
    "Asia/Jerusalem",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Africa/Casablanca",
    "UTC",
)


def true_transitions(name):
    """(UTC moment, offset from then on) of every change that the zone database knows."""
    zone = zoneinfo.ZoneInfo(name)

    def offset(at):
        return int(at.replace(tzinfo=datetime.UTC).astimezone(zone).utcoffset().total_seconds())

    day, found = datetime.datetime(YEARS[0], 1, 1), []
    while day.year < YEARS.stop:
        after = day + datetime.timedelta(1)
        if offset(day) != offset(after):
            low, high = day, after
            while high - low > datetime.timedelta(seconds=1):
                middle = low + (high - low) // 2
                low, high = (low, middle) if offset(middle) != offset(low) else (middle, high)
            found.append((high.replace(microsecond=0), offset(high)))
        day = after
    return found


@pytest.mark.parametrize("vendor", MODELS)
@pytest.mark.parametrize("name", ZONES)
@pytest.mark.row("K4")
def test_a_phone_changes_its_clock_exactly_when_the_zone_does(vendor, name):
    wanted = phone(device(MODELS[vendor]), zone=name)
    clock = READERS[vendor](render.configuration(wanted).content, wanted.mac).clock
    warned = any("clock changes" in str(problem) for problem in render.problems(wanted))
    assert warned == ((vendor, name) in BEYOND)
    if warned:
        assert clock.change is None
        assert clock.offset_s == zones.rule_of(name).offset_s
    else:
        assert clock.transitions(YEARS) == true_transitions(name)
        begin = datetime.datetime(YEARS[0], 1, 1, tzinfo=datetime.UTC)
        winter = begin.astimezone(zoneinfo.ZoneInfo(name)).utcoffset().total_seconds()
        assert winter in (clock.offset_s, clock.offset_s + clock.saving_s)


def test_every_zone_of_this_machine_has_a_rule():
    for name in sorted(time_zones()):
        zones.parse_footer(zones.footer_of(name))


@pytest.mark.parametrize(
    ("footer", "offset_s", "saving_s"),
    [("CET-1CEST,M3.5.0,M10.5.0/3", 3600, 3600), ("<+0545>-5:45", 20700, 0), ("EST5", -18000, 0)],
)
def test_a_footer_is_read_with_its_signs_turned(footer, offset_s, saving_s):
    rule = zones.parse_footer(footer)
    assert (rule.offset_s, rule.saving_s) == (offset_s, saving_s)


def test_irish_winter_time_is_the_same_as_british_summer_time():
    dublin, london = zones.rule_of("Europe/Dublin"), zones.rule_of("Europe/London")
    assert dublin == london


@pytest.mark.parametrize("footer", ["CET-1CEST,J60,J300", "", "CET-1CEST,M3.5.0", "garbage\n"])
def test_a_footer_that_is_not_understood_is_an_error(footer):
    with pytest.raises(ValueError, match="not understood"):
        zones.parse_footer(footer)


def test_a_name_that_is_no_zone_reads_no_file():
    with pytest.raises(zones.UnknownZone):
        zones.rule_of("../../etc/passwd")
