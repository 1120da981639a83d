"""VLANs by the image's own kernel and networkd, which the kernel of a test machine may lack."""

import json
from dataclasses import replace

import pytest

from appliance.state.machine import Machine
from appliance.state.references import References
from appliance.system import network
from appliance.system.network import Interface, State, Vlan
from tests.support import small_machine

PROGRAMS = (
    *("/usr/bin/sh", "/usr/bin/mount", "/usr/bin/mkdir", "/usr/bin/sleep", "/usr/bin/ip"),
    *("/usr/bin/chown", "/usr/bin/cp", "/usr/bin/rm", "/usr/sbin/insmod", "/usr/bin/networkctl"),
    "/usr/lib/systemd/systemd-networkd",
)
MODULES = ("llc", "stp", "garp", "mrp", "8021q", "veth")

SCRIPT = """
ip link add ens3 type veth peer name far3
ip link add ens4 type veth peer name far4
for each in lo far3 far4; do ip link set $each up; done
chown systemd-network: /run/systemd/netif
show() { echo "<$1>"; ip -json -details address show; echo "</$1>"; }
has() { case "$(ip -oneline address show)" in *"$1"*) return 0;; esac; return 1; }
wait_for() { n=0; until has "$1" || [ $n = 60 ]; do sleep 1; n=$((n+1)); done; }
cp /first/* /etc/systemd/network/
/usr/lib/systemd/systemd-networkd &
wait_for 10.40.0.1/24
wait_for 192.0.2.10/24
show first
ip link delete dev vlan-40
rm /etc/systemd/network/*
cp /second/* /etc/systemd/network/
networkctl reload
wait_for 10.40.0.2/24
show second
ip link delete dev vlan-40
rm /etc/systemd/network/*
cp /third/* /etc/systemd/network/
networkctl reload
sleep 5
show third
"""

LAN = Interface(id="lan", name="ens3", ipv4="static", address="192.0.2.10/24", ipv6="off")
OTHER = Interface(id="other", name="ens4", ipv4="static", address="198.51.100.10/24", ipv6="off")
VOICE = Vlan(
    id="voice",
    label="Voice",
    parent="lan",
    number=40,
    ipv4="static",
    address="10.40.0.1/24",
    ipv6="off",
)
STATES = {
    "first": State(managed=True, host_name="pbx", interfaces=(LAN, OTHER), vlans=(VOICE,)),
    "second": State(
        managed=True,
        host_name="pbx",
        interfaces=(LAN, OTHER),
        vlans=(replace(VOICE, parent="other", address="10.40.0.2/24"),),
    ),
    "third": State(managed=True, host_name="pbx", interfaces=(LAN, OTHER)),
}


def files():
    """Every state's files of networkd, in a folder of the state's name."""
    return {
        f"{name}/{file.path.rpartition('/')[2]}": file.content
        for name, state in STATES.items()
        for file in network.files(state, References.of(()), Machine())
        if file.path.startswith(network.FOLDER)
    }


def shown(said, name):
    """Interface -> what it is, as the machine has said it in one of its states."""
    text = said.partition(f"<{name}>")[2].partition(f"</{name}>")[0]
    listed = json.loads(text[text.index("[") : text.rindex("]") + 1])
    return {each["ifname"]: each for each in listed}


def addresses(link):
    return {f"{each['local']}/{each['prefixlen']}" for each in link["addr_info"]}


def through_all_states(root, folder):
    """What the machine says of itself in each of the states, one after the other."""
    return small_machine.run(
        root, folder, SCRIPT, programs=PROGRAMS, modules=MODULES, files=files()
    )


@pytest.mark.row("D1")
def test_a_vlan_comes_moves_to_another_cable_and_goes(built, tmp_path):
    said = through_all_states(built.root, tmp_path)
    first, second, third = (shown(said, name) for name in STATES)
    vlan = first["vlan-40"]
    assert vlan["linkinfo"]["info_data"]["id"] == 40
    assert vlan["link"] == "ens3"
    assert addresses(vlan) == {"10.40.0.1/24"}
    assert second["vlan-40"]["link"] == "ens4"
    assert addresses(second["vlan-40"]) == {"10.40.0.2/24"}
    assert "vlan-40" not in third
    for state in (first, second, third):
        assert addresses(state["ens3"]) == {"192.0.2.10/24"}
