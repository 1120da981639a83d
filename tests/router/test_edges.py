"""What a branch may reach, what never leaves it in clear, and what it has when cut off."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest

from appliance.system import vpn
from failover_router import packets
from failover_router.echo import write_json
from failover_router.packets import Header
from tests.router.conftest import branch_company, telephones
from tests.support import branch_lab, branches
from tests.support.branch_lab import PUBLIC, Lab, answers, until
from tests.support.dhcp_client import offered
from tests.support.figures import Figures
from tests.support.network import Network
from tests.support.pbx import Pbx

pytestmark = [pytest.mark.row("I4"), pytest.mark.timeout(180)]

INTERNET_HOST = "203.0.113.254"
BORROW_KBITS = 400


def roles() -> tuple[vpn.Line, ...]:
    """wan1 is for voice, wan2 for data."""
    return branch_lab.lines(2, wan1={"carries": "voice"}, wan2={"carries": "data"})


@pytest.fixture(scope="module")
def lab(branch_pbx: Pbx) -> Iterator[Lab]:
    parma = branches.branch("parma", 2)
    state = branch_company(lines=roles(), borrow_kbits=BORROW_KBITS, others=(parma,))
    with branch_lab.branch_lab(branch_pbx, state, "--keep-clock") as made:
        yield made


@pytest.fixture(autouse=True)
def _calm(lab: Lab) -> None:
    for provider in lab.providers:
        provider.heal()
    calm = {"voice": "wan1", "data": "wan2"}
    until(lambda: all(lab.router.status[k] == v for k, v in calm.items()), 60, "lines are well")


def opened(network: Network, address: str, port: int, kind: str) -> bool:
    """Whether a TCP port is open, or a UDP port does not say that nobody is there."""
    with network.entered():
        made = socket.socket(
            socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
        )
    with made:
        made.settimeout(0.4)
        try:
            made.connect((address, port))
            if kind == "tcp":
                return True
            made.send(b"x" * 40)
            made.recv(100)
        except (ConnectionRefusedError, TimeoutError, OSError):
            return False
        return True


def udp_answer(network: Network, to: tuple[str, int], data: bytes) -> bytes:
    """The answer to one datagram, b"" for none within a second."""
    with network.entered():
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with made:
        made.settimeout(1)
        made.sendto(data, to)
        try:
            return made.recv(4096)
        except TimeoutError:
            return b""


OPTIONS = (
    b"OPTIONS sip:10.99.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.1.50:5999;branch=z9hG4bKx;rport\r\n"
    b"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
    b"Max-Forwards: 9\r\nContent-Length: 0\r\n\r\n"
)


@pytest.mark.row("S6")
def test_telephones_reach_sip_at_the_inner_address_and_other_ports_are_shut(lab):
    inner = lab.pbx.address
    assert b"SIP/2.0" in udp_answer(lab.phone, (inner, 5060), OPTIONS)
    with lab.pbx.network.entered():
        shut = socket.create_server((inner, 8088))
        allowed = socket.create_server((inner, 443))
    with shut, allowed:
        assert opened(lab.phone, inner, 443, "tcp")
        assert not opened(lab.phone, inner, 8088, "tcp")


@pytest.mark.row("S6")
def test_telephones_reach_nothing_else_behind_the_tunnel(lab):
    lab.router.network.run("ip", "route", "add", PUBLIC, "dev", "pbx0")
    try:
        assert not answers(lab.phone, PUBLIC, 0.5)
        assert udp_answer(lab.phone, (PUBLIC, 5060), OPTIONS) == b""
    finally:
        lab.router.network.run("ip", "route", "del", PUBLIC, "dev", "pbx0")


@pytest.mark.row("S5")
def test_a_branch_does_not_reach_another_that_it_is_not_let_to(lab):
    before = refused_between_branches(lab)
    lab.router.network.run("ip", "route", "add", "10.20.2.0/24", "dev", "pbx0")
    # The appliance forwards nothing at all until two branches may reach each other, or another
    # program on it says otherwise, as here.
    lab.pbx.network.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    try:
        assert not answers(lab.phone, "10.20.2.1", 0.5)
    finally:
        lab.pbx.network.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
        lab.router.network.run("ip", "route", "del", "10.20.2.0/24", "dev", "pbx0")
    assert refused_between_branches(lab) == before + 1


def refused_between_branches(lab: Lab) -> int:
    """Packets that the appliance's own rule has dropped so far."""
    said = lab.pbx.network.run("nft", "-j", "list", "chain", "ip", "branches", "beyond")
    rules = [item["rule"]["expr"] for item in json.loads(said)["nftables"] if "rule" in item]
    return sum(each["counter"]["packets"] for rule in rules for each in rule if "counter" in each)


