"""A fixed address stays with its machine when the machine's card has another name."""

import pytest

from appliance.firstboot import cards
from appliance.firstboot.cards import Card
from appliance.state.machine import Machine
from appliance.state.references import References
from appliance.system import network

LAN = network.Interface(id="lan", name="ens3", ipv4="static", address="192.0.2.10/24")
BY_MAC = network.Interface(
    id="lan", mac="52:54:00:aa:bb:cc", ipv4="static", address="192.0.2.10/24"
)
NEW = Card("ens192", "00:0c:29:01:02:03")


@pytest.fixture
def machine(tmp_path):
    """Writes the files of a machine with these interfaces; returns its root."""

    def write(*interfaces):
        state = network.State(managed=True, host_name="pbx", interfaces=interfaces)
        for file in network.files(state, References.of(()), Machine()):
            path = tmp_path / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
        return tmp_path

    return write


def follow(root, found):
    return cards.follow(root, lambda: found, lambda: None)


def moved(root):
    return [file.read_text() for file in (root / "run").rglob("*.network")]


@pytest.mark.row("D1")
@pytest.mark.parametrize("interface", [LAN, BY_MAC])
def test_the_only_card_takes_the_addresses_of_the_one_that_is_gone(machine, interface):
    root = machine(interface)
    assert follow(root, [NEW]) == NEW
    (text,) = moved(root)
    assert "Name=ens192" in text.splitlines()
    assert "Address=192.0.2.10/24" in text.splitlines()
    assert "ens3" not in text
    assert "MACAddress" not in text


@pytest.mark.parametrize(
    "card", [Card("ens3", "00:0c:29:01:02:03"), Card("eth7", "52:54:00:aa:bb:cc")]
)
def test_a_card_that_is_there_is_left_alone(machine, card):
    root = machine(LAN if card.name == "ens3" else BY_MAC)
    assert follow(root, [card]) is None
    assert moved(root) == []


def test_a_card_that_has_only_its_first_name_yet_is_waited_for(machine):
    root = machine(LAN)
    found = [Card("eth0", "00:0c:29:01:02:03")]

    def udev():
        found[:] = [Card("ens3", "00:0c:29:01:02:03")]

    assert cards.follow(root, lambda: found, udev) is None
    assert moved(root) == []


def test_an_address_does_not_get_onto_one_of_two_cables(machine):
    root = machine(LAN)
    assert follow(root, [NEW, Card("ens224", "00:0c:29:01:02:04")]) is None
    assert moved(root) == []


def test_of_two_interfaces_that_are_set_none_is_guessed(machine):
    other = network.Interface(id="other", name="ens4")
    root = machine(LAN, other)
    assert follow(root, [NEW]) is None
    assert moved(root) == []


def test_a_machine_without_files_of_addresses_starts(tmp_path):
    assert follow(tmp_path, [NEW]) is None


def test_wired_cards_are_counted_without_radio_and_what_is_no_hardware(tmp_path):
    links = {"ens4": ("1", ["device"]), "ens3": ("1", ["device"]), "lo": ("772", [])}
    links["wlan0"] = ("1", ["device", "phy80211"])
    for name, (kind, parts) in links.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "type").write_text(f"{kind}\n")
        (folder / "address").write_text("52:54:00:AA:00:01\n")
        for part in parts:
            (folder / part).mkdir()
    found = cards.wired(tmp_path)
    assert [card.name for card in found] == ["ens3", "ens4"]
    assert found[0].mac == "52:54:00:aa:00:01"


def test_a_card_that_is_pulled_out_just_now_is_passed_over(tmp_path):
    (tmp_path / "ens5/device").mkdir(parents=True)
    assert cards.wired(tmp_path) == []
