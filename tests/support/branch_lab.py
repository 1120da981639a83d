"""A branch behind two or three providers, in network namespaces, with every part real.

    appliance ── internet ─┬─ provider 1 ─┬─ router ── telephone
                           ├─ provider 2 ─┤
                           └─ provider 3 ─┘

The appliance has a running Asterisk with files of the engine, `appliance.system.tunnels` with
its two OpenVPN processes, and the echo service. Each provider translates addresses, as they do.
The router runs the agent as it is on a real one. Lines are cut at the providers: cutting at the
router proves nothing.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance import credentials
from appliance.services import registry
from appliance.services.organisation import Site
from appliance.services.organisation import State as Organisation
from appliance.state.fields import Secret
from appliance.state.system_state import SystemState
from appliance.system import branch_profile, vpn, vpn_sessions
from appliance.system.vpn_authority import Identity as Papers
from appliance.system.vpn_authority import VpnAuthority
from failover_router import packets, router_profile
from tests.support.branches import line
from tests.support.leftovers import owned_name
from tests.support.network import Network, new_network
from tests.support.pbx import Pbx
from tools.debian_root import build

PUBLIC = "203.0.113.1"
PHONE = "10.20.1.50"
SOON_S = 15.0
PHONES = router_profile.PhoneClass(
    "yealink", ("805ec0",), "yealink", "https://10.99.0.1/provisioning/e/$mac.cfg"
)


def lines(count: int, **fields: Any) -> tuple[vpn.Line, ...]:
    """Static lines wan1, wan2 …; fields by line, e.g. `wan2={"carries": "data"}`."""
    return tuple(
        line(
            f"wan{n}",
            addressing="static",
            address=f"100.64.{n}.2/24",
            gateway=f"100.64.{n}.1",
            priority=10 * n,
            **fields.get(f"wan{n}", {}),
        )
        for n in range(1, count + 1)
    )


def vpn_state(mode: str = "floating", count: int = 2, **fields: Any) -> vpn.State:
    """One branch with so many lines; `lines` may say more of them, the rest is Branch's."""
    made = fields.pop("lines", lines(count))
    lan = vpn.Lan("10.20.1.0/24", "10.20.1.1", "10.20.1.100", "10.20.1.200")
    branch = vpn.Branch("modena", 1, lan, made, mode=mode, **fields)  # type: ignore[arg-type]
    return vpn.State(addresses=(PUBLIC,), branches=(branch,))


def with_branch(company: SystemState, state: vpn.State) -> SystemState:
    """A company that also has these branches."""
    sites = (Site("main", "Sede"), *(Site(each.id, each.id.title()) for each in state.branches))
    return company.replaced(organisation=Organisation(sites=sites), vpn=state)


def openvpn_command() -> str:
    """The OpenVPN that is shipped, run by the loader of the root that it is in."""
    root = build()
    (loader,) = root.glob("usr/lib*/ld-linux-x86-64.so.2")
    library = root / "usr/lib/x86_64-linux-gnu"
    return f"{loader} --library-path {library} {root}/usr/sbin/openvpn"


def cable(
    one: Network, name: str, address: str, other: Network, far: str, far_address: str
) -> None:
    """A cable whose ends have names of their own."""
    here, there = owned_name("c"), owned_name("c")
    peer = ["peer", "name", there, "netns", other.name]
    one.run("ip", "link", "add", here, "type", "veth", *peer)
    for network, old, new, own in ((one, here, name, address), (other, there, far, far_address)):
        network.run("ip", "link", "set", old, "name", new)
        if own:
            network.run("ip", "address", "add", own, "dev", new)
        network.run("ip", "link", "set", new, "up")


