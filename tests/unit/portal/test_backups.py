"""Backups in the portal: the code, the list, the way back, each for who may."""

import io
import time

import pytest

from appliance.services.backups import Target
from portal.core import draft
from portal.core.db import transaction
from portal.core.draft import Edit
from portal.core.pretend_backups import CODE, HOST_KEY
from portal.core.shapes import Place
from portal.preview import add_account
from tests.support.portal_accounts import session_of
from tests.unit.portal.conftest import PASSWORD

pytestmark = pytest.mark.row("N12")


@pytest.fixture
def english(manager):
    manager.send("/me/language", {"language": "en"})
    return manager


@pytest.fixture
def engine(app):
    return app.extensions["engine"]


@pytest.fixture
def ready(english, engine):
    """A browser of a portal that has a recovery code."""
    engine.propose_backup_code()
    engine.accept_backup_code(CODE[-4:])
    return english


def ended(browser, address):
    """The fragment of a job once it has ended."""
    deadline = time.monotonic() + 10
    while True:
        page = browser.get(address, headers={"HX-Request": "1"}).text
        if "hx-get" not in page:
            return page
        assert time.monotonic() < deadline


def restore(browser, **changed):
    form = {"kind": "here", "name": "x.backup", "code": CODE.lower(), "word": "RESTORE"}
    return browser.send("/backups/restore", {**form, **changed})


def upload(browser, name="old.backup", address="/backups/upload"):
    form = {"file": (io.BytesIO(b"x" * 50_000), name)}
    return browser.send(address, form, content_type="multipart/form-data")


def test_nothing_is_made_before_there_is_a_recovery_code(english):
    assert "Make the recovery code" in english.get("/backups/").text
    english.send("/backups/now")
    assert "without one no backup is made" in english.get("/backups/").text


def test_the_code_is_shown_once_and_counts_for_who_has_written_it_down(english):
    shown = english.send("/backups/code")
    assert CODE in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    wrong = english.send("/backups/code/accept", {"code": CODE, "last": "AAAA"})
    assert wrong.status_code == 422
    assert "not its last four signs" in wrong.text
    english.send("/backups/code/accept", {"code": CODE, "last": CODE[-4:]})
    assert "Back up now" in english.get("/backups/").text
    assert CODE not in english.get("/backups/code").text
    assert CODE not in english.get("/audit/").text


def test_the_code_can_be_kept_as_a_file(english):
    answer = english.send("/backups/code/file", {"code": CODE})
    assert CODE in answer.text
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_backup_shows_its_steps_and_then_that_it_was_rehearsed(ready, engine):
    engine.pace_s = 0.05
    ready.send("/backups/now")
    assert "A backup is being made" in ready.get("/backups/").text
    deadline = time.monotonic() + 10
    while ready.get("/backups/step").status_code == 200:
        assert time.monotonic() < deadline
    page = ready.get("/backups/").text
    assert "214 questions, 7 s" in page
    assert "18.4 MB" in page


def test_a_backup_that_failed_its_rehearsal_is_told_with_the_reason(ready, engine):
    engine.add_pretended_backup(passed=False)
    page = ready.get("/backups/").text
    assert "cannot be restored" in page
    assert "extension 215 is not there" in page


def test_a_backup_is_deleted_after_a_question(ready, engine):
    name = engine.add_pretended_backup(passed=True)
    assert "no other copy" in ready.get(f"/backups/delete?name={name}").text
    assert "here" in ready.get("/backups/").text
    ready.send("/backups/delete", {"name": name})
    assert "deleted" in ready.get("/backups/").text


def test_a_backup_is_handed_over_as_a_file(ready, engine, app):
    name = engine.add_pretended_backup(passed=True)
    folder = app.extensions["settings"].backups
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"encrypted")
    with ready.get(f"/backups/file/{name}") as answer:
        assert answer.data == b"encrypted"
        assert name in answer.headers["Content-Disposition"]


def test_a_file_that_is_no_known_backup_is_not_handed_over(ready, app):
    folder = app.extensions["settings"].backups
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "secret.txt").write_text("no")
    assert ready.get("/backups/file/secret.txt").status_code == 404
    assert ready.get("/backups/file/..%2fportal.sqlite3").status_code == 404


def test_restoring_warns_of_calls_and_wants_a_word(ready, engine):
    name = engine.add_pretended_backup(passed=True)
    assert "2 calls are going on" in ready.get(f"/backups/restore?kind=here&name={name}").text
    refused = restore(ready, name=name, word="restore please")
    assert refused.status_code == 422
    assert "Type the word" in refused.text


