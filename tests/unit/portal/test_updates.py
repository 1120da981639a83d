"""Updates in the portal: taken in, checked, installed and started, each by who may."""

import io
import time

import pytest

from portal.preview import add_account
from portal.updates import views
from tests.support.portal_accounts import session_of


def ended(browser):
    """The page once the work has ended."""
    deadline = time.monotonic() + 10
    while browser.get("/updates/work").status_code == 200:
        assert time.monotonic() < deadline
    return browser.get("/updates/").text


def sent(browser, name="new.update", content=b"x" * 100_000):
    return browser.send("/updates/upload", {"file": (io.BytesIO(content), name)},
                        content_type="multipart/form-data")  # fmt: skip


@pytest.fixture
def english(manager):
    manager.send("/me/language", {"language": "en"})
    return manager


def uploads(app):
    return sorted(path.name for path in (app.extensions["settings"].folder / "uploads").iterdir())


@pytest.mark.row("D1")
def test_an_update_goes_all_the_way_in_the_browser(app, english):
    assert "No update was installed yet" in english.get("/updates/").text
    assert sent(english).status_code == 302
    assert "Install version 9.0.0" in ended(english)
    english.send("/updates/install", {"kind": "upload", "name": "new.update", "version": "9.0.0"})
    assert "Restart into version 9.0.0" in ended(english)
    english.send("/updates/start", {"when": "quiet", "version": "9.0.0"})
    page = ended(english)
    assert "Version 9.0.0 works and was kept" in page
    assert "Go back to version" in page


def test_an_upload_is_kept_under_a_harmless_name_and_replaces_the_one_before(app, english):
    sent(english, "../../etc/passwd .update")
    (first,) = uploads(app)
    assert first.startswith("etc-passwd-")
    assert first.endswith(".update")
    ended(english)
    sent(english, "b.update", b"second")
    (second,) = uploads(app)
    assert second.startswith("b-")
    assert (app.extensions["settings"].folder / "uploads" / second).read_bytes() == b"second"


def test_what_is_no_update_by_its_name_is_told_at_once(app, english):
    page = sent(english, "picture.png")
    assert page.status_code == 302
    assert "ends in .update" in english.get("/updates/").text
    assert uploads(app) == []


def test_an_upload_may_be_larger_than_other_requests_and_others_may_not(app, english, monkeypatch):
    app.config["MAX_CONTENT_LENGTH"] = 1000
    assert sent(english).status_code == 302
    form = {"file": (io.BytesIO(b"x" * 5000), "a.csv")}
    refused = english.send("/updates/check", form, content_type="multipart/form-data")
    assert refused.status_code == 413


def test_an_upload_that_the_disk_has_no_room_for_is_not_begun(app, english, monkeypatch):
    monkeypatch.setattr("portal.core.uploads.LEFT_FREE", 2**60)
    answer = sent(english)
    assert answer.status_code == 409
    assert "no room" in answer.text
    assert uploads(app) == []


def test_without_the_pages_token_nothing_is_kept(app, english):
    form = {"file": (io.BytesIO(b"x"), "new.update")}
    answer = english.post("/updates/upload", data=form, content_type="multipart/form-data")
    assert answer.status_code == 400
    assert uploads(app) == []


def test_without_permission_not_even_the_body_is_read(app, monkeypatch):
    add_account(app, "op@example.com", "Olga", "quattro lampioni blu dondolano", "operator")
    browser = session_of(app, "op@example.com")
    browser.token()

    def never(*_arguments):
        raise AssertionError("the file was read")

    monkeypatch.setattr("portal.core.uploads.tempfile.NamedTemporaryFile", never)
    assert sent(browser).status_code == 403
    assert browser.get("/updates/").status_code == 403


def test_what_a_check_finds_is_said_in_the_readers_language(app, manager):
    engine = app.extensions["engine"]
    engine.refusal = {"text": "This file is no update.", "values": {}}
    sent(manager)
    assert "Questo file non è un aggiornamento." in ended(manager)


def test_updates_on_a_stick_are_offered(english):
    english.send("/updates/find")
    page = ended(english)
    assert "STICK: centralino-9.0.0.update" in page
    assert 'name="device" value="sdb1"' in page


def test_two_works_at_a_time_are_refused_with_a_word(app, english):
    app.extensions["engine"].pace_s = 10
    english.send("/updates/find")
    english.send("/updates/find")
    assert "at work already" in english.get("/updates/").text
    english.send("/updates/cancel")
    assert "stopped by hand" in english.get("/updates/").text


def test_an_address_that_is_not_https_is_refused(english):
    english.send("/updates/address", {"address": "http://example.com/a.update"})
    assert "begins with https://" in english.get("/updates/").text
    english.send("/updates/address", {"address": "https://example.com/a.update"})
    assert 'value="https://example.com/a.update"' in english.get("/updates/").text


@pytest.mark.parametrize("at", ["", "tomorrow", "2026-05-01T02:00:00+02:00"])
def test_a_time_that_is_none_starts_nothing(app, english, at):
    english.send("/updates/start", {"when": "at", "at": at})
    assert "Say the day and the hour" in english.get("/updates/").text
    assert app.extensions["engine"].updates()["work"] is None


def test_a_time_is_meant_in_the_zone_of_the_page(app):
    with app.test_request_context():
        assert views._moment("2026-07-01T02:00") == "2026-07-01T00:00:00+00:00"
        assert views._moment("2026-12-01T02:00") == "2026-12-01T01:00:00+00:00"


def test_every_request_is_in_the_audit_log(app, english):
    sent(english)
    assert "Update checked" in english.get("/audit/").text


def test_a_return_says_what_did_not_answer(app, english):
    event = {"what": "returned", "version": "9.0.0", "from_version": "0.1.0", "started": True,
             "why": ["portal: <b>gone</b>"], "when": "2026-05-01T02:00:00+00:00"}  # fmt: skip
    app.extensions["engine"]._desk()["history"].append(event)
    page = english.get("/updates/").text
    assert "did not come up in time; version 0.1.0 is back" in page
    assert "portal: &lt;b&gt;gone&lt;/b&gt;" in page


def test_a_machine_with_one_system_says_how_it_is_updated(app, english):
    app.extensions["engine"]._desk().update(supported=False, slot="")
    page = english.get("/updates/").text
    assert "one system only" in page
    assert "Upload" not in page
