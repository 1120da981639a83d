"""The engine is killed at random moments of applying: old or new, never a mixture."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance.apply import atomic
from appliance.apply.client import EngineUnreachable
from appliance.services import registry
from appliance.verify import readback
from appliance.verify.readback import Delta, question_of
from tests.support.companies import company, with_new_password, with_new_ring_time
from tests.support.daemon import Daemon, running_daemon, start_daemon
from tests.support.pbx import Pbx, new_system

KILLS = 50
SEED = int(os.environ.get("CENTRALINO_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)

LASTS_S = {
    "rendering": 0.02,
    "proving": 0.4,
    "switching": 0.02,
    "reloading": 0.02,
    "verifying": 0.3,
    "done": 0.02,
}
"""Step -> seconds after its beginning within which the kill comes."""

TURNS = (
    company(12),
    with_new_ring_time(company(15), "103", 66),
    with_new_password(company(12), "101"),
)
"""States that are applied in turn: people come and go, and details change."""


@pytest.fixture
def system():
    with new_system() as system:
        system.start_asterisk()
        yield system


def test_killed_at_any_moment_the_old_or_the_new_revision_is_in_force(system, capsys):
    with capsys.disabled():
        sys.stdout.write(f" CENTRALINO_SEED={SEED} ")
    chance = random.Random(SEED)
    expected = [registry.empty_state()]
    outcomes = {"old": 0, "new": 0}
    for turn in range(KILLS + 1):
        with running_daemon(system) as daemon:
            base = _settled(daemon)
            in_force = registry.decode(daemon.client.state(base))
            assert in_force in expected, f"turn {turn}"
            outcomes["new" if in_force == expected[-1] else "old"] += 1
            _check_leftovers(system)
            _check_asterisk(system, in_force, expected)
            wanted = TURNS[turn % len(TURNS)]
            expected = [in_force, wanted]
            job = daemon.client.apply(wanted, base, "test", f"turn {turn}")
            _wait_for_a_moment(daemon, job, chance)
            daemon.process.kill()
            daemon.process.wait()
    assert min(outcomes.values()) >= 3, outcomes


def _settled(daemon: Daemon) -> int:
    """The revision in force, once nothing is open any more."""
    deadline = time.monotonic() + 20
    while (status := daemon.client.status())["trial"] is not None:
        assert time.monotonic() < deadline, status
        time.sleep(0.02)
    return status["current"]


def _wait_for_a_moment(daemon: Daemon, job: str, chance: random.Random) -> None:
    """Until some step has begun, and then a little: every step is hit about as often."""
    step = chance.choice(list(LASTS_S))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        known = daemon.client.job(job)
        if step in known["steps"] or known["done"]:
            break
    time.sleep(chance.random() * LASTS_S[step])


def _check_leftovers(system: Pbx) -> None:
    state = system.machine.layout.state
    assert list(state.rglob(f"*{atomic.UNFINISHED}")) == []
    assert not (state / "candidate").exists()
    assert not (state / "trial.json").exists()
    assert list(system.machine.layout.run.glob("shadow-*")) == []
    assert _asterisks_of(system) == 1, "a shadow still runs"
    statuses = {revision.status for revision in system.engine.store.history()}
    assert statuses <= {"good", "undone"}


def _asterisks_of(system: Pbx) -> int:
    """How many Asterisk processes use this system's folder."""
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            name = (process / "comm").read_text().strip()
            command = (process / "cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += name == "asterisk" and f"{system.folder}/" in command
    return found


def _check_asterisk(system: Pbx, in_force, others) -> None:
    """Asterisk has what is in force, and nothing of what is not."""
    probes = _asked(in_force)
    assert readback.compare(system.console, probes) == ()
    mine = {question_of(probe): probe for probe in probes}
    for other in others:
        theirs = {question_of(probe): probe for probe in _asked(other)}
        assert readback.lingering(system.console, Delta.between(theirs, mine).gone) == ()


@pytest.mark.row("N4")
def test_a_trial_goes_on_waiting_over_a_kill_and_is_undone_in_time(system):
    with running_daemon(system) as daemon:
        base = daemon.client.status()["current"]
        job = daemon.client.apply(company(3), base, "test", confirm_within_s=6)
        number = daemon.client.wait(job, 30)
        daemon.process.kill()
        daemon.process.wait()
    with running_daemon(system) as daemon:
        status = daemon.client.status()
        assert status["current"] == number
        assert 0 < status["seconds_left"] < 6
        assert _settled(daemon) == base
        assert daemon.client.history()[0]["status"] == "undone"
    assert "100-1" not in system.console.ask("pjsip show endpoints")


def test_a_stop_lets_a_running_apply_come_to_its_end(system):
    with running_daemon(system) as daemon:
        base = daemon.client.status()["current"]
        job = daemon.client.apply(company(3), base, "test")
        deadline = time.monotonic() + 30
        while "proving" not in daemon.client.job(job)["steps"]:
            assert time.monotonic() < deadline
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(30) == 0
        with pytest.raises(EngineUnreachable):
            daemon.client.status()
    assert system.engine.store.current() == base + 1
    assert system.engine.trial() is None
    assert "100-1" in system.console.ask("pjsip show endpoints")


def test_two_engines_do_not_work_on_one_machine(system):
    with running_daemon(system) as daemon:
        second = start_daemon(system)
        try:
            assert second.wait(20) != 0
        except subprocess.TimeoutExpired:
            second.kill()
            raise
        assert daemon.client.status()["current"]


def _asked(state):
    """What Asterisk is asked; nothing else of this machine is managed."""
    return [probe for probe in registry.probes(state) if not probe.target]
