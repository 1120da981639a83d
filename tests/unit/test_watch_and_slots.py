"""Who is restarted for silence, and which system is kept after an update."""

import socket

import pytest

from appliance import product
from appliance.system import notify, slots, watch
from appliance.updates import settling, slot_disk
from tests.support.slots import SlotMachine


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Asked:
    """A process of the table with a problem that tests set."""

    def __init__(self, name, hangs=True):
        self.name, self.hangs, self.said = name, hangs, ""
        self.ready = self

    def problem(self):
        return self.said


def watching(*table, active=lambda _unit: True):
    restarted, clock = [], Clock()

    def chosen(units):
        return {unit for unit in units if active(unit)}

    return watch.Watch(table, chosen, restarted.append, clock), restarted, clock


def test_a_process_is_restarted_only_after_it_was_silent_for_its_patience():
    portal = Asked("portal")
    watcher, restarted, clock = watching(portal)
    watcher.look()
    portal.said = "no answer"
    watcher.look()
    clock.now = watch.PATIENCE_S - 1
    watcher.look()
    assert restarted == []
    clock.now = watch.PATIENCE_S
    watcher.look()
    assert restarted == ["centralino-portal.service"]


def test_systemd_is_not_asked_about_processes_that_answer():
    asked = []
    portal, web = Asked("portal"), Asked("web")
    watcher, _, _ = watching(portal, web, active=asked.append)
    watcher.look()
    assert asked == []
    web.said = "no answer"
    watcher.look()
    assert asked == ["centralino-web.service"]


def test_an_answer_in_between_begins_the_count_anew():
    portal = Asked("portal")
    watcher, restarted, clock = watching(portal)
    for second, said in ((0, "no answer"), (20, ""), (25, "no answer"), (40, "no answer")):
        clock.now, portal.said = second, said
        watcher.look()
    assert restarted == []


def test_a_process_that_was_just_started_is_given_time_for_its_first_answer():
    portal, up = Asked("portal"), [True]
    watcher, restarted, clock = watching(portal, active=lambda _unit: up[0])
    watcher.look()
    up[0], portal.said = False, "no answer"
    watcher.look()
    up[0] = True
    watcher.look()
    clock.now = watch.FIRST_ANSWER_S - 1
    watcher.look()
    assert restarted == []
    clock.now = watch.FIRST_ANSWER_S
    watcher.look()
    assert restarted == ["centralino-portal.service"]


def test_asterisk_is_given_the_time_of_a_large_reload():
    asterisk = Asked("asterisk", hangs=False)
    watcher, restarted, clock = watching(asterisk)
    watcher.look()
    asterisk.said = "no answer"
    watcher.look()
    clock.now = watch.ASTERISK_PATIENCE_S - 1
    watcher.look()
    assert restarted == []
    clock.now = watch.ASTERISK_PATIENCE_S
    watcher.look()
    assert restarted == ["asterisk.service"]


def test_the_mail_relay_runs_by_the_unit_of_its_package():
    mail = Asked("mail")
    watcher, restarted, clock = watching(mail)
    watcher.look()
    mail.said = "does not listen"
    for clock.now in (0, watch.PATIENCE_S):
        watcher.look()
    assert restarted == ["nullmailer.service"]


def test_what_is_starting_or_must_not_be_restarted_is_left_alone():
    portal, engine = Asked("portal"), Asked("engine", hangs=False)
    portal.said = engine.said = "no answer"
    watcher, restarted, clock = watching(portal, engine, active=lambda unit: "engine" in unit)
    for clock.now in (0, 1000):
        watcher.look()
    assert restarted == []


def test_the_slot_is_read_from_the_kernel_line():
    assert slot_disk.running_slot("quiet appliance.slot=B ro") == "B"
    assert slot_disk.running_slot("quiet ro") == ""
    assert slot_disk.running_slot("quiet appliance.slot=C ro") == ""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setattr(settling.time, "sleep", lambda _seconds: None)
    made = SlotMachine(tmp_path)
    made.slot = "B"
    return made


def test_a_new_system_is_kept_once_everything_answers(machine):
    answers = iter([["portal: starting"], []])
    assert slots.settle(machine.disk, lambda: next(answers)) == []
    assert machine.words == {"slot": "B"}


def test_a_new_system_that_does_not_come_up_is_left(machine):
    assert slots.settle(machine.disk, lambda: ["portal: gone"], within_s=0) == ["portal: gone"]
    assert machine.words == {"slot": "A"}


def test_a_system_that_was_kept_before_is_not_judged_again(machine):
    machine.slot = "A"
    assert slots.settle(machine.disk, lambda: ["portal: gone"], within_s=0) == []


def test_a_trial_is_written_beside_the_good_slot(machine):
    slots.try_once(machine.disk, "B")
    assert machine.words == {"slot": "A", "try": "B"}


def test_the_start_partition_says_which_system_lies_in_the_running_slot(machine):
    slots.note_release(machine.disk)
    machine.slot = "A"
    assert machine.release_of_other.version == product.VERSION


def test_signs_of_life_are_sent_where_somebody_listens(tmp_path, monkeypatch):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        notify.tell("READY=1")
        assert listening.recv(64) == b"READY=1"
    notify.tell("READY=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify.tell("READY=1")
