"""Lengths of time: typed in the unit that people count them in, kept in seconds."""

import re

import pytest

from portal.core import draft
from portal.core.fields import duration

BANS = {"tries": "5", "within_s": ["10", "60"], "ban_s": ["1", "3600"]}


def saved(company, manager, **values):
    """The answer to the form of bans, and what the draft holds then."""
    page = manager.get("/bans/")
    version = re.search(r'name="version" value="([^"]+)"', page.text)[1]
    answer = manager.send("/bans/", {**BANS, "version": version, **values})
    with company.app_context():
        return answer, draft.settings("bans")[0]


def test_a_number_of_days_is_kept_in_seconds(company, manager):
    answer, kept = saved(company, manager, longest_s=["14", "86400"])
    assert answer.status_code == 302
    assert (kept.within_s, kept.ban_s, kept.longest_s) == (600, 3600, 14 * 86400)


def test_a_page_shows_the_longest_unit_that_needs_no_fraction(company, manager):
    saved(company, manager, longest_s=["36", "3600"])
    shown = manager.get("/bans/").text.partition('name="longest_s" value="')[2]
    assert shown.startswith('36"')
    assert 'selected value="3600"' in shown.partition("</select>")[0]


@pytest.mark.parametrize(("number", "unit"), [("due", "86400"), ("1.5", "86400"), ("-1", "3600")])
def test_what_is_no_length_of_time_stays_in_the_form_with_its_unit(company, manager, number, unit):
    answer, kept = saved(company, manager, longest_s=[number, unit])
    assert answer.status_code == 422
    assert kept.longest_s == 2592000
    shown = answer.text.partition('name="longest_s" value="')[2]
    assert shown.startswith(f'{number}"')
    assert f'selected value="{unit}"' in shown.partition("</select>")[0]


def test_a_unit_that_does_not_exist_counts_as_seconds(company, manager):
    _answer, kept = saved(company, manager, longest_s=["7200", "86400; x"])
    assert kept.longest_s == 7200


def test_changes_tell_a_length_of_time_in_words(company, manager):
    saved(company, manager, longest_s=["14", "86400"])
    told = re.sub(r"<[^>]+>|\s+", " ", manager.get("/changes/").text)
    assert re.search(r"Blocco più lungo +30 giorni +→ +14 giorni", told)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 secondi"), (90, "90 secondi"), (300, "5 minuti"), (3600, "1 ora"), (86400, "1 giorno")],
)
def test_words_of_a_length_of_time_are_exact(company, seconds, words):
    with company.test_request_context(headers={"Accept-Language": "it"}):
        assert duration(seconds) == words
