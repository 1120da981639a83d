"""Asterisk does not run, or not yet, or has to start anew, while something is applied."""

import threading
import time

import pytest

from appliance.apply import running
from appliance.apply.errors import Undone
from appliance.services import asterisk_core
from tests.support.companies import company, secret_of, with_new_password
from tests.support.pbx import running_pbx
from tests.support.sip_agent import SipAgent


@pytest.fixture
def pbx():
    with running_pbx() as system:
        yield system


@pytest.fixture
def supervisor(pbx):
    """Starts Asterisk again after a second, and lives as long as the test: what it starts
    ends with it."""
    done = threading.Event()

    def watch():
        time.sleep(1.0)
        pbx.start_asterisk()
        done.wait()

    thread = threading.Thread(target=watch)
    yield thread
    done.set()
    thread.join()


def agent(pbx, number, port=5060):
    """A telephone of the company of this module."""
    own = (f"10.99.1.{number}", 5070)
    password = secret_of(number).reveal()
    inside = pbx.network.entered()
    return SipAgent(own, (pbx.address, port), f"{number}-1", password, inside=inside)


def test_an_asterisk_that_its_supervisor_starts_again_gets_the_new_revision(pbx, supervisor):
    pbx.apply(company(2))
    pbx.kill_asterisk()
    supervisor.start()
    number = pbx.apply(company(3))
    assert pbx.engine.store.read(number).status == "good"
    assert "102-1" in pbx.console.ask("pjsip show endpoints")


def test_an_asterisk_that_stays_away_keeps_the_former_revision(pbx, monkeypatch):
    monkeypatch.setattr(running, "STARTS_WITHIN_S", 1.0)
    number = pbx.apply(company(2))
    pbx.kill_asterisk()
    with pytest.raises(Undone, match="does not answer"):
        pbx.apply(company(3))
    assert pbx.engine.store.current() == number
    assert pbx.engine.trial() is None
    pbx.start_asterisk()
    shown = pbx.console.ask("pjsip show endpoints")
    assert "101-1" in shown
    assert "102-1" not in shown


def test_a_change_that_needs_it_starts_asterisk_anew_in_its_own_process(pbx):
    pbx.apply(company(2))
    pbx.apply(company(2).replaced(asterisk_core=asterisk_core.State(sip_port=5080)))
    assert pbx.process.poll() is None
    with agent(pbx, "101", port=5080) as phone:
        assert phone.register().status == 200


def test_a_plan_tells_how_many_calls_a_restart_would_cut(pbx):
    number = pbx.apply(company(2))
    moved = company(2).replaced(asterisk_core=asterisk_core.State(sip_port=5080))
    assert pbx.engine.plan(moved, number).calls_cut == 0
    with agent(pbx, "100") as called, agent(pbx, "101") as caller:
        called.register()
        with pytest.raises(AssertionError, match="a final answer"):
            caller.invite("100", within_s=1.5)
        assert pbx.engine.plan(moved, number).calls_cut == 1
        assert pbx.engine.plan(with_new_password(company(2), "101"), number).calls_cut == 0


def test_a_deaf_asterisk_makes_the_new_revision_go_back(pbx, monkeypatch):
    number = pbx.apply(company(2))
    # A reload that Asterisk confirms without doing it, as with a broken file.
    monkeypatch.setattr(running, "in_order", lambda _names: ())
    with pytest.raises(Undone, match="phone-102"):
        pbx.apply(company(3))
    assert pbx.engine.store.current() == number
    assert pbx.engine.store.read(number + 1).status == "undone"
