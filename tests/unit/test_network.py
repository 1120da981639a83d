"""The machine's network: what cannot work is refused with what to do, what can becomes files."""

import json
from dataclasses import replace

import pytest

from appliance.render.escape import UnsafeValue, networkd_value
from appliance.services import registry
from appliance.state.codec import canonical_json, decode, encode
from appliance.state.faults import StateError
from appliance.state.machine import Layout, Machine
from appliance.state.references import References
from appliance.state.system_state import encode_system
from appliance.system import console_address, interfaces, network, network_follow
from appliance.system.console_address import ConsoleAddress
from appliance.system.machine import Facts, read_facts, write_facts
from appliance.system.network import Interface, Route, State, Vlan

LAN = Interface(
    id="lan", name="ens192", ipv4="static", address="192.0.2.10/24", gateway="192.0.2.1"
)
VOICE = Vlan(
    id="voice", label="Voice", parent="lan", number=40, ipv4="static", address="10.40.0.1/24"
)
GOOD = State(managed=True, host_name="pbx.example.com", interfaces=(LAN,), vlans=(VOICE,))


def faults(state):
    """Place -> sentence."""
    known = References.of(network.references(state))
    return {fault.where: fault.message for fault in network.check(state, known)}


def lan(**changes):
    return replace(GOOD, interfaces=(replace(LAN, **changes),), vlans=())


@pytest.mark.row("D1")
def test_a_sound_network_has_no_faults():
    assert faults(GOOD) == {}


def test_a_network_that_somebody_else_manages_writes_asks_and_checks_nothing():
    ours = replace(lan(address=""), managed=False)
    assert faults(ours) == {}
    assert list(network.files(ours, References.of(()), Machine())) == []
    assert list(network.probes(ours, References.of(()))) == []
    assert State() == State(managed=False), "nobody has said anything"


HERE = "network/interfaces/lan"


