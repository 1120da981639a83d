"""What a machine is told beforehand, and what it makes of it."""

import json
import stat
import xml.sax.saxutils

import pytest

from appliance.firstboot import (
    address,
    administrator,
    answers,
    console,
    identity,
    sources,
    ssh_keys,
)
from appliance.firstboot.health import Health, addresses_of
from appliance.firstboot.places import Places
from appliance.services import registry
from appliance.system import network
from appliance.system.machine import read_facts
from appliance.terminal.texts import ITALIAN, Texts

ENVIRONMENT = """<?xml version="1.0" encoding="UTF-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1"
             xmlns:oe="http://schemas.dmtf.org/ovf/environment/1" oe:id="">
  <PropertySection>{}</PropertySection>
</Environment>"""


def environment(**properties):
    quoted = {name: xml.sax.saxutils.quoteattr(value) for name, value in properties.items()}
    lines = [f'<Property oe:key="{name}" oe:value={value}/>' for name, value in quoted.items()]
    return ENVIRONMENT.format("".join(lines)).encode()


@pytest.mark.row("I3")
def test_properties_of_an_ova_become_answers():
    given = sources.from_environment(
        environment(
            host_name="PBX.example.com",
            address="192.0.2.10/24",
            gateway="192.0.2.1",
            dns="192.0.2.53, 198.51.100.53",
            telephones="192.0.2.0/24",
            setup_code="correct-horse-battery",
            product_key="somebody else's",
        )
    )
    found, refused = answers.read(given)
    assert refused == []
    assert found == answers.Answers(
        host_name="pbx.example.com",
        address="192.0.2.10/24",
        gateway="192.0.2.1",
        dns=("192.0.2.53", "198.51.100.53"),
        telephones=("192.0.2.0/24",),
        setup_code="correct-horse-battery",
    )


def test_empty_properties_are_no_answers():
    found, refused = answers.read(sources.from_environment(environment(address="", dns="")))
    assert (found, refused) == (answers.Answers(), [])


def test_a_seed_property_stands_for_all_and_single_fields_win():
    seed = json.dumps({"host_name": "one", "address": "192.0.2.1/24"})
    given = sources.from_environment(environment(seed=seed, host_name="two"))
    assert answers.read(given)[0].host_name == "two"
    assert answers.read(given)[0].address == "192.0.2.1/24"


@pytest.mark.parametrize(
    "text",
    [
        b'<!DOCTYPE x [<!ENTITY a "b">]><x/>',
        b"<x>" + b" " * sources.LARGEST + b"</x>",
    ],
)
def test_an_environment_that_could_unfold_is_refused(text):
    with pytest.raises(ValueError, match="too large"):
        sources.from_environment(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host_name", "pbx\nExecStart=/bin/sh"),
        ("host_name", "-pbx"),
        ("host_name", "10.0.0.1"),
        ("host_name", "localhost"),
        ("address", "192.0.2.10"),
        ("address", "192.0.2.0/24"),
        ("address", "127.0.0.1/8"),
        ("address", "192.0.2.10/24\nGateway=203.0.113.1"),
        ("gateway", "router"),
        ("dns", "192.0.2.1 " * 5),
        ("telephones", "192.0.2.0/24 } ; add rule inet edge input accept"),
        ("setup_code", "short"),
        ("setup_code", "------------"),
        ("setup_code", "twelve signs and a blank"),
        ("setup_code", "x" * 65),
    ],
)
def test_a_hostile_answer_is_left_out_and_never_repeated(name, value):
    found, refused = answers.read({name: value, "gateway" if name != "gateway" else "dns": ""})
    assert found == answers.Answers()
    assert len(refused) == 1
    assert refused[0].startswith(f"{name}: ")
    assert name != "setup_code" or value not in refused[0]


def test_the_first_source_that_knows_an_answer_is_believed():
    first = answers.Answers(host_name="a")
    later = answers.Answers(host_name="b", gateway="192.0.2.1")
    assert first.filled_up(later) == answers.Answers(host_name="a", gateway="192.0.2.1")


