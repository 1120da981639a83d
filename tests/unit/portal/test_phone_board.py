"""The board of telephones: what it shows, what it opens, and what it keeps to itself."""

import dataclasses
import re

import pytest

from appliance.services.devices import FunctionKey
from appliance.state.fields import Secret
from portal import sample
from portal.core import draft
from portal.core.audit import AuditEntry
from portal.core.db import db, transaction
from portal.core.engine import engine
from portal.core.shapes import Place
from portal.phone_board.server import server
from portal.preview import add_account
from tests.support.portal_accounts import session_of
from tests.unit.portal.conftest import PASSWORD

SECRETS = re.compile(r"[A-Za-z0-9]{24}")


@pytest.fixture
def office(app):
    """Forty phones with secrets, applied; every fifth of them has not come yet."""
    with app.app_context():
        company = sample.company()
        devices = company["devices"].devices
        beyond = FunctionKey(28, "speed_dial", number="118")
        devices = (dataclasses.replace(devices[0], keys=(beyond,)), *devices[1:])
        state = company.replaced(devices=dataclasses.replace(company["devices"], devices=devices))
        with transaction():
            draft.replace(state, "draft.wizard", "test", author="system")
        apply(state)
    return app


def apply(state):
    job = engine().apply(state, engine().status()["current"], "test")
    while not engine().job(job)["done"]:
        pass
    assert engine().job(job)["error"] is None


@pytest.fixture
def manager(office):
    add_account(office, "it@example.com", "Ada Fermi", PASSWORD, "it_manager")
    return session_of(office, "it@example.com")


def phones(office, status):
    """Devices of the applied state that have come, or not."""
    with office.test_request_context():
        known = server().phones()
    return [id for id, facts in known.items() if facts["enrolled"] == (status == "current")]


def acts(office):
    with office.app_context():
        return list(db.session.scalars(db.select(AuditEntry.action).order_by(AuditEntry.id)))


@pytest.mark.row("N10")
def test_the_board_shows_what_each_telephone_has(manager):
    text = manager.get("/phone-board/").get_data(as_text=True)
    assert text.count("96.86.0.70") + text.count("10.1.159.12") + text.count("11.3.7") == 32
    assert 'data-live-key="devices/' in text
    assert not SECRETS.findall(re.sub(r"<meta[^>]*>|value=\"[^\"]*\"", "", text))


@pytest.mark.row("N10")
def test_those_that_need_somebody_come_first_and_can_be_chosen(office, manager):
    text = manager.get("/phone-board/").get_data(as_text=True)
    rows = re.findall(r"badge phone-(\w+)", text)
    assert rows == ["info"] * 8 + ["good"] * 32
    chosen = manager.get("/phone-board/?status=new").get_data(as_text=True)
    assert len(re.findall(r"badge phone-(\w+)", chosen)) == 8


@pytest.mark.row("K4")
def test_a_first_visit_is_opened_shown_once_and_recorded(office, manager):
    (device, *_others) = phones(office, "new")
    page = manager.send(f"/phone-board/{device}/open", data={"minutes": "5"})
    text = page.get_data(as_text=True)
    address = re.search(r'id="first-address">([^<]+)<', text)[1]
    assert address.startswith("http://192.0.2.10/provisioning/e/")
    assert "<svg" in text
    assert "style=" not in re.search(r"<svg.*?</svg>", text, re.S)[0]
    assert re.search(r'data-countdown="(29\d|300)"', text)
    assert address not in manager.get(f"/phone-board/{device}").get_data(as_text=True)
    assert "phone.open" in acts(office)
    with office.app_context():
        code = address.split("/")[5]
        assert code not in str([e.detail for e in db.session.scalars(db.select(AuditEntry))])


def test_a_telephone_that_came_is_not_enrolled_again_with_old_secrets(office, manager):
    (device, *_others) = phones(office, "current")
    answer = manager.send(f"/phone-board/{device}/open", data={"minutes": "5"})
    assert answer.status_code == 302
    assert "phone.open" not in acts(office)


@pytest.mark.row("N10")
def test_new_secrets_are_in_the_draft_and_free_the_telephone_after_an_apply(office, manager):
    (device, *_others) = phones(office, "current")
    with office.app_context():
        before = draft.instance(draft.find(Place("devices", "devices", device)))
    manager.send(f"/phone-board/{device}/renew")
    with office.test_request_context():
        after = draft.instance(draft.find(Place("devices", "devices", device)))
        assert after.token != before.token
        assert after.lines[0].secret != before.lines[0].secret
        apply(draft.state())
    page = manager.send(f"/phone-board/{device}/open", data={"minutes": "15"})
    assert "first-address" in page.get_data(as_text=True)
    assert "phone.renew" in acts(office)


def test_a_lost_telephone_is_revoked_at_once(office, manager):
    (device, *_others) = phones(office, "current")
    manager.send(f"/phone-board/{device}/revoke")
    text = manager.get(f"/phone-board/{device}").get_data(as_text=True)
    assert "phone-bad" in text
    assert "phone.revoke" in acts(office)


@pytest.mark.row("N10")
def test_the_file_is_shown_without_secrets_until_somebody_asks_and_is_recorded(office, manager):
    (device, *_others) = phones(office, "current")
    with office.app_context():
        held = draft.instance(draft.find(Place("devices", "devices", device)))
    secrets = (held.token.reveal(), held.lines[0].secret.reveal())
    shown = manager.get(f"/phone-board/{device}").get_data(as_text=True)
    assert "••••••" in shown
    assert not any(secret in shown for secret in secrets)
    assert "phone.reveal" not in acts(office)
    revealed = manager.send(f"/phone-board/{device}/reveal").get_data(as_text=True)
    assert all(secret in revealed for secret in secrets)
    assert "phone.reveal" in acts(office)


def test_keys_that_do_not_fit_are_said(office, manager):
    (device, *_others) = phones(office, "new")
    assert "28" in manager.get(f"/phone-board/{device}").get_data(as_text=True)


def test_who_may_only_look_opens_nothing(office):
    add_account(office, "op@example.com", "Op", PASSWORD, "operator")
    operator = session_of(office, "op@example.com")
    (device, *_others) = phones(office, "new")
    assert operator.get(f"/phone-board/{device}").status_code == 200
    for act in ("open", "close", "revoke", "renew", "resync", "reveal"):
        assert operator.send(f"/phone-board/{device}/{act}").status_code == 403


def test_a_telephone_that_does_not_exist_is_not_found(manager):
    assert manager.get("/phone-board/nobody").status_code == 404
    assert manager.send("/phone-board/nobody/open").status_code == 404


def test_the_lines_for_dhcp_are_shown(manager):
    text = manager.get("/phone-board/dhcp").get_data(as_text=True)
    assert "dhcp-vendorclass=set:snom" in text
    assert "client-classes" in text


def test_without_its_server_the_board_says_so_and_still_lists_the_telephones(office, manager):
    from provisioning.client import ProvisioningClient

    office.extensions["provisioning"] = ProvisioningClient(
        office.extensions["settings"].folder / "none", Secret("x")
    )
    text = manager.get("/phone-board/").get_data(as_text=True)
    assert text.count('data-live-key="devices/') == 40
    assert 'role="alert"' in text


def test_what_a_telephone_says_of_itself_is_text(office, manager):
    with office.test_request_context():
        desk = server()._desk
    (device, *_others) = phones(office, "current")
    desk.records[device].agent = "Yealink SIP-<script>alert(1)</script> 1.2.3"
    text = manager.get(f"/phone-board/{device}").get_data(as_text=True)
    assert "<script>alert" not in text
