"""A site that stops reporting is told by the engine's clock, not by its next report."""

import pytest

from appliance.apply.errors import Refused
from appliance.state.faults import StateError
from appliance.state.machine import Layout
from appliance.system.branch_reports import ReportBook
from failover_router.report import SILENT_AFTER_S
from tests.support import branches

pytestmark = pytest.mark.row("I4")

RESERVE = {"name": "site-on-reserve", "subject": "Modena", "site": "modena", "values": {}}
NOW = 1_800_000_000


@pytest.fixture
def book(tmp_path):
    return ReportBook(Layout(tmp_path), lambda: NOW)


@pytest.fixture
def state():
    return branches.company(
        branches.state(branches.branch("modena", 1), branches.branch("bari", 2))
    )


def wrong(book, state):
    return [(each.name, each.subject) for each in book.look(state)]


def test_a_site_that_reports_is_as_its_reports_say(book, state):
    book.keep({"alarms": [RESERVE], "seen": {"modena": NOW}})
    assert wrong(book, state) == [("site-on-reserve", "Modena")]


def test_a_site_that_stops_reporting_is_an_alarm_in_place_of_what_it_said_last(book, state):
    silent = NOW - SILENT_AFTER_S - 1
    book.keep({"alarms": [RESERVE], "seen": {"modena": silent, "bari": NOW - 50}})
    assert wrong(book, state) == [("router-silent", "Modena")]


def test_a_site_that_is_no_branch_any_more_is_not_missed(book, state):
    book.keep({"alarms": [], "seen": {"parma": NOW - 1000}})
    assert wrong(book, state) == []


def test_a_start_of_the_engine_forgets_nothing(book, state, tmp_path):
    book.keep({"alarms": [RESERVE], "seen": {"modena": NOW}})
    later = ReportBook(Layout(tmp_path), lambda: NOW + 100)
    assert wrong(later, state) == [("router-silent", "Modena")]


@pytest.mark.parametrize(
    "data",
    [
        {"alarms": "no list"},
        {"alarms": [{"name": "disk-full", "subject": "x"}]},
        {"alarms": [], "seen": {"modena": "yesterday"}},
        {"alarms": [], "seen": {"../x": 5}},
        {"alarms": [], "seen": [1]},
    ],
)
def test_words_that_make_no_sense_are_refused_and_change_nothing(book, state, data):
    book.keep({"alarms": [RESERVE], "seen": {"modena": NOW}})
    with pytest.raises((Refused, StateError)):
        book.keep(data)
    assert wrong(book, state) == [("site-on-reserve", "Modena")]