def test_words_of_the_kernel_line_are_answers_and_the_slot_is_none():
    line = "quiet appliance.slot=A appliance.address=192.0.2.5/24 appliance.dns=192.0.2.1,192.0.2.2"
    assert sources.from_kernel_line(line) == {
        "address": "192.0.2.5/24",
        "dns": "192.0.2.1,192.0.2.2",
    }


def test_a_nocloud_disk_gives_a_name_and_json():
    given = sources.from_seed(
        b"instance-id: i-1\nlocal-hostname: pbx\n", b'{"gateway":"192.0.2.1"}'
    )
    assert given == {"host_name": "pbx", "gateway": "192.0.2.1"}
    assert sources.from_seed(b"", b"#cloud-config\nusers: []\n") == {}


def places(tmp_path):
    (tmp_path / "etc/ssh").mkdir(parents=True)
    return Places(tmp_path)


def test_a_machine_knows_its_own_name_without_a_server(tmp_path):
    where = places(tmp_path)
    identity.write_name(where, "pbx.example.com")
    assert "127.0.1.1 pbx.example.com pbx" in (tmp_path / "etc/hosts").read_text().splitlines()
    assert (tmp_path / "etc/hostname").read_text() == "pbx.example.com\n"


@pytest.fixture
def image(tmp_path, monkeypatch):
    """A machine from our image, whose first wired interface is called ens192."""
    monkeypatch.setattr(identity, "first_interface", lambda: "ens192")
    (tmp_path / "etc/systemd/network").mkdir(parents=True)
    (tmp_path / "etc/systemd/network/90-dhcp.network").touch()
    return Places(tmp_path)


def first_wishes(places, told):
    """The network that a machine begins with, and what was not taken."""
    wanted, refused = identity.first_network(places, told)
    identity.write_network(places, wanted)
    identity.write_first_state(places, told, wanted)
    state = registry.decode(json.loads(places.layout.first_state.read_bytes()))
    assert registry.check(state) == ()
    return state["network"], refused


TOLD = answers.Answers(
    host_name="pbx", address="192.0.2.10/24", gateway="192.0.2.1", dns=("192.0.2.53",)
)


@pytest.mark.row("D1")
def test_the_answers_are_the_first_settings_of_the_network_and_its_files(image):
    wanted, refused = first_wishes(image, TOLD)
    assert refused == []
    assert (wanted.managed, wanted.host_name, wanted.dns) == (True, "pbx", ("192.0.2.53",))
    (lan,) = wanted.interfaces
    assert (lan.name, lan.address, lan.gateway) == ("ens192", "192.0.2.10/24", "192.0.2.1")
    folder = image.prefix / "etc/systemd"
    lines = (folder / "network/05-lan.network").read_text().splitlines()
    assert {"Name=ens192", "Address=192.0.2.10/24", "Gateway=192.0.2.1"} <= set(lines)
    assert "DNS=192.0.2.53" in (folder / "resolved.conf.d/50-network.conf").read_text()


def test_without_an_address_dhcp_is_asked_and_the_settings_say_so(image):
    wanted, refused = first_wishes(image, answers.Answers(host_name="pbx"))
    assert refused == []
    assert wanted.interfaces[0].ipv4 == "dhcp"
    assert "DHCP=ipv4" in (image.prefix / "etc/systemd/network/05-lan.network").read_text()


def test_a_fixed_address_of_ipv6_is_taken_too(image):
    told = answers.Answers(host_name="pbx", address="2001:db8::10/64", gateway="2001:db8::1")
    wanted, refused = first_wishes(image, told)
    assert refused == []
    assert (wanted.interfaces[0].ipv4, wanted.interfaces[0].ipv6) == ("off", "static")


def test_an_answer_that_the_settings_refuse_does_not_stop_the_first_start(image):
    told = answers.Answers(host_name="pbx", address="192.0.2.10/24", gateway="10.0.0.1")
    wanted, refused = first_wishes(image, told)
    assert wanted.interfaces[0].ipv4 == "dhcp"
    assert refused == [
        "address: 10.0.0.1 is not in the network 192.0.2.0/24 of the address: mend one of the two"
    ]


