"""The pages of the firewall and of bans."""

import re

import pytest

from portal.core import draft
from portal.core.audit import AuditEntry
from portal.core.db import db

FORM = {
    "telephones": "10.20.1.0/24\n10.20.2.0/24",
    "administration": "",
    "trusted": "",
    "fetching": "",
    "blocked": "",
    "known_per_second": "100",
    "strangers_per_second": "5",
    "web_per_second": "100",
}


def save(manager, **values):
    page = manager.get("/firewall/")
    version = re.search(r'name="version" value="([^"]+)"', page.text)[1]
    return manager.send("/firewall/", {**FORM, **values, "version": version})


@pytest.mark.row("D1")
def test_networks_of_telephones_are_chosen_in_the_portal(company, manager):
    assert save(manager).status_code == 302
    with company.app_context():
        assert draft.settings("firewall")[0].telephones == ("10.20.1.0/24", "10.20.2.0/24")
    assert "<code>10.20.1.0/24</code>, <code>10.20.2.0/24</code>" in manager.get("/firewall/").text


def test_what_is_no_network_is_refused_and_stays_in_the_form(company, manager):
    answer = save(manager, telephones="10.20.1.7/24; drop")
    assert answer.status_code == 422
    assert "10.20.1.7/24; drop" in answer.text


@pytest.mark.row("S4")
def test_a_ban_is_shown_with_its_reason_and_lifted(company, manager):
    assert "203.0.113.77" in manager.get("/banned/").text
    form = {"jail": "sip", "address": "203.0.113.77"}
    assert manager.send("/banned/lift", form).status_code == 302
    assert "203.0.113.77</code>" in manager.get("/banned/").text  # nobody has said why
    manager.send("/banned/lift", {**form, "reason": "our consultant"})
    assert "203.0.113.77</code>" not in manager.get("/banned/").text
    with company.app_context():
        (entry,) = db.session.scalars(db.select(AuditEntry).filter_by(action="ban.lift"))
        assert (entry.subject, entry.detail) == ("203.0.113.77", {"reason": "our consultant"})


@pytest.mark.parametrize(
    "form",
    [
        {"jail": "sip", "address": "203.0.113.77; reboot"},
        {"jail": "sshd", "address": "203.0.113.77"},
        {},
    ],
)
def test_only_an_address_in_a_jail_of_ours_can_be_lifted(company, manager, form):
    assert manager.send("/banned/lift", form).status_code == 400


@pytest.mark.row("S4")
def test_a_banned_address_is_blocked_for_good_with_its_reason(company, manager):
    form = {"jail": "sip", "address": "203.0.113.77"}
    answer = manager.send("/banned/block", form)
    assert answer.location == "/blocks/block"
    manager.send("/banned/block", form)
    with company.app_context():
        (block,) = [draft.instance(row) for row in draft.objects("bans", "blocks")]
        assert (block.network, block.until) == ("203.0.113.77/32", "")
        assert block.reason


@pytest.mark.row("S4")
def test_a_block_of_a_network_of_ours_is_a_fault_that_stops_the_draft(company, manager):
    save(manager)
    form = {"network": "10.20.1.9", "reason": "a slip", "until": ""}
    manager.send("/blocks/new", form)
    with company.app_context():
        (fault,) = draft.faults()
        assert fault.where.startswith("bans/blocks/")
        assert "10.20.1.0/24" in fault.message


@pytest.mark.row("S4")
def test_the_list_of_one_machine_is_brought_to_another_by_its_file(company, manager):
    manager.send(
        "/blocks/new", {"network": "198.51.100.0/24", "reason": "scans", "until": "2031-05-01"}
    )
    exported = manager.get("/blocks/export.csv")
    assert exported.status_code == 200
    assert "198.51.100.0/24;scans;2031-05-01" in exported.text