@pytest.mark.row("S6")
def test_nothing_of_the_lan_leaves_a_line_in_clear_while_the_tunnel_is_away(lab):
    lab.pbx.network.run("nft", "add table ip shut")
    rule = "{ type filter hook input priority -300; udp dport { 1194, 1195 } drop; }"
    lab.pbx.network.run("nft", f"add chain ip shut in {rule}")
    try:
        until(lambda: not lab.tunnel_works(), 10, "the tunnel is away")
        before = [provider.passed("inner") for provider in lab.providers]
        for _ in range(20):
            udp_answer_quick(lab.phone, (lab.pbx.address, 5060))
        assert [provider.passed("inner") for provider in lab.providers] == before
        assert [provider.passed("lan") for provider in lab.providers] == [0, 0]
    finally:
        lab.pbx.network.run("nft", "delete table ip shut")
        until(lab.tunnel_works, 30, "the tunnel is back")


def udp_answer_quick(network: Network, to: tuple[str, int]) -> None:
    with network.entered():
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with made:
        made.sendto(OPTIONS, to)


@pytest.mark.row("S6")
def test_the_router_answers_nobody_on_its_lines(lab):
    outside = lab.providers[0].network
    for port in (22, 53, 80, 9105):
        assert not opened(outside, "100.64.1.2", port, "tcp")
    assert opened(lab.phone, "10.20.1.1", 9105, "tcp")


@pytest.mark.row("S5")
def test_large_packets_pass_where_the_path_is_narrower_than_it_says(lab, figures: Figures):
    for provider in lab.providers:
        provider.narrow(1400)
    network = lab.router.network
    network.run("ip", "link", "set", "wan1", "down")
    network.run("ip", "link", "set", "wan1", "up")
    until(lambda: lab.router.status["lines"][0]["mtu"] == 1400, 20, "the path's size is known")
    until(lambda: lab.router.status["mtu"] <= 1400 - 52, 5)
    figures.add("edges", "path of 1400: tunnel's packets", lab.router.status["mtu"], "bytes")
    until(lambda: answers(lab.phone, lab.pbx.address, 1, size=1372), 10, "a packet of 1400 bytes")


@pytest.mark.row("B4")
def test_data_takes_its_own_line_and_borrows_the_one_for_voice_under_a_cap(lab, figures):
    assert answers(lab.phone, INTERNET_HOST)
    assert rate_kbits(lab) > 2 * BORROW_KBITS
    lab.providers[1].silence()
    until(lambda: lab.router.status["data"] == "wan1", 5)
    assert lab.router.status["voice"] == "wan1"
    until(lambda: answers(lab.phone, INTERNET_HOST), 5, "data goes on over the line for voice")
    rate_kbits(lab)  # the first second's allowance is spent
    borrowed = rate_kbits(lab)
    figure = figures.add("edges", "data on the line for voice", borrowed, "kbit/s", 1.25 * 400)
    assert 0.5 * BORROW_KBITS < borrowed <= figure.limit


def rate_kbits(lab: Lab, seconds: float = 2.0) -> float:
    """What arrives when a computer of the branch sends about 2 Mbit/s to the internet."""
    with lab.internet.entered():
        sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with lab.phone.entered():
        source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sink, source:
        sink.bind((INTERNET_HOST, 7000))
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            source.sendto(bytes(972), (INTERNET_HOST, 7000))
            time.sleep(0.004)
        sink.settimeout(0.3)
        received = 0
        try:
            while True:
                received += len(sink.recv(2048)) + 28
        except TimeoutError:
            return received * 8 / 1000 / seconds


@pytest.mark.row("B5")
def test_a_second_router_with_the_same_identity_is_seen(lab):
    """A copy of the router's profile asks from elsewhere while the router itself runs."""
    profile = lab.router.profile
    key = bytes.fromhex(profile.server.probe_key)
    status = lab.pbx.machine.layout.run_of("echo") / "status.json"

    def seen() -> dict:
        return json.loads(status.read_text())["branches"]["modena"]

    assert not seen()["twice"]
    nonce = 0
    for number in range(1, 6):
        header = Header(packets.QUESTION, 1, 1, 4242, 0, 0, number, 0, nonce)
        answer = udp_answer(lab.internet, (PUBLIC, 1196), packets.pack(header, key))
        nonce = packets.header_of(answer).nonce
    until(lambda: seen()["twice"], 5, "two routers are told")
    until(lambda: not seen()["twice"], 15, "and that there is one again")