@dataclass
class Provider:
    """One provider: where a line can be spoilt."""

    number: int
    network: Network

    def rules(self, text: str) -> None:
        """What happens to packets that pass; "" for nothing."""
        table = f"table ip weather {{}}\ndelete table ip weather\n{text}"
        inside = ["ip", "netns", "exec", self.network.name, "nft", "-f", "-"]
        subprocess.run(inside, input=table, text=True, check=True)

    def _forward(self, rule: str) -> None:
        chain = f"chain f {{ type filter hook forward priority 0; policy accept; {rule}; }};"
        self.rules(f"table ip weather {{ {chain} }}")

    def silence(self) -> None:
        """The line is up and swallows everything."""
        self._forward("drop")

    def lose(self, percent: int) -> None:
        """Each packet is lost with this chance, in each direction."""
        self._forward(f"numgen random mod 100 < {percent} drop")

    def lose_a_third(self) -> None:
        """Of what the router's probes ask, every third answer is lost, so never two in a row; of
        everything else about as much, by chance."""
        port = vpn.State().probe_port
        answers = f"udp sport {port} numgen inc mod 3 == 0 drop"
        others = f"udp sport != {port} udp dport != {port} numgen random mod 100 < 33 drop"
        self._forward(f"{answers}; {others}")

    def heal(self) -> None:
        self.rules("")

    def pull(self) -> None:
        """Take the carrier away at the far end."""
        self.network.run("ip", "link", "set", "lan", "down")

    def plug(self) -> None:
        self.network.run("ip", "link", "set", "lan", "up")

    def narrow(self, size: int) -> None:
        """Packets larger than this vanish without a word, as behind a careless firewall."""
        self._forward(f"meta length > {size} drop")

    def passed(self, what: str) -> int:
        """How many packets so far matched `count`'s rule."""
        said = self.network.run("nft", "-j", "list", "table", "ip", "count")
        for item in json.loads(said)["nftables"]:
            counter = item.get("counter", {})
            if counter.get("name") == what:
                return int(counter["packets"])
        raise LookupError(what)

    def count(self) -> None:
        """Count what comes from the branch in clear: anything of its LAN or for the inside."""
        text = """table ip count {
          counter lan {}
          counter inner {}
          chain p { type filter hook prerouting priority -300;
            iifname "lan" ip saddr 10.20.0.0/16 counter name lan
            iifname "lan" ip daddr 10.99.0.0/16 counter name inner
          }
        }"""
        inside = ["ip", "netns", "exec", self.network.name, "nft", "-f", "-"]
        subprocess.run(inside, input=text, text=True, check=True)