def test_a_server_that_had_its_addresses_before_begins_with_none_of_ours(tmp_path):
    where = places(tmp_path)
    wanted, refused = first_wishes(where, TOLD)
    assert (wanted.managed, wanted.interfaces, refused) == (False, (), [])
    assert not (tmp_path / "etc/systemd/network").exists()


def test_networks_of_telephones_become_elements_of_the_firewall(tmp_path):
    where = places(tmp_path)
    identity.write_telephone_networks(where, ("192.0.2.0/24", "2001:db8::/64"))
    assert (tmp_path / "etc/nftables.d/10-telephones.nft").read_text() == (
        "add element inet edge telephones4 { 192.0.2.0/24 }\n"
        "add element inet edge telephones6 { 2001:db8::/64 }\n"
    )


def test_facts_name_the_machine_and_keep_what_else_they_held(tmp_path):
    where = places(tmp_path)
    identity.write_machine_facts(where, "pbx", "192.0.2.10/24")
    facts = read_facts(where.layout)
    assert (facts.host_name, facts.addresses) == ("pbx", ("192.0.2.10",))


@pytest.mark.row("S2")
def test_two_machines_make_different_ssh_keys_and_each_keeps_its_own(tmp_path):
    made = []
    for name in ("one", "two"):
        where = places(tmp_path / name)
        ssh_keys.make(where)
        key = tmp_path / name / "etc/ssh/ssh_host_ed25519_key"
        made.append(key.read_bytes())
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        ssh_keys.make(where)
        assert key.read_bytes() == made[-1]
    assert made[0] != made[1]


def test_a_key_cut_off_while_it_was_made_is_made_again(tmp_path):
    where = places(tmp_path)
    (tmp_path / "etc/ssh/.new_ed25519_key").write_text("half a key")
    ssh_keys.make(where)
    assert (tmp_path / "etc/ssh/ssh_host_ed25519_key").exists()
    assert not (tmp_path / "etc/ssh/.new_ed25519_key").exists()


def test_a_code_that_was_chosen_beforehand_is_readable_for_nobody_else(tmp_path):
    identity.keep_setup_code(places(tmp_path), "correct-horse-battery")
    file = tmp_path / "var/lib/centralino-portal/setup-code"
    assert file.read_text() == "correct-horse-battery\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def health(**changes):
    values = {
        "host_name": "pbx",
        "addresses": ("192.0.2.10", "2001:db8::1"),
        "slot": "A",
        "setup_code": "ABCD-EFGH-IJKL",
        "problems": {},
        "refused": (),
        "data_lost": False,
    }
    return Health(**{**values, **changes})


@pytest.mark.row("I3")
def test_the_console_shows_address_and_code_until_there_is_an_administrator():
    shown = "\n".join(console.lines(health(), Texts("en")))
    assert "https://192.0.2.10/" in shown
    assert "ABCD-EFGH-IJKL" in shown
    assert "▀" in shown, "a code for a camera"
    later = "\n".join(console.lines(health(setup_code=""), Texts("en")))
    assert "Setup code" not in later
    assert "▀" not in later


def test_the_console_shows_what_is_wrong_without_obeying_it():
    bad = health(problems={"portal": "says \033[2Jgone"}, refused=("OVF disk: address: wrong",))
    shown = "\n".join(console.lines(bad, Texts("en")))
    assert "portal: says ?[2Jgone" in shown
    assert "OVF disk: address: wrong" in shown


def test_an_address_of_ipv6_alone_is_written_for_a_browser():
    assert health(addresses=("2001:db8::1",)).portal == "https://[2001:db8::1]/"


def test_every_sentence_of_the_text_screens_is_there_in_italian():
    shown = "\n".join(console.lines(health(problems={"portal": "x"}, data_lost=True), Texts("it")))
    assert "Codice di attivazione" in shown
    for english, italian in ITALIAN.items():
        assert english.count("%(") == italian.count("%("), english


