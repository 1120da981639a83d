"""The pages of the network: what the machine has, what is set, and where the portal will be."""

import re

import pytest

from appliance.system.network import Interface, State
from portal.core import draft, engine
from portal.network import moving


def version_of(page):
    return re.search(r'name="version" value="([^"]+)"', page.text)[1]


def wished(company):
    with company.app_context():
        return draft.state()["network"]


@pytest.fixture
def taken_over(company, manager):
    """The machine's own network is in the draft."""
    assert manager.send("/network/take-over").status_code == 302
    return manager


@pytest.mark.row("D1")
def test_the_page_shows_what_the_machine_has_before_anybody_has_set_anything(company, manager):
    page = manager.get("/network/").text
    assert "ens192" in page
    assert "00:50:56:a1:b2:c3" in page
    assert "192.0.2.10/24" in page
    assert "/network/take-over" in page
    assert wished(company) == State()


@pytest.mark.row("D1")
def test_what_runs_is_taken_over_into_the_draft_and_can_be_undone(company, taken_over):
    state = wished(company)
    assert (state.managed, state.host_name) == (True, "pbx.example.com")
    (lan,) = state.interfaces
    assert (lan.name, lan.ipv4, lan.address) == ("ens192", "static", "192.0.2.10/24")
    assert lan.gateway == "192.0.2.1"
    page = taken_over.get("/network/").text
    entry = re.search(r'action="(/audit/\d+/undo)"', page)[1]
    taken_over.send(entry)
    assert wished(company) == State()


def test_a_machine_that_somebody_else_looks_after_says_so_and_takes_nothing_over(company, manager):
    company.extensions["engine"].manages_network = False
    page = manager.get("/network/").text
    assert "take-over" not in page
    assert "non è gestita da qui" in page
    assert manager.send("/network/take-over").status_code == 409


def test_an_interface_that_is_not_listed_is_added_by_a_button(company, taken_over):
    answer = taken_over.send("/network/add", {"name": "ens224"})
    assert answer.location.endswith("/network-interfaces/ens224")
    assert [each.name for each in wished(company).interfaces] == ["ens192", "ens224"]


@pytest.mark.parametrize("name", ["", "eth9", "ens192\n", "../x"])
def test_only_an_interface_that_the_machine_has_is_added(company, taken_over, name):
    assert taken_over.send("/network/add", {"name": name}).status_code == 404
    assert len(wished(company).interfaces) == 1


def test_the_form_of_an_interface_refuses_what_is_no_address_and_keeps_what_was_typed(
    company, taken_over
):
    page = taken_over.get("/network-interfaces/ens192")
    form = {
        "version": version_of(page),
        "name": "ens192",
        "ipv4": "static",
        "address": "192.0.2.300/24",
        "gateway": "192.0.2.1\nDNS=203.0.113.1",
        "ipv6": "automatic",
    }
    answer = taken_over.send("/network-interfaces/ens192", form)
    assert answer.status_code == 422
    assert "192.0.2.300/24" in answer.text
    assert wished(company).interfaces[0].address == "192.0.2.10/24"


@pytest.mark.row("D1")
def test_a_vlan_for_telephones_is_added_and_a_fault_leads_to_its_field(company, taken_over):
    form = {
        "label": "Telephones",
        "number": "40",
        "parent": "ens192",
        "ipv4": "static",
        "address": "192.0.2.129/25",
        "ipv6": "off",
    }
    assert taken_over.send("/vlans/new", form).status_code == 302
    (vlan,) = wished(company).vlans
    assert (vlan.number, vlan.parent) == (40, "ens192")
    page = taken_over.get("/changes/").text
    assert "192.0.2.128/25 si sovrappone a 192.0.2.0/24" in page
    assert f"/vlans/{vlan.id}#address" in page
    assert "VLAN 40" in taken_over.get("/network/").text


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("00-50-56-A1-B2-C3", "00:50:56:a1:b2:c3"),
        ("0050.56a1.b2c3", "00:50:56:a1:b2:c3"),
    ],
)
def test_a_mac_address_is_taken_however_it_is_printed(company, manager, typed, kept):
    form = {"name": "", "mac": typed, "ipv4": "dhcp", "ipv6": "automatic"}
    assert manager.send("/network-interfaces/new", form).status_code == 302
    assert wished(company).interfaces[0].mac == kept


