"""The list of alarms, who looks at the machine, and the mails about it."""

import json
import sys
from types import SimpleNamespace

import pytest

from appliance.services import registry
from appliance.services.alarms import State
from appliance.state.faults import StateError
from appliance.state.machine import Layout
from appliance.system import alarm_kinds, alarm_watchers, alarms, metrics
from appliance.system.alarm_mail import AT_MOST_EVERY_S, SETTLE_S, AlarmMailer
from appliance.system.alarms import AlarmBook, Raised
from appliance.system.overseer import ProcessFacts, RestartCounter

pytestmark = pytest.mark.row("D1")


class Hands:
    """A clock that is turned by hand."""

    def __init__(self):
        self.now = 1_000_000

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Hands()


@pytest.fixture
def book(tmp_path, clock):
    return AlarmBook(tmp_path / "alarms.json", clock)


DOWN = Raised("trunk-down", "Alfatel")


def test_what_a_source_does_not_tell_any_more_is_over(book, clock):
    book.report("trunks", [DOWN])
    clock.now += 60
    book.report("trunks", [])
    assert book.open() == []
    assert [(a.subject, a.until - a.since) for a in book.over()] == [("Alfatel", 60)]


def test_sources_do_not_end_each_others_alarms(book):
    book.report("trunks", [DOWN])
    book.report("disks", [])
    assert [alarm.name for alarm in book.open()] == ["trunk-down"]


def test_an_alarm_that_goes_on_keeps_its_beginning_and_tells_the_newest_figure(book, clock):
    book.report("disks", [Raised("disk-full", values={"percent": "91"})])
    begin = clock.now
    clock.now += 600
    book.report("disks", [Raised("disk-full", values={"percent": "97"})])
    (alarm,) = book.open()
    assert alarm.since == begin
    assert "97 %" in alarm.text("it")


def test_a_restart_forgets_neither_the_beginning_nor_who_knows(book, clock, tmp_path):
    book.report("trunks", [DOWN])
    book.acknowledge("trunk-down", "Alfatel", "ada@example.com")
    clock.now += 3600
    again = AlarmBook(tmp_path / "alarms.json", clock)
    again.report("trunks", [DOWN])
    (alarm,) = again.open()
    assert (alarm.since, alarm.acknowledged_by) == (clock.now - 3600, "ada@example.com")


def test_a_damaged_list_begins_anew_instead_of_stopping_the_engine(tmp_path):
    path = tmp_path / "alarms.json"
    path.write_text('{"open": [{"name": 7}]}')
    assert AlarmBook(path).open() == []


def test_an_alarm_of_an_unknown_name_is_not_taken(book):
    book.report("x", [Raised("no-such-thing")])
    assert book.open() == []


def test_acknowledging_what_is_over_says_so(book):
    with pytest.raises(LookupError, match="over already"):
        book.acknowledge("disk-full", "", "ada@example.com")


def test_subjects_from_outside_cannot_break_a_line(book):
    book.report("trunks", [Raised("trunk-down", "Alfa\r\nBcc: x\u2028y", {"reason": "a\x1b[31m"})])
    (alarm,) = book.open()
    assert alarm.text("en").isprintable()


def test_every_kind_fills_its_sentences_in_both_languages():
    for kind in alarm_kinds.KINDS.values():
        for words in (kind.text, kind.advice):
            for language in ("en", "it"):
                assert words.in_language(language, {"subject": "x"}).isprintable()


# ── files that other processes leave ──────────────────────────────────────────────────


def test_a_file_left_by_another_process_is_read(tmp_path):
    layout = Layout(tmp_path)
    alarms.drop(layout, "backup", [Raised("backup-failed", "NAS", {"reason": "no room"})])
    assert alarms.dropped(layout)["backup"][0].values == {"reason": "no room"}
    alarms.drop(layout, "backup", [])
    assert alarms.dropped(layout) == {"backup": ()}


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"alarms": [1]}', '{"alarms": [{"name": "../x"}]}', '{"alarms": 5}', "{" * 9999],
)
def test_a_file_that_makes_no_sense_counts_for_nothing(tmp_path, content):
    layout = Layout(tmp_path)
    alarms.drop(layout, "vpn", [])
    (alarms.folder(layout) / "vpn.json").write_text(content)
    assert alarms.dropped(layout) == {}