def test_addresses_are_read_although_ip_tells_of_filtered_ones_as_nothing():
    told = [
        {},
        {"ifname": "ens3", "addr_info": [{"local": "2001:db8::1"}, {"local": "192.0.2.10"}, {}]},
        {"ifname": "ens4", "addr_info": [{"local": "2001:db8::2", "temporary": True}]},
    ]
    assert addresses_of(told) == ("192.0.2.10", "2001:db8::1")


def test_the_code_that_leads_back_into_the_portal_is_readable_for_nobody_else(tmp_path):
    places = Places(tmp_path)
    folder = places.layout.state_of("portal")
    folder.mkdir(parents=True)
    first = administrator.lay_code(places)
    second = administrator.lay_code(places)
    file = folder / administrator.FILE
    assert first != second
    assert file.read_text() == f"{second}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == [administrator.FILE]


def test_what_still_starts_is_named_without_alarm():
    late = health(problems={"portal": "no answer on portal.sock"}, starting=True)
    shown = "\n".join(console.lines(late, Texts("it")))
    assert "Ancora in avvio: portal" in shown
    assert "portal.sock" not in shown


class Typist:
    """A screen at which these lines are typed, one for each question."""

    def __init__(self, *typed):
        self.typed, self.said = list(typed), []

    def line(self, _question):
        return self.typed.pop(0)

    def say(self, line=""):
        self.said.append(line)


def test_an_address_that_cannot_be_is_refused_with_the_reason(monkeypatch):
    screen = Typist("192.0.2.\033[2J300/24", "", "")
    monkeypatch.setattr(address, "Screen", lambda: screen)
    with pytest.raises(SystemExit) as ended:
        address.main()
    assert ended.value.code == 1
    assert any("address" in line and "192.0.2" in line for line in screen.said), screen.said
    assert not any("\033" in line for line in screen.said)


@pytest.mark.parametrize(("works", "told"), [(True, "Done."), (False, "the reason stands above")])
def test_the_console_tells_how_what_was_asked_for_went(monkeypatch, works, told):
    screen = Typist("")
    monkeypatch.setattr(console.actions, "run", lambda _action, _language: works)
    shown = console.Console(screen, Places())
    shown.text = Texts("en")
    shown.hook("address")
    assert told in screen.said[-1]


def test_the_console_tells_of_a_version_that_did_not_work():
    state = health(version="1.0.0", left="1.1.0")
    shown = "\n".join(console.lines(state, Texts("en")))
    assert "Version 1.1.0 did not work: the former one is back." in shown
    assert "Centralino 1.0.0" in shown


@pytest.mark.row("S6")
def test_networks_of_telephones_are_the_first_wish_of_the_firewall(tmp_path):
    places = Places(tmp_path)
    told = answers.Answers(telephones=("192.0.2.0/24",))
    identity.write_first_state(places, told, network.State())
    state = registry.decode(json.loads(places.layout.first_state.read_bytes()))
    assert state["firewall"].telephones == ("192.0.2.0/24",)
    assert registry.check(state) == ()


@pytest.mark.row("I3")
def test_the_portal_is_handed_the_state_that_the_engine_begins_with(tmp_path):
    places = Places(tmp_path)
    told = answers.Answers(telephones=("192.0.2.0/24",))
    identity.write_first_state(places, told, network.State())
    handed = places.layout.state_of("portal") / "first-state.json"
    assert registry.first_state(handed) == registry.first_state(places.layout.first_state)
    assert handed.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("files", "managed"),
    [
        (["etc/systemd/network/90-dhcp.network"], ("network", "firewall", "vpn", "bans")),
        ([], ("firewall", "vpn", "bans")),
    ],
)
def test_a_server_that_had_its_addresses_before_keeps_them(tmp_path, files, managed):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    places = Places(tmp_path)
    identity.write_machine_facts(places, "pbx", "")
    assert read_facts(places.layout).manages == managed
