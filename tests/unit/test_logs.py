"""Logs of both worlds, asked the same way."""

import datetime
import json
import subprocess
from dataclasses import replace

import pytest

from appliance.state.machine import Layout
from appliance.system import logs, overseer
from appliance.system.logs import Journal, LogFiles, Question
from appliance.system.processes import table
from appliance.system.watch import appliance_site

pytestmark = pytest.mark.row("D1")
ZONE = datetime.timezone(datetime.timedelta(hours=1))


def stamp(second):
    return datetime.datetime(2026, 11, 28, 8, 0, second, tzinfo=ZONE)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "logs").mkdir()

    def write(name, *lines):
        text = "".join(f"{stamp(s).isoformat(' ', 'milliseconds')} {said}\n" for s, said in lines)
        with (tmp_path / "logs" / f"{name}.log").open("a") as file:
            file.write(text)

    made = LogFiles(replace(appliance_site(), layout=Layout(tmp_path), checkout=True))
    return made, write


def said(answer):
    return [line.text for line in answer.lines]


def test_lines_of_all_processes_come_in_the_order_of_time(files):
    made, write = files
    write("web", (3, "third"), (1, "first"))
    write("engine", (2, "second"))
    assert said(made.ask(Question())) == ["first", "second", "third"]


def test_filters_by_process_level_text_and_time(files):
    made, write = files
    write("web", (1, "2026/11/28 [error] 12#12: *3 Upstream"), (2, "plain upstream"))
    write("engine", (3, "engine WARNING upstream"))
    assert len(made.ask(Question(process="web")).lines) == 2
    assert said(made.ask(Question(level="error"))) == ["2026/11/28 [error] 12#12: *3 Upstream"]
    assert len(made.ask(Question(text="UPSTREAM", level="warning")).lines) == 2
    since = int(stamp(3).timestamp())
    assert said(made.ask(Question(since=since))) == ["engine WARNING upstream"]


def test_the_newest_lines_are_kept_and_what_follows_begins_behind_them(files):
    made, write = files
    write("web", *((second, f"line {second}") for second in range(10)))
    answer = made.ask(Question(count=3))
    assert said(answer) == ["line 7", "line 8", "line 9"]
    assert said(made.ask(Question(after=answer.cursor))) == []
    write("web", (11, "later"))
    assert said(made.ask(Question(after=answer.cursor))) == ["later"]


def test_following_goes_on_behind_lines_that_the_filter_leaves_out(files):
    made, write = files
    write("web", (1, "wanted"))
    cursor = made.ask(Question(text="wanted")).cursor
    write("web", (2, "other"), (3, "wanted again"))
    answer = made.ask(Question(text="wanted", after=cursor))
    assert said(answer) == ["wanted again"]


def test_a_process_that_does_not_exist_is_no_file_name(files):
    made, _write = files
    with pytest.raises(LookupError):
        made.ask(Question(process="../../etc/passwd"))


def test_hostile_lines_are_cut_and_cannot_steer_a_terminal():
    line = logs.cleaned("\x1b[2J\u202eabc\r" + "x" * 5000)
    assert len(line) < 1010
    assert line.isprintable()


# ── the journal ───────────────────────────────────────────────────────────────────────


@pytest.fixture
def journal(monkeypatch):
    """journalctl as a table of answers; what it was asked is kept."""
    asked = []

    def run(command, **_options):
        asked.append(command)
        entries = [
            {"__CURSOR": "c2", "__REALTIME_TIMESTAMP": "2000000", "PRIORITY": "3",
             "_SYSTEMD_UNIT": "centralino-portal.service", "MESSAGE": "second"},
            {"__CURSOR": "c1", "__REALTIME_TIMESTAMP": "1000000", "PRIORITY": "6",
             "_SYSTEMD_UNIT": "asterisk.service", "MESSAGE": [102, 255, 10]},
        ]  # fmt: skip
        return subprocess.CompletedProcess(command, 0, "\n".join(map(json.dumps, entries)).encode())

    monkeypatch.setattr(logs.subprocess, "run", run)
    return Journal(appliance_site()), asked


def test_the_journal_gives_the_same_kind_of_lines(journal):
    made, _asked = journal
    answer = made.ask(Question())
    assert [(line.process, line.level) for line in answer.lines] == [
        ("asterisk", "info"),
        ("portal", "error"),
    ]
    assert answer.cursor == "c2"


def test_the_journal_is_asked_for_units_of_the_table_alone_and_never_by_a_shell(journal):
    made, asked = journal
    made.ask(Question(process="web", text="a.b; rm", since=5))
    (command,) = asked
    assert [word for word in command if word.startswith("--unit")] == [
        "--unit=centralino-web.service"
    ]
    assert r"--grep=a\.b;\ rm" in command
    with pytest.raises(LookupError):
        made.ask(Question(process="sshd"))


# ── processes by systemd ──────────────────────────────────────────────────────────────

SHOWN = """Id=asterisk.service
ActiveState=failed
SubState=failed
MainPID=0
NRestarts=4
ActiveEnterTimestamp=@1795852800
MemoryCurrent=[not set]
CPUUsageNSec=18446744073709551615

Id=centralino-portal.service
ActiveState=activating
SubState=start
MainPID=812
NRestarts=0
ActiveEnterTimestamp=
MemoryCurrent=73400320
CPUUsageNSec=2500000000
"""


def test_what_systemd_says_becomes_the_same_facts(monkeypatch):
    run = subprocess.CompletedProcess([], 0, SHOWN)
    monkeypatch.setattr(overseer.subprocess, "run", lambda *_a, **_k: run)
    facts = {each.name: each for each in overseer.Systemd(appliance_site()).look()}
    assert len(facts) == len(table(appliance_site()))
    asterisk, portal = facts["asterisk"], facts["portal"]
    assert (asterisk.phase, asterisk.restarts, asterisk.memory_bytes) == ("failing", 4, 0)
    assert asterisk.processor_ms == 0
    assert (portal.phase, portal.memory_bytes, portal.processor_ms) == ("starting", 73400320, 2500)


def test_only_processes_of_the_table_are_restarted(monkeypatch):
    monkeypatch.setattr(overseer.subprocess, "run", lambda *_a, **_k: pytest.fail("was run"))
    with pytest.raises(LookupError):
        overseer.Systemd(appliance_site()).restart("ssh")