def test_a_wrong_recovery_code_is_told_and_nothing_begins(ready):
    refused = restore(ready, code=CODE[:-1] + "7")
    assert refused.status_code == 422
    assert "mistyped" in refused.text
    assert CODE[:-1] not in refused.text


def test_restoring_ends_with_a_restart(ready):
    answer = restore(ready)
    page = ended(ready, answer.location)
    assert "The machine restarts now" in page
    assert "backup.restore" in ready.get("/audit/").text


def test_a_backup_that_was_sent_goes_on_to_the_confirmation(ready):
    answer = upload(ready)
    assert "/backups/restore?kind=upload&name=old-" in answer.location
    assert "Recovery code" in ready.get(answer.location).text


def test_something_else_than_a_backup_is_told_by_its_name(ready):
    upload(ready, "picture.png")
    assert "ends in .backup" in ready.get("/backups/").text


@pytest.fixture
def place(app, ready):
    target = Target("nas", "NAS", "sftp", "nas.example", "/backups", "pbx")
    with app.test_request_context(), transaction():
        draft.commit([Edit(Place("backups", "targets", "nas"), target, 0)], "test", "NAS")
    return ready


def test_an_sftp_server_is_recognised_by_the_keys_that_were_looked_at(place, app):
    page = place.get("/backups/recognise/nas").text
    assert "ED25519 SHA256:" in page
    place.send("/backups/recognise/nas", {"version": "1", "key": HOST_KEY})
    with app.test_request_context():
        target = draft.instance(draft.find(Place("backups", "targets", "nas")))
    assert target.host_keys == (HOST_KEY,)


def test_a_place_is_tried_before_it_is_applied(place):
    answer = place.send("/backups/try/nas")
    assert "takes files and gives them back" in ended(place, answer.location)


def test_what_is_at_a_place_can_be_restored(place, engine):
    name = engine.add_pretended_backup(passed=True)
    page = ended(place, place.get("/backups/at/nas").location)
    assert name in page
    assert "kind=target" in page


def test_an_operator_sees_nothing_of_backups(app, engine):
    add_account(app, "op@example.com", "Op", PASSWORD, "operator")
    operator = session_of(app, "op@example.com")
    assert operator.get("/backups/").status_code == 403
    assert operator.get("/backups/code").status_code == 403


# ── before there is any account ───────────────────────────────────────────────────────


@pytest.fixture
def nobody(app):
    return app.test_client()


def token(browser, address="/setup/restore"):
    return browser.get(address).text.split('name="csrf_token" value="')[1].split('"')[0]


def post(browser, address, form, **more):
    return browser.post(address, data={**form, "csrf_token": token(browser)}, **more)


def test_a_new_machine_takes_a_backup_from_who_has_both_codes(app, nobody):
    app.config["PROPAGATE_EXCEPTIONS"] = False
    code = app.extensions["settings"].setup_code.read_text()
    form = {"file": (io.BytesIO(b"x" * 1000), "old.backup")}
    refused = post(nobody, "/setup/upload", form, content_type="multipart/form-data")
    assert refused.status_code == 404
    post(nobody, "/setup/restore/allow", {"code": code})
    form = {"file": (io.BytesIO(b"x" * 1000), "old.backup")}
    sent = post(nobody, "/setup/upload", form, content_type="multipart/form-data")
    name = sent.location.split("name=")[1]
    words = {"name": name, "code": CODE, "word": "RIPRISTINA", "identity": "take"}
    begun = post(nobody, "/setup/restore", words)
    assert "si riavvia adesso" in ended(nobody, begun.location)


def test_a_wrong_one_time_code_opens_nothing(nobody):
    post(nobody, "/setup/restore/allow", {"code": "AAAA-AAAA-AAAA-AAAA"})
    assert post(nobody, "/setup/restore", {"name": "x", "word": "RIPRISTINA"}).status_code == 404


def test_a_machine_with_accounts_is_not_restored_without_signing_in(app, nobody, manager):
    assert nobody.get("/setup/restore").status_code == 302


@pytest.mark.row("N12")
def test_each_test_call_of_a_rehearsal_is_shown_with_where_it_led(ready, engine):
    name = engine.add_pretended_backup(passed=True)
    shown = engine._find(name)["rehearsal"]["calls"]
    shown[2] |= {"passed": False, "arrived": "to-ring-group,600,1"}
    page = ready.get("/backups/").get_data(as_text=True)
    assert "Test calls: 3 of 4 arrived" in page
    assert "Call from outside to +390522123215: it arrived at to-ring-group,600,1" in page
