"""The pages of processes and logs."""

import pytest

pytestmark = pytest.mark.row("D1")


def test_every_process_says_how_it_is(manager):
    page = manager.get("/services/").text
    assert page.count("badge-good") == 7
    assert "Tutti i servizi funzionano" in page


def test_asterisk_is_restarted_only_by_who_knows_how_many_calls_end(manager):
    assert "3 chiamate in corso" in manager.get("/services/asterisk/restart").text
    answer = manager.send("/services/asterisk/restart", {"calls": "1"})
    assert answer.headers["Location"].endswith("/services/asterisk/restart")
    assert manager.send("/services/asterisk/restart", {"calls": "3"}).status_code == 302
    assert "asterisk" in manager.get("/audit/").text


def test_the_engine_is_not_restarted_from_here(manager):
    assert manager.get("/services/engine/restart").status_code == 404


def test_log_text_is_only_ever_text(manager):
    page = manager.get("/services/logs").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("query", ["process=web", "q=UPSTREAM", "process=web&q=timed"])
def test_logs_are_filtered(manager, query):
    page = manager.get(f"/services/logs?{query}").text
    assert "upstream timed out" in page
    assert "revision=3" not in page


def test_following_needs_no_script_of_the_page(manager):
    page = manager.get("/services/logs?follow=yes").text
    assert 'hx-get="/services/logs/more' in page
    assert '<meta http-equiv="refresh"' in page
    assert "<html" not in manager.get("/services/logs/more?cursor=5").text


def test_nonsense_in_the_address_is_no_error(manager):
    assert manager.get("/services/logs?level=x&since=y&q=%00%1b").status_code == 200


def test_the_log_is_downloaded_as_plain_text_and_that_is_noted(manager):
    answer = manager.send("/services/logs.txt", {"process": "web"})
    assert answer.mimetype == "text/plain"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "scaricati" in manager.get("/audit/").text