@pytest.mark.parametrize(
    ("state", "where", "said"),
    [
        (replace(GOOD, host_name=""), "network/host_name", "give the machine a name"),
        (replace(GOOD, host_name=f"{'a' * 60}.example"), "network/host_name", "at most 64"),
        (replace(GOOD, interfaces=(), vlans=()), "network/managed", "take over what runs"),
        (lan(address=""), f"{HERE}/address", "a fixed address is missing"),
        (lan(address="192.0.2.0/24", gateway=""), f"{HERE}/address", "means the network"),
        (lan(address="192.0.2.255/24", gateway=""), f"{HERE}/address", "means the network"),
        (lan(address="127.0.0.5/8", gateway=""), f"{HERE}/address", "cannot be a machine's own"),
        (lan(address="224.0.0.5/4", gateway=""), f"{HERE}/address", "cannot be a machine's own"),
        (lan(gateway="192.0.3.1"), f"{HERE}/gateway", "not in the network 192.0.2.0/24"),
        (lan(gateway="192.0.2.10"), f"{HERE}/gateway", "this machine's own address"),
        (lan(gateway="192.0.2.255"), f"{HERE}/gateway", "means the network"),
        (lan(gateway="2001:db8::1"), f"{HERE}/gateway", "not in the network"),
        (lan(name=""), f"{HERE}/name", "by its name or its MAC address"),
        (lan(name="lo"), f"{HERE}/name", "no wired interface"),
        (lan(name="branch0"), f"{HERE}/name", "no wired interface"),
        (lan(ipv4="off", ipv6="off"), "network/interfaces", "nobody reaches this machine"),
        (lan(ipv6="static", address6="2001:db8::/64"), f"{HERE}/address6", "means the network"),
        (lan(ipv6="static", address6="fe80::5/64"), f"{HERE}/address6", "cannot be a machine's"),
        (
            lan(ipv6="static", address6="2001:db8::5/64", gateway6="2001:db8:1::1"),
            f"{HERE}/gateway6",
            "not in the network",
        ),
        (
            lan(routes=(Route("10.0.0.0/8", "198.51.100.1"),)),
            f"{HERE}/routes/0/gateway",
            "in no network of this interface",
        ),
        (
            lan(routes=(Route("0.0.0.0/0", "192.0.2.9"),)),
            f"{HERE}/routes/0/network",
            "set it as the gateway",
        ),
        (
            lan(routes=(Route("10.0.0.0/8", "2001:db8::1"),)),
            f"{HERE}/routes/0/gateway",
            "same version of IP",
        ),
        (
            lan(routes=(Route("10.0.0.0/8", "192.0.2.9"), Route("10.0.0.0/8", "192.0.2.8"))),
            f"{HERE}/routes/1/network",
            "twice",
        ),
        (
            replace(GOOD, vlans=(replace(VOICE, parent="wan"),)),
            "network/vlans/voice/parent",
            "does not exist",
        ),
        (
            replace(GOOD, vlans=(VOICE, replace(VOICE, id="other", address="10.41.0.1/24"))),
            "network/vlans/other/number",
            "VLAN 40 is in the list twice",
        ),
        (
            replace(GOOD, vlans=(replace(VOICE, address="192.0.2.129/25"),)),
            "network/vlans/voice/address",
            "192.0.2.128/25 overlaps with 192.0.2.0/24",
        ),
        (
            replace(GOOD, vlans=(replace(VOICE, gateway="10.40.0.254"),)),
            "network/vlans/voice/gateway",
            "another interface has a gateway already",
        ),
        (
            replace(GOOD, interfaces=(LAN, Interface(id="two", name="ens192"))),
            "network/interfaces/two/name",
            "another interface of the list",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_do(state, where, said):
    found = faults(state)
    assert where in found
    assert said in found[where]


@pytest.mark.parametrize(
    "state",
    [
        lan(address="192.0.2.10/31", gateway="192.0.2.11"),
        lan(ipv6="static", address6="2001:db8::5/64", gateway6="fe80::1"),
        lan(ipv4="off", ipv6="automatic", address="", gateway=""),
        lan(ipv4="dhcp", address="nothing to mean", gateway=""),
        lan(ipv4="dhcp", routes=(Route("10.0.0.0/8", "198.51.100.1"),)),
    ],
    ids=["point to point", "router by link-local", "IPv6 alone", "not in use", "not known yet"],
)
def test_what_works_is_not_refused(state):
    assert faults(state) == {}


def test_an_address_that_a_branch_has_behind_its_tunnel_is_refused():
    services = {
        "organisation": {"name": "x", "sites": [{"id": "modena", "name": "Modena"}]},
        "vpn": {
            "addresses": ["203.0.113.1"],
            "branches": [
                {
                    "id": "modena",
                    "number": 1,
                    "lan": {"network": "10.40.0.0/16", "address": "10.40.0.9"},
                    "lines": [{"id": "f", "label": "F", "kind": "fibre", "interface": "wan1"}],
                }
            ],
        },
        "network": encode(GOOD),
    }
    state = registry.decode({"schema_version": 1, "services": services})
    said = {fault.where: fault.message for fault in registry.check(state)}
    assert "10.40.0.0/16 of the branches" in said["network/vlans/voice/address"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host_name", "pbx\nAddress=203.0.113.1"),
        ("host_name", "PBX"),
        ("host_name", "-pbx"),
        ("host_name", "pbx..example.com"),
        ("host_name", "192.0.2.1"),
        ("host_name", "localhost"),
        ("dns", ["192.0.2.53 203.0.113.1"]),
        ("dns", ["dns.example.com"]),
        ("dns", ["fe80::1%ens192"]),
        ("search", ["example.com\n[Match]"]),
        ("ntp", ["time.example.com iburst\nallow all"]),
        ("interfaces", [{"id": "a", "name": "ens3 ens4"}]),
        ("interfaces", [{"id": "a", "name": "*"}]),
        ("interfaces", [{"id": "a", "name": "../../passwd"}]),
        ("interfaces", [{"id": "a", "name": "a23456789012345x"}]),
        ("interfaces", [{"id": "../a", "name": "ens3"}]),
        ("interfaces", [{"id": "a", "mac": "00:50:56:A1:B2:C3"}]),
        ("interfaces", [{"id": "a", "mac": "00:50:56:a1:b2:c3\nName=*"}]),
        ("interfaces", [{"id": "a", "name": "a", "address": "192.0.2.10"}]),
        ("interfaces", [{"id": "a", "name": "a", "address": "2001:db8::1/64"}]),
        ("interfaces", [{"id": "a", "name": "a", "address6": "192.0.2.10/24"}]),
        ("interfaces", [{"id": "a", "name": "a", "address": "192.0.2.10/24\nGateway=1.2.3.4"}]),
        ("interfaces", [{"id": "a", "name": "a", "gateway": "router"}]),
        ("interfaces", [{"id": "a", "name": "a", "ipv4": "bootp"}]),
        ("interfaces", [{"id": "a", "name": "a", "routes": [{"network": "10.0.0.1/8",
                                                              "gateway": "192.0.2.1"}]}]),
        ("vlans", [{"id": "v", "label": "V", "parent": "a", "number": 0}]),
        ("vlans", [{"id": "v", "label": "V", "parent": "a", "number": 4095}]),
        ("vlans", [{"id": "v", "label": "V\n", "parent": "a", "number": 1}]),
        ("managed", "yes"),
    ],
)  # fmt: skip
def test_hostile_and_impossible_values_are_no_state(field, value):
    with pytest.raises(StateError):
        decode(State, {field: value})


@pytest.mark.parametrize("value", ["a b", "a\nb", "a;b", "$(reboot)", "a#b", "[Match]"])
def test_a_value_that_would_be_syntax_never_reaches_a_file(value):
    with pytest.raises(UnsafeValue):
        networkd_value(value)


@pytest.mark.row("D1")
def test_a_state_comes_back_the_same_from_its_plain_data():
    data = json.loads(canonical_json(encode(GOOD)))
    assert decode(State, data) == GOOD


def test_what_was_typed_for_a_fixed_address_means_nothing_while_dhcp_is_chosen():
    state = lan(ipv4="dhcp")
    (text,) = [
        f.content.decode()
        for f in network.files(state, References.of(()), Machine())
        if f.path.endswith("05-lan.network")
    ]
    assert "DHCP=ipv4" in text
    assert "192.0.2" not in text


# ── what follows from it ──────────────────────────────────────────────────────────────


def test_the_rest_of_the_machine_is_called_by_the_wished_name_where_it_is_managed():
    ours, others = Machine(manages=("network",)), Machine()
    assert network.followed(GOOD, others) is others
    found = network.followed(GOOD, ours)
    assert (found.host_name, found.addresses) == ("pbx.example.com", ("192.0.2.10", "10.40.0.1"))
    state = registry.empty_state().replaced(network=GOOD)
    mail = registry.files(state, replace(ours, secrets=Everything()))
    assert mail.get("etc/hosts").content.decode().splitlines()[1] == "127.0.1.1 pbx.example.com pbx"


class Everything(dict):
    def __missing__(self, key):
        from appliance.state.fields import Secret

        return Secret(f"test-{key}")


def machine(tmp_path, state):
    """A machine of the engine's with a revision in force."""
    layout = Layout(tmp_path)
    if not layout.facts.exists():
        write_facts(layout, Facts(host_name="old", addresses=("192.0.2.9",), manages=("network",)))
        (tmp_path / "etc/hosts").write_text("127.0.0.1 localhost old\n")
        (tmp_path / "etc/hostname").write_text("old\n")
    put_in_force(layout, state)
    return layout


def put_in_force(layout, state):
    whole = registry.empty_state().replaced(network=state)
    layout.current.mkdir(parents=True, exist_ok=True)
    root = layout.current / "root"
    for path in sorted(root.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (layout.current / "state.json").write_bytes(canonical_json(encode_system(whole)))
    for file in network.files(state, References.of(()), Machine()):
        (root / file.path).parent.mkdir(parents=True, exist_ok=True)
        (root / file.path).write_bytes(file.content)


@pytest.fixture
def no_certificates(monkeypatch):
    made = []
    monkeypatch.setattr(network_follow, "ensure_certificates", lambda *of: made.append(of[1:3]))
    return made


@pytest.mark.row("D1")
def test_hosts_file_facts_and_certificates_follow_and_go_back(tmp_path, no_certificates):
    layout = machine(tmp_path, GOOD)
    assert network_follow.follow(layout, {}) == "pbx.example.com"
    assert "pbx.example.com pbx" in (tmp_path / "etc/hosts").read_text()
    facts = read_facts(layout)
    assert (facts.host_name, facts.addresses) == ("pbx.example.com", ("192.0.2.10", "10.40.0.1"))
    assert no_certificates == [("pbx.example.com", ("192.0.2.10", "10.40.0.1"))]

    (tmp_path / "etc/hostname").write_text("pbx.example.com\n")
    put_in_force(layout, State())
    assert network_follow.follow(layout, {}) == "old"
    assert (tmp_path / "etc/hosts").read_text() == "127.0.0.1 localhost old\n"
    assert read_facts(layout).host_name == "old"
    assert read_facts(layout).addresses == ("192.0.2.9",)


def test_a_machine_that_is_as_wished_is_left_alone(tmp_path, no_certificates):
    layout = machine(tmp_path, GOOD)
    network_follow.follow(layout, {})
    (tmp_path / "etc/hostname").write_text("pbx.example.com\n")
    no_certificates.clear()
    assert network_follow.follow(layout, {}) == ""
    assert no_certificates == []


def test_a_vlan_that_is_gone_or_hangs_on_another_interface_is_forgotten(tmp_path):
    layout = machine(tmp_path, GOOD)
    folder = tmp_path / "etc/systemd/network"
    folder.mkdir(parents=True)
    for name in ("04-vlan-40.lan.netdev", "04-vlan-50.lan.netdev", "04-vlan-60.own.netdev"):
        (folder / name).write_bytes(network.MARK)
    (folder / "04-vlan-70.lan.netdev").write_text("somebody else's\n")
    assert network_follow.forgotten_vlans(layout) == ["vlan-50", "vlan-60"]


def test_an_address_of_the_console_holds_until_the_settings_change_and_comes_back(tmp_path):
    layout = machine(tmp_path, GOOD)
    file = tmp_path / "etc/systemd/network/00-console.network"
    given = ConsoleAddress(replace(LAN, address="198.51.100.5/24", gateway="198.51.100.1"))
    console_address.give(layout, GOOD, given)
    assert "Address=198.51.100.5/24" in file.read_text()
    assert "VLAN=vlan-40" in file.read_text(), "telephones stay where they are"
    other = lan(address="192.0.2.20/24")
    console_address.settle(layout, other)
    assert not file.exists()
    console_address.settle(layout, GOOD)
    assert file.exists()
    console_address.forget(layout, GOOD)
    assert console_address.holding(layout, GOOD) is not None, "nothing has followed it"
    console_address.forget(layout, other)
    assert console_address.holding(layout, GOOD) is None


def test_a_record_of_the_console_that_is_cut_off_is_no_address(tmp_path):
    layout = machine(tmp_path, GOOD)
    path = console_address.path(layout)
    path.write_text('{"interface": {"id": "lan"')
    assert console_address.holding(layout, GOOD) is None


# ── what the machine has ──────────────────────────────────────────────────────────────

LINKS = [
    {"ifname": "lo", "link_type": "loopback", "flags": ["LOWER_UP"]},
    {"ifname": "ens192", "link_type": "ether", "address": "00:50:56:a1:b2:c3",
     "flags": ["UP", "LOWER_UP"]},
    {"ifname": "br0", "link_type": "ether", "linkinfo": {"info_kind": "bridge"}},
    {"ifname": "vlan-40", "link_type": "ether", "link": "ens192", "flags": [],
     "linkinfo": {"info_kind": "vlan", "info_data": {"id": 40}}},
    {"ifname": "branch0", "link_type": "none", "linkinfo": {"info_kind": "tun"}},
]  # fmt: skip
ADDRESSES = [
    {},
    {"ifname": "ens192", "addr_info": [
        {"family": "inet", "local": "192.0.2.10", "prefixlen": 24, "scope": "global",
         "dynamic": True},
        {"family": "inet6", "local": "fe80::1", "prefixlen": 64, "scope": "link"},
        {"family": "inet6", "local": "2001:db8::7", "prefixlen": 64, "scope": "global",
         "temporary": True},
        {"family": "inet6", "local": "2001:db8::5", "prefixlen": 64, "scope": "global"}]},
]  # fmt: skip
ROUTES = [{"dst": "default", "gateway": "192.0.2.1", "dev": "ens192"}]


def test_wired_interfaces_are_found_with_what_they_have_now(tmp_path):
    (tmp_path / "ens192").mkdir()
    (tmp_path / "ens192/speed").write_text("10000\n")
    said = {"link": LINKS, "address": ADDRESSES, "route": ROUTES}

    def ask(command):
        if "-6" in command:
            return ""
        return json.dumps(said[next(word for word in command if word in said)])

    first, vlan = interfaces.look(ask, tmp_path)
    assert first == interfaces.Found(
        "ens192",
        "00:50:56:a1:b2:c3",
        up=True,
        speed_mbits=10000,
        addresses=("192.0.2.10/24", "2001:db8::5/64"),
        gateways=("192.0.2.1",),
        dhcp=True,
    )
    assert (vlan.name, vlan.vlan, vlan.parent, vlan.up) == ("vlan-40", 40, "ens192", False)


@pytest.mark.parametrize("said", ["", "no JSON", "{}", "[1, null]"])
def test_an_answer_that_makes_no_sense_is_no_interface(tmp_path, said):
    assert interfaces.look(lambda _command: said, tmp_path) == ()


def test_a_machine_keeps_its_own_network_over_a_restore_although_it_was_cut_off(tmp_path):
    layout = machine(tmp_path, GOOD)
    kept = tmp_path / "network.json"
    assert network_follow.own(kept) is None
    network_follow.keep_own(layout, kept)
    put_in_force(layout, lan(address="198.51.100.9/24", gateway=""))
    network_follow.keep_own(layout, kept)
    assert network_follow.own(kept) == GOOD, "the backup's network was there already"
