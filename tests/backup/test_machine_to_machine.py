"""A backup of one running machine, restored on a blank one: telephones and people go on."""

import pytest

from appliance.services import registry
from appliance.state.system_state import encode_system
from appliance.system.backup import place
from appliance.system.backup.records import Records
from appliance.system.backup.restore import order_restore
from appliance.system.backup.write import make
from portal.core.accounts import account_of
from portal.core.app import create_app
from portal.core.upgrade import bring_up_to_date
from portal.preview import add_account, let_go, settings_in
from tests.support.companies import company, secret_of
from tests.support.daemon import running_daemon
from tests.support.pbx import ADDRESS, new_system
from tests.support.sip_agent import SipAgent

pytestmark = [pytest.mark.row("D1"), pytest.mark.row("N12")]
PASSWORD = "quattro lampioni blu dondolano"


def registered(pbx, number, secret):
    """The final answer to a telephone's registration at a machine's own Asterisk."""
    with SipAgent(
        (ADDRESS, 0), (ADDRESS, 5060), f"{number}-1", secret, inside=pbx.network.entered()
    ) as phone:
        return phone.register().status


def portal_of(layout):
    app = create_app(settings_in(layout.state_of("portal"), testing=True))
    bring_up_to_date(app)
    return app


def password_counts(app, password):
    with app.app_context():
        account = account_of("ada@example.com")
        return account is not None and account.verify_and_update_password(password)


@pytest.fixture(scope="module")
def old():
    """A machine that is at work: a telephone has registered, somebody has an account."""
    with new_system(first_state=encode_system(company(3))["services"]) as pbx:
        layout = pbx.machine.layout
        app = portal_of(layout)
        add_account(app, "ada@example.com", "Ada", PASSWORD, "it_manager")
        let_go(app)
        pbx.start_asterisk()
        assert registered(pbx, "101", secret_of("101").reveal()) == 200
        records = Records(layout)
        records.accept_code(records.propose_code().reveal()[-4:])
        yield pbx


@pytest.fixture(scope="module")
def new(old):
    """A blank machine after it was restored from the old one's backup and started again."""
    layout = old.machine.layout
    backup = make(layout, "pbx", old.machine.groups, Records(layout).keys()).path
    with new_system() as pbx:
        order_restore(pbx.machine.layout, backup, Records(layout).code(), "keep")
        with running_daemon(pbx) as daemon:
            assert daemon.client.status()["current"]
        assert place.ordered(pbx.machine.layout) is None
        pbx.start_asterisk()
        yield pbx


def test_a_telephone_registers_at_the_new_machine_with_the_password_it_has(new):
    assert registered(new, "101", secret_of("101").reveal()) == 200
    assert "101-1" in new.console.ask("pjsip show contacts")


def test_another_password_is_refused_there_as_on_the_old_one(new):
    assert registered(new, "102", secret_of("102", version=1).reveal()) == 401


def test_somebody_signs_in_at_the_new_machine_with_their_password(new):
    app = portal_of(new.machine.layout)
    try:
        assert password_counts(app, PASSWORD)
        assert not password_counts(app, "another password of a good length")
    finally:
        let_go(app)


def test_the_new_machine_has_the_state_of_the_old_one_in_force(old, new):
    assert registry.references(new.engine.running_state()).by_id.keys() == (
        registry.references(old.engine.running_state()).by_id.keys()
    )