def change_address(manager, address):
    page = manager.get("/network-interfaces/ens192")
    form = {
        "version": version_of(page),
        "name": "ens192",
        "ipv4": "static",
        "address": address,
        "gateway": "192.0.2.1",
        "ipv6": "automatic",
    }
    assert manager.send("/network-interfaces/ens192", form).status_code == 302


@pytest.mark.row("S6")
def test_before_an_address_is_applied_the_page_says_where_the_portal_will_be(company, taken_over):
    change_address(taken_over, "192.0.2.77/24")
    page = taken_over.get("/changes/").text
    assert 'href="https://192.0.2.77/"' in page
    assert "Con questa modifica il portale si sposta." in page


def test_nothing_moves_where_somebody_else_gives_the_addresses(company, taken_over):
    company.extensions["engine"].manages_network = False
    assert "il portale si sposta" not in taken_over.get("/changes/").text


def test_only_a_change_of_addresses_or_name_moves_the_portal(company):
    lan = Interface(id="lan", name="ens3", ipv4="static", address="192.0.2.10/24")
    before = {"network": State(managed=True, host_name="pbx", interfaces=(lan,))}
    after = {"network": State(managed=True, host_name="pbx", interfaces=(lan,), ntp=("t.example",))}
    by_dhcp = {"network": State(managed=True, host_name="pbx", interfaces=(Interface(id="lan"),))}
    with company.test_request_context("/", base_url="https://192.0.2.10:8443"):
        assert moving.move(before, after) is None
        assert moving.move(before, before) is None
        assert moving.move(before, by_dhcp).unknown
        assert moving.move(by_dhcp, before).addresses == ("https://192.0.2.10:8443/",)
        assert moving.address_of("2001:db8::10") == "https://[2001:db8::10]:8443/"


@pytest.mark.row("D1")
def test_an_address_set_at_the_console_is_shown_and_taken_over(company, taken_over):
    with company.app_context():
        found = draft.state()
        changed = found.replaced(network=State(managed=True, host_name="from-console"))
        pretend = engine.engine()
        pretend._adopt(changed, "console", "address of the console", 0)
    page = taken_over.get("/network/").text
    assert "/network/follow" in page
    assert taken_over.send("/network/follow").status_code == 302
    assert wished(company).host_name == "from-console"
    assert "/network/follow" not in taken_over.get("/network/").text


def test_an_address_that_stands_over_the_settings_is_shown(company, taken_over):
    given = {"interface": {"address": "198.51.100.5/24", "address6": ""}, "dns": [], "against": ""}
    company.extensions["engine"].console_address = given
    assert "198.51.100.5/24" in taken_over.get("/network/").text


def test_a_certificate_from_outside_that_lacks_the_new_name_is_named(company, taken_over):
    company.extensions["engine"]._sources = {"web": "uploaded", "server": "own"}
    page = taken_over.get("/network/")
    form = {"version": version_of(page), "managed": "y", "host_name": "Voice.Example.com."}
    assert taken_over.send("/network/", form).status_code == 302
    page = taken_over.get("/network/").text
    assert "non contiene il nome voice.example.com" in page
    assert page.count("non contiene il nome") == 1


def test_a_certificate_for_all_names_of_a_domain_holds_the_new_one():
    assert moving._holds(["*.example.com"], "pbx.example.com")
    assert not moving._holds(["*.example.com"], "a.b.example.com")


def never_offered(manager):
    page = manager.get("/changes/").text
    return 'value="0"' in page.partition('name="within"')[2].partition("</select>")[0]


@pytest.mark.row("N4")
def test_never_is_no_choice_where_the_engine_waits_for_a_confirmation_anyway(company, taken_over):
    assert not never_offered(taken_over)
    assert "resta in attesa finché non la si conferma" in taken_over.get("/changes/").text


@pytest.mark.row("N4")
def test_never_is_a_choice_where_nobody_can_be_cut_off(company, taken_over):
    company.extensions["engine"].manages_network = False
    assert never_offered(taken_over)
