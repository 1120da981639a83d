"""The pages of the firewall and of bans."""

import re

import pytest

from portal.core import draft

FORM = {
    "telephones": "10.20.1.0/24\n10.20.2.0/24",
    "administration": "",
    "trusted": "",
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
    answer = manager.send("/banned/lift", {"jail": "sip", "address": "203.0.113.77"})
    assert answer.status_code == 302
    page = manager.get("/banned/").text
    assert "203.0.113.77</code>" not in page


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