@dataclass
class Router:
    """The agent of the branch, as a process of its own. Without a `profile` it follows the one
    that is in its folder already."""

    network: Network
    folder: Path
    profile: router_profile.RouterProfile | None = None
    process: subprocess.Popen[bytes] | None = None
    reporter: subprocess.Popen[bytes] | None = None

    @property
    def status(self) -> dict[str, Any]:
        try:
            return json.loads((self.folder / "run/status.json").read_text())
        except FileNotFoundError:
            return {}

    @property
    def log(self) -> str:
        return (self.folder / "agent.log").read_text("utf-8", "replace")

    def start(self, *options: str) -> None:
        (self.folder / "run").mkdir(parents=True, exist_ok=True)
        (self.folder / "state").mkdir(exist_ok=True)
        os.chmod(self.folder / "run", 0o755)
        path = self.folder / "profile.json"
        if self.profile is not None:
            path.write_bytes(router_profile.write(self.profile))
        places = ("--run", str(self.folder / "run"), "--state", str(self.folder / "state"))
        command = [sys.executable, "-m", "failover_router", str(path), *places]
        with (self.folder / "agent.log").open("ab") as output:
            self.process = self.network.start(
                [*command, "--openvpn", openvpn_command(), *options],
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def start_reporter(self) -> None:
        """The process beside the agent that speaks with the portal."""
        command = [sys.executable, "-m", "failover_router.reporter"]
        places = [str(self.folder / "profile.json"), "--run", str(self.folder / "run")]
        with (self.folder / "reporter.log").open("ab") as output:
            self.reporter = self.network.start(
                [*command, *places], stdout=output, stderr=subprocess.STDOUT
            )

    def stop(self) -> None:
        for process in filter(None, (self.reporter, self.process)):
            process.terminate()
            process.wait(15)
        self.process = self.reporter = None

    def voice_moves(self, since: float) -> list[tuple[str, str, str]]:
        """(from, to, cause) of voice since a moment (seconds since 1970)."""
        return [
            (move["from"], move["to"], move["cause"])
            for move in self.status.get("moves", ())
            if move["role"] == "voice" and move["at"] >= since
        ]

    def voice_is_on(self, name: str) -> bool:
        return self.status.get("voice") == name


@dataclass
class Lab:
    """Everything. `providers` are counted from 1 in their names, from 0 here."""

    pbx: Pbx
    folder: Path
    internet: Network
    providers: list[Provider]
    phone: Network
    router: Router
    servers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def tunnel_works(self) -> bool:
        """Whether the telephone reaches the appliance."""
        return answers(self.phone, self.pbx.address)

    def wait_until_up(self, within_s: float = SOON_S) -> float:
        """Seconds until the telephone reaches the appliance and the router has settled."""
        return until(
            lambda: bool(self.router.status.get("voice")) and self.tunnel_works(), within_s
        )


def answers(network: Network, address: str, within_s: float = 1.0, size: int = 56) -> bool:
    """Whether an address answers an ICMP echo request (RFC 792) of so many bytes."""
    with network.entered():
        asking = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    with asking:
        asking.settimeout(within_s)
        mark = secrets.token_bytes(size)
        asking.sendto(_echo_request(mark), (address, 0))
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            try:
                data = asking.recv(4096)
            except TimeoutError:
                return False
            if data[20] == 0 and data.endswith(mark):
                return True
    return False


def _echo_request(payload: bytes) -> bytes:
    head = struct.pack("!BBHHH", 8, 0, 0, os.getpid() & 0xFFFF, 1)
    words = struct.unpack(f"!{(len(head) + len(payload)) // 2}H", head + payload)
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~(total + (total >> 16)) & 0xFFFF
    return head[:2] + struct.pack("!H", checksum) + head[4:] + payload


def until(condition: Callable[[], bool], within_s: float = SOON_S, what: str = "") -> float:
    """Seconds until the condition holds; AssertionError when it does not in time."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < within_s, f"{what or condition} did not come true"
        time.sleep(0.05)
    return time.monotonic() - start


def material(pbx: Pbx, papers: Papers) -> branch_profile.Material:
    """What the appliance has made for one router."""
    master = pbx.machine.secrets[credentials.BRANCH_PROBES].reveal().encode()
    number = int(papers.record.name.rpartition("-")[2])
    generation = papers.record.generation
    return branch_profile.Material(
        generation=generation,
        authority=papers.authority,
        certificate=papers.certificate,
        key=papers.key,
        tls_crypt_v2=papers.tls_crypt,
        probe_key=Secret(packets.branch_key(master, number, generation).hex()),
        phones=(PHONES,),
        provisioning_url="http://10.99.0.1/provisioning/e/",
        option_43="01026162",
    )


def router_profile_for(
    pbx: Pbx, state: SystemState, which: int = 0, papers: Papers | None = None
) -> router_profile.RouterProfile:
    """The profile of a branch's router, as the appliance makes it."""
    branches: vpn.State = state["vpn"]
    branch = branches.branches[which]
    authority = VpnAuthority(pbx.machine.layout.vpn, time.time)
    papers = papers or authority.issue(branch.identity)
    known = registry.references(state)
    return branch_profile.build(branches, branch, known, material(pbx, papers))


def connected(pbx: Pbx) -> set[str]:
    """The common names of the routers whose tunnels are open."""
    names = {each.name for each in vpn_sessions.sessions(pbx.machine.layout)}
    return {name for name in names if name.startswith("branch-")}


@contextmanager
def appliance_side(pbx: Pbx, network: Network) -> Iterator[None]:
    """The appliance's processes for branches: tunnels and echo, as their units start them."""
    layout = pbx.machine.layout
    handed = pbx.folder / "echo-secrets"
    handed.mkdir(exist_ok=True)
    text = pbx.machine.secrets[credentials.BRANCH_PROBES].reveal()
    (handed / credentials.BRANCH_PROBES).write_text(text)
    layout.run_of("echo").mkdir(parents=True, exist_ok=True)
    settings = layout.current / "root" / vpn.FOLDER / "echo.json"
    module = "appliance.system.tunnels"
    account = ("--user", "nobody", "--group", "nogroup")
    commands = [
        [module, "--prefix", str(layout.prefix), "--openvpn", openvpn_command(), *account],
        ["failover_router.echo", str(settings), str(layout.run_of("echo"))],
    ]
    environment = {**os.environ, "CREDENTIALS_DIRECTORY": str(handed)}
    processes = []
    try:
        for command in commands:
            with (pbx.folder / f"{command[0]}.log").open("ab") as output:
                processes.append(
                    network.start(
                        [sys.executable, "-m", *command],
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        env=environment,
                    )
                )
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(15)


def _wire(
    stack: ExitStack, pbx: Pbx, count: int
) -> tuple[Network, list[Provider], Network, Network]:
    """Namespaces and cables; every forwarder forwards, every provider translates."""
    internet = stack.enter_context(new_network("inet"))
    router = stack.enter_context(new_network("br"))
    phone = stack.enter_context(new_network("ph"))
    internet.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    cable(pbx.network, "public", f"{PUBLIC}/24", internet, "appliance", "203.0.113.254/24")
    stack.callback(subprocess.run, ["ip", "-n", pbx.network.name, "link", "del", "public"])
    pbx.network.run("ip", "route", "replace", "default", "via", "203.0.113.254")
    providers = []
    for n in range(1, count + 1):
        network = stack.enter_context(new_network(f"isp{n}"))
        network.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        cable(network, "wide", f"198.51.{n}.2/30", internet, f"isp{n}", f"198.51.{n}.1/30")
        network.run("ip", "route", "add", "default", "via", f"198.51.{n}.1")
        cable(network, "lan", f"100.64.{n}.1/24", router, f"wan{n}", "")
        nat = (
            "table ip nat { chain p { type nat hook postrouting priority 100; "
            'oifname "wide" masquerade; }; }'
        )
        inside = ["ip", "netns", "exec", network.name, "nft", "-f", "-"]
        subprocess.run(inside, input=nat, text=True, check=True)
        provider = Provider(n, network)
        provider.count()
        providers.append(provider)
    cable(router, "lan0", "", phone, "eth0", f"{PHONE}/24")
    phone.run("ip", "route", "add", "default", "via", "10.20.1.1")
    return internet, providers, router, phone


@dataclass(frozen=True, slots=True)
class Ground:
    """The networks of a branch, with the appliance's side running and no router yet."""

    internet: Network
    providers: list[Provider]
    router: Network
    phone: Network


@contextmanager
def ground(pbx: Pbx, state: SystemState, count: int = 2) -> Iterator[Ground]:
    """Apply a state, lay the cables, start the appliance's side."""
    pbx.apply(state)
    with ExitStack() as stack:
        laid = Ground(*_wire(stack, pbx, count))
        stack.enter_context(appliance_side(pbx, pbx.network))
        yield laid


@contextmanager
def branch_lab(pbx: Pbx, state: SystemState, *options: str, count: int = 2) -> Iterator[Lab]:
    """A branch that is connected to a running system; `options` are the agent's."""
    with ExitStack() as stack:
        laid = stack.enter_context(ground(pbx, state, count))
        internet, providers, phone = laid.internet, laid.providers, laid.phone
        folder = pbx.folder / owned_name("router")
        folder.mkdir()
        router = Router(laid.router, folder, router_profile_for(pbx, state))
        router.start(*options)
        stack.callback(router.stop)
        lab = Lab(pbx, folder, internet, providers, phone, router)
        try:
            lab.wait_until_up()
        except AssertionError:
            print(router.log, (pbx.folder / "appliance.system.tunnels.log").read_text())  # noqa: T201
            for path in (*folder.glob("run/*.log"), *pbx.folder.glob("run/*/tunnel*.log")):
                print(path, path.read_text()[-3000:])  # noqa: T201
            raise
        yield lab
