"""A state takes the engine's whole way to a running Asterisk."""

import pytest

from appliance.apply.running import Running
from appliance.asterisk.reloads import CATALOGUE
from tests.support.companies import (
    company,
    secret_of,
    with_new_password,
    with_new_ring_time,
    without,
)
from tests.support.sip_agent import SipAgent


@pytest.fixture
def telephone(pbx):
    """Makes agents that register as one line of the company."""
    made = []

    def agent(number, version=0):
        own = (f"10.99.1.{len(made) + 1}", 5070)
        password = secret_of(number, version).reveal()
        inside = pbx.network.entered()
        made.append(SipAgent(own, (pbx.address, 5060), f"{number}-1", password, inside=inside))
        return made[-1]

    yield agent
    for each in made:
        each.__exit__()


@pytest.fixture
def told(monkeypatch):
    """What the running services are asked to read again."""
    names = []
    follow = Running.follow

    def noting(self, asked):
        names.append(set(asked))
        follow(self, asked)

    monkeypatch.setattr(Running, "follow", noting)
    return names


def test_an_applied_extension_is_known_to_asterisk_and_a_removed_one_is_not(pbx):
    pbx.apply(company(3))
    assert "102-1" in pbx.console.ask("pjsip show endpoints")
    pbx.apply(without(company(3), "102"))
    shown = pbx.console.ask("pjsip show endpoints")
    assert "101-1" in shown
    assert "102-1" not in shown


def test_a_phone_registers_as_soon_as_it_is_applied(pbx, telephone):
    pbx.apply(company(3))
    pbx.apply(company(4))
    assert telephone("103").register().status == 200
    assert "103-1/sip:" in pbx.console.ask("pjsip show contacts")


@pytest.mark.row("N4")
def test_a_new_password_is_in_force_at_once_and_the_old_one_is_not(pbx, telephone, told):
    pbx.apply(company(3))
    phone = telephone("101")
    assert phone.register().status == 200
    told.clear()
    pbx.apply(with_new_password(company(3), "101"))
    assert told == [{"pjsip_objects"}]
    assert phone.register().status == 401
    assert telephone("101", version=1).register().status == 200


def test_a_change_that_only_the_dialplan_looks_up_reloads_nothing(pbx, told):
    pbx.apply(company(3))
    told.clear()
    pbx.apply(with_new_ring_time(company(3), "101", 77))
    assert told == [set()]
    answer = pbx.console.ask(
        "dialplan eval function AST_CONFIG(map_extensions.conf,101,ring_time_s)"
    )
    assert "77" in answer


def test_nothing_is_sent_and_no_revision_is_made_when_nothing_changed(pbx, told):
    number = pbx.apply(company(3))
    told.clear()
    assert pbx.apply(company(3)) == number
    assert told == []
    assert pbx.engine.plan(company(3), number).empty


def test_a_plan_names_the_commands_that_it_would_send(pbx):
    number = pbx.apply(company(3))
    plan = pbx.engine.plan(with_new_password(company(3), "101"), number)
    assert plan.reloads == (CATALOGUE["pjsip_objects"],)
    assert [file.path for file in plan.files] == ["etc/asterisk/pjsip_phone_auths.conf"]
    assert not plan.restart