def test_a_source_must_have_a_plain_name(tmp_path):
    with pytest.raises(StateError):
        alarms.drop(Layout(tmp_path), "../../etc/cron", [])


# ── looking at the machine ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("used", "open_before", "raised"),
    [
        (0.79, "", []),
        (0.80, "", ["disk-nearly-full"]),
        (0.79, "disk-nearly-full", ["disk-nearly-full"]),
        (0.77, "disk-nearly-full", []),
        (0.90, "", ["disk-full"]),
        (0.89, "disk-full", ["disk-full"]),
    ],
)
def test_the_disk_is_told_of_at_80_and_90_percent(
    tmp_path, book, monkeypatch, used, open_before, raised
):
    if open_before:
        book.report("disks", [Raised(open_before)])
    monkeypatch.setattr(alarm_watchers.space, "free_share", lambda _folder: 1 - used)
    found = alarm_watchers.disks(Layout(tmp_path), book)
    assert [each.name for each in found] == raised


def test_short_memory_is_told_of(tmp_path, book):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 1000 kB\nMemAvailable: 70 kB\nHugePages_Total: 0\n")
    (found,) = alarm_watchers.memory(book, meminfo)
    assert found.values == {"percent": "7"}


@pytest.mark.parametrize(
    ("days", "own", "raised"),
    [
        (29, True, []),
        (13, True, ["certificate-expires"]),
        (29, False, ["certificate-expires"]),
        (2, False, ["certificate-expires-soon"]),
        (-4, True, ["certificate-expires-soon"]),
    ],
)
def test_certificates_are_told_of_before_they_end(monkeypatch, days, own, raised):
    facts = SimpleNamespace(name="web", expires=days * 86400 + 60, own=own)
    monkeypatch.setattr(alarm_watchers.certificate_facts, "installed", lambda _layout: [facts])
    found = list(alarm_watchers.certificates(Layout(), 0))
    assert [each.name for each in found] == raised


def test_a_clock_is_told_of_a_day_after_the_last_word_from_a_time_server():
    watched = alarm_watchers.Clock()
    assert list(watched.look(True, 100.0)) == []
    assert list(watched.look(False, 200.0)) == []
    assert list(watched.look(False, 200.0 + 14 * 3600)) == []
    (found,) = watched.look(False, 200.0 + 15 * 3600)
    assert found.values == {"hours": "24"}


def facts(restarts, phase="ready"):
    return (ProcessFacts("live", "", phase, restarts=restarts),)


def test_a_process_that_is_started_three_times_within_ten_minutes_is_told_of():
    counter = RestartCounter()
    assert counter.often(facts(4), 0) == {}
    assert counter.often(facts(6), 300) == {}
    assert counter.often(facts(7), 400) == {"live": 3}
    assert counter.often(facts(7), 1100) == {}


def test_a_new_supervisor_that_counts_from_zero_is_no_alarm():
    counter = RestartCounter()
    counter.often(facts(9), 0)
    assert counter.often(facts(0), 10) == {}


def test_a_process_that_is_not_ready_is_told_of_after_two_minutes():
    watched = alarm_watchers.Processes()
    assert list(watched.look(facts(0, "failing"), {}, 10, 0.0)) == []
    (found,) = watched.look(facts(0, "failing"), {}, 10, 121.0)
    assert (found.name, found.subject) == ("process-not-ready", "live")


# ── mails ─────────────────────────────────────────────────────────────────────────────

WISHES = State(addresses=("it@example.com",), language="en")
SENDER = "pbx@example.com"


@pytest.fixture
def mailer(book, clock, tmp_path):
    """Hands mails to a program that keeps them as files."""
    keep = (
        "import sys, time; open(sys.argv[1] + f'/{time.time_ns()}', 'wb')"
        ".write(sys.stdin.buffer.read())"
    )
    folder = tmp_path / "sent"
    folder.mkdir()
    return AlarmMailer(book, [sys.executable, "-c", keep, str(folder)], "pbx", clock)