@pytest.mark.row("S7")
def test_a_telephone_is_seen_at_its_own_address_without_nat(lab):
    with telephones(lab):
        said = lab.pbx.console.ask("pjsip show contacts")
    assert "sip:201-1@10.20.1.50:5062" in said


def clock_of(network: Network) -> int:
    """The stratum that the router's time service tells (RFC 5905), 0 for no answer."""
    answer = udp_answer(network, ("10.20.1.1", 123), b"\x23" + bytes(47))
    return answer[1] if len(answer) >= 48 else 0


def test_telephones_get_an_address_and_their_makers_way_to_the_configuration(lab):
    found = offered(lab.phone, "eth0", "805ec0000001")
    assert found[66].rstrip(b"\0").decode() == branch_lab.PHONES.url
    assert found[3] == socket.inet_aton("10.20.1.1")


def test_other_devices_get_what_holds_for_all(lab):
    found = offered(lab.phone, "eth0", "001122000001")
    assert found[66].rstrip(b"\0") == b"http://10.99.0.1/provisioning/e/"
    assert found[43] == b"\x01\x02ab"


def test_telephones_get_the_time_from_the_router(lab):
    until(lambda: clock_of(lab.phone) > 0, 10, "the router tells the time")


def test_status_and_metrics_are_served_to_the_site_only(lab):
    with lab.phone.entered():
        made = socket.create_connection(("10.20.1.1", 9105), timeout=2)
    with made:
        made.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        text = made.makefile().read()
    assert 'router_line_voice{line="wan1"} 1' in text
    assert "router_cut_off 0" in text


def test_a_branch_that_is_cut_off_says_so_and_keeps_time_and_addresses(lab):
    for provider in lab.providers:
        provider.silence()
    until(
        lambda: lab.router.status["survival"]["cut_off"], 15, "the router says that it is cut off"
    )
    survival = lab.router.status["survival"]
    assert "no emergency calls from these telephones: use a mobile phone" in survival["sentences"]
    assert "addresses" in survival["works"]
    assert answers(lab.phone, "10.20.1.1")
    assert offered(lab.phone, "eth0", "805ec0000002")[66]
    assert clock_of(lab.phone)
    began = time.monotonic()
    for provider in lab.providers:
        provider.heal()
    until(lab.tunnel_works, 10)
    assert time.monotonic() - began < 10
    until(lambda: not lab.router.status["survival"]["cut_off"], 10)


@pytest.mark.row("N11")
def test_a_drill_cuts_a_line_by_the_router_itself_and_measures_what_was_missed(lab, figures):
    order = {"kind": "drill", "id": "00112233445566aa", "line": "wan1", "seconds": 3,
             "emergency": False}  # fmt: skip
    write_json(lab.router.folder / "run/order.json", order)
    until(lambda: (lab.router.status["drill"] or {}).get("state") == "running", 5)
    until(lambda: lab.router.status["voice"] == "wan2", 5, "voice leaves the line that is cut")
    until(lambda: lab.router.status["drill"]["state"] == "done", 30, "the drill is over")
    drill = lab.router.status["drill"]
    figure = figures.add("edges", "drill: outage", drill["outage_ms"], "ms", 1000)
    assert 0 < drill["outage_ms"] <= figure.limit
    assert 3000 <= drill["lasted_ms"] <= 4500
    assert drill["sent"] > drill["lost"] > 0


@pytest.mark.row("N11")
def test_a_drill_is_refused_while_somebody_calls_for_help(lab):
    order = {"kind": "drill", "id": "00112233445566bb", "line": "wan1", "seconds": 3,
             "emergency": True}  # fmt: skip
    write_json(lab.router.folder / "run/order.json", order)
    until(lambda: (lab.router.status["drill"] or {}).get("id") == order["id"], 5)
    drill = lab.router.status["drill"]
    assert (drill["state"], drill["why"]) == ("refused", "emergency")
    assert lab.router.status["voice"] == "wan1"
