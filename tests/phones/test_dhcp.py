"""What a DHCP server with our lines in it tells telephones, and what computers."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from provisioning import dhcp
from provisioning.phones import Door
from tests.support.dhcp_client import offered
from tests.support.network import new_network

DOOR = Door("10.97.0.1")
FIRST = "http://10.97.0.1/provisioning/e/"


@pytest.fixture(scope="module")
def desks(tmp_path_factory):
    """A network with dnsmasq in it; phones are behind the interface `desk`."""
    folder = tmp_path_factory.mktemp("dnsmasq")
    lines = folder / "phones.conf"
    lines.write_text(dhcp.dnsmasq(DOOR))
    checked = subprocess.run(
        ["dnsmasq", "--test", f"--conf-file={lines}"], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    with new_network("dhcp") as network, new_network("desk") as desks:
        far = ("peer", "name", "desk", "netns", desks.name)
        network.run("ip", "link", "add", "office", "type", "veth", *far)
        network.run("ip", "address", "add", "10.97.0.1/24", "dev", "office")
        network.run("ip", "link", "set", "office", "up")
        desks.run("ip", "link", "set", "desk", "up")
        server = network.start(
            [
                *("dnsmasq", "--no-daemon", "--port=0", f"--conf-file={lines}"),
                *("--interface=office", "--bind-interfaces", "--user=root", "--no-ping"),
                *("--dhcp-range=10.97.0.100,10.97.0.200,1h", f"--dhcp-leasefile={folder}/leases"),
            ],
            stderr=subprocess.DEVNULL,
        )
        try:
            yield desks
        finally:
            server.terminate()
            server.wait(10)


@pytest.mark.row("K4")
@pytest.mark.parametrize(
    ("mac", "vendor_class", "url"),
    [
        ("001565aabbcc", "", FIRST),
        ("020000000001", "yealink", FIRST),
        ("000413aabbcc", "", FIRST + "{mac}.xml"),
        ("020000000002", "snomD785", FIRST + "{mac}.xml"),
        ("020000000003", "CP-8851-3PCC", FIRST + "$MA.xml"),
        ("020000000004", "MSFT 5.0", None),
        ("020000000005", "", None),
    ],
)
def test_a_telephone_is_told_where_to_ask_and_a_computer_is_not(desks, mac, vendor_class, url):
    told = offered(desks, "desk", mac, vendor_class)
    # dnsmasq ends option 66 with a NUL byte, which phones drop.
    found = told[66].rstrip(b"\0").decode() if 66 in told else None
    assert found == url


def test_keas_classes_recognise_the_same_phones():
    classes = json.loads(dhcp.kea(DOOR))["Dhcp4"]["client-classes"]
    told = {each["name"]: each["option-data"][0]["data"] for each in classes}
    assert told == {
        "telephones-yealink": FIRST,
        "telephones-snom": FIRST + "{mac}.xml",
        "telephones-cisco": FIRST + "$MA.xml",
    }
    for each in classes:
        for part in each["test"].split(" or "):
            mac = re.fullmatch(r"substring\(pkt4\.mac,0,3\) == 0x[0-9a-f]{6}", part)
            name = re.fullmatch(r"substring\(option\[60\]\.text,0,(\d+)\) == '(.+)'", part)
            assert mac or int(name[1]) == len(name[2])