@pytest.fixture
def sent(mailer, tmp_path):
    """The mails so far."""
    return lambda: [path.read_text() for path in sorted((tmp_path / "sent").iterdir())]


def test_an_alarm_that_lasts_is_sent_with_what_to_do(mailer, book, clock, sent):
    book.report("trunks", [DOWN])
    assert not mailer.look(WISHES, SENDER)
    clock.now += SETTLE_S
    assert mailer.look(WISHES, SENDER)
    (mail,) = sent()
    assert "To: it@example.com" in mail
    assert "Auto-Submitted: auto-generated" in mail
    assert "CRITICAL: The line" in mail
    assert "ask the carrier" in mail


def test_it_is_not_sent_again_before_its_time_nor_once_somebody_knows(mailer, book, clock, sent):
    book.report("trunks", [DOWN])
    clock.now += SETTLE_S
    mailer.look(WISHES, SENDER)
    clock.now += 23 * 3600
    assert not mailer.look(WISHES, SENDER)
    clock.now += 3600
    assert mailer.look(WISHES, SENDER)
    book.acknowledge("trunk-down", "Alfatel", "ada")
    clock.now += 25 * 3600
    assert not mailer.look(WISHES, SENDER)
    assert len(sent()) == 2


def test_a_storm_of_alarms_makes_one_mail_in_five_minutes(mailer, book, clock, sent):
    for number in range(10):
        lines = [Raised("trunk-down", f"line {n}", {"reason": "x"}) for n in range(number + 1)]
        book.report("trunks", lines)
        clock.now += SETTLE_S
        mailer.look(WISHES, SENDER)
    assert len(sent()) == 1 + 9 * SETTLE_S // AT_MOST_EVERY_S


def test_what_was_sent_is_called_off_when_it_is_over(mailer, book, clock, sent):
    book.report("trunks", [DOWN])
    clock.now += SETTLE_S
    mailer.look(WISHES, SENDER)
    clock.now += 10
    book.report("trunks", [])
    clock.now += AT_MOST_EVERY_S
    assert mailer.look(WISHES, SENDER)
    assert "alarm over" in sent()[1]
    clock.now += AT_MOST_EVERY_S
    assert not mailer.look(WISHES, SENDER)


def test_warnings_are_kept_from_those_who_want_critical_ones_only(mailer, book, clock):
    book.report("disks", [Raised("disk-nearly-full")])
    clock.now += SETTLE_S
    assert not mailer.look(State(addresses=("it@example.com",), least="critical"), SENDER)


def test_a_relay_that_takes_nothing_is_tried_again(book, clock):
    mailer = AlarmMailer(book, ["false"], "pbx", clock)
    book.report("trunks", [DOWN])
    clock.now += SETTLE_S
    mailer.look(WISHES, SENDER)
    assert book.open()[0].mailed == 0
    clock.now += AT_MOST_EVERY_S
    assert mailer.look(WISHES, SENDER)


def test_addresses_need_a_mail_server():
    state = registry.empty_state().replaced(alarms=WISHES)
    assert [fault.where for fault in registry.check(state)] == ["alarms/addresses"]


# ── figures ───────────────────────────────────────────────────────────────────────────


def test_figures_are_in_prometheus_own_form(tmp_path, book):
    book.report("trunks", [Raised("trunk-down", 'Al"fa\\tel', {})])
    made = metrics.Figures(tuple(book.open()), facts(2), 3, 0, {"web": 1_900_000_000})
    metrics.write(Layout(tmp_path), made)
    (path,) = Layout(tmp_path).metrics.glob("*.prom")
    text = path.read_text()
    assert r'_alarm{name="trunk-down",subject="Al\"fa\\tel",level="critical"} 1' in text
    assert '_process_restarts_total{process="live"} 2\n' in text
    assert "_calls 3\n" in text
    assert path.stat().st_mode & 0o444 == 0o444


def test_the_list_survives_in_json_that_only_root_reads(book, tmp_path):
    book.report("trunks", [DOWN])
    path = tmp_path / "alarms.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_bytes())["open"][0]["subject"] == "Alfatel"
