"""What the branch router costs: its agent, its tunnel beside bare OpenVPN, fifty at once.

    .venv/bin/python -m bench.router

R1  the agent's processor at four lines                       at most 2 % of one core
R2  the agent's resident memory                               at most 30 MB
R3  throughput through our tunnel over bare OpenVPN           at least 0.8
R4  added round trip through our tunnel over bare OpenVPN     at most 0.2 ms
R5  fifty sites after a power cut: all tunnels up             at most 60 s

Our packets have 1300 bytes where bare OpenVPN's have 1500: they pass every path, and one in
eight of the throughput is the price. Fifty sites are fifty OpenVPN processes on this machine,
so R5 is mostly what their own handshakes cost here. Bare OpenVPN is the same program with the
same ciphers over the same first provider, in the same run and in turns.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from appliance.system import vpn
from appliance.system.vpn_authority import VpnAuthority
from failover_router import openvpn, router_profile
from tests.calls.company import company
from tests.support import branch_lab
from tests.support.branch_lab import Lab, answers, openvpn_command, until
from tests.support.network import Network, new_network
from tests.support.pbx import Pbx, running_pbx
from tests.support.streams import delay_ms, throughput_mbits

WATCHED_S = 20.0
ROUNDS = 3
SITES = 50


def told(what: str, value: float, unit: str, limit: str = "") -> None:
    print(f"{what:58} {value:10.2f} {unit:8} {limit}", flush=True)


def processor_s(pid: int) -> float:
    """Processor time of a process so far, without that of its children (proc_pid_stat(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise LookupError("VmRSS")


def agent_pid(lab: Lab) -> int:
    """The agent itself: what was started becomes it by exec(3) on the way."""
    assert lab.router.process is not None
    return lab.router.process.pid


def measure_agent(pbx: Pbx) -> None:
    state = branch_lab.with_branch(company("201"), branch_lab.vpn_state(count=4))
    with branch_lab.branch_lab(pbx, state, "--no-services", count=4) as lab:
        time.sleep(5)
        pid, began, used = agent_pid(lab), time.monotonic(), processor_s(agent_pid(lab))
        time.sleep(WATCHED_S)
        share = (processor_s(pid) - used) / (time.monotonic() - began) * 100
        told("agent: processor at four lines", share, "%", "(R1: 2 %)")
        told("agent: resident memory", memory_mb(pid), "MB", "(R2: 30 MB)")


@contextmanager
def bare_tunnel(pbx: Pbx, lab: Lab) -> Iterator[str]:
    """A plain OpenVPN between the same two machines; yields the far address."""
    folder, layout = lab.folder / "bare", pbx.machine.layout
    folder.mkdir(exist_ok=True)
    common = "dev-type tun\nproto udp4\ndisable-dco\ntopology subnet\nverb 1\ndev bare0\n"
    server = folder / "server.conf"
    server.write_text(
        f"{common}server 10.7.0.0 255.255.255.0\nport 1190\nkeepalive 1 5\ndh none\n"
        f"ca {layout.vpn}/authority.crt\ncert {layout.vpn}/server.crt\n"
        f"key {layout.vpn}/server.key\n"
        f"data-ciphers {openvpn.CIPHERS}\n"
    )
    papers = lab.router.profile.vpn
    client = folder / "client.conf"
    client.write_text(
        f"client\n{common}remote {branch_lab.PUBLIC} 1190\nnobind\nremote-cert-tls server\n"
        f"data-ciphers {openvpn.CIPHERS}\n<ca>\n{papers.authority}</ca>\n"
        f"<cert>\n{papers.certificate}</cert>\n<key>\n{papers.key}</key>\n"
    )
    started = []
    try:
        for network, path in ((pbx.network, server), (lab.router.network, client)):
            command = [*openvpn_command().split(), "--config", str(path)]
            started.append(network.start(command, stdout=subprocess.DEVNULL))
        until(lambda: answers(lab.router.network, "10.7.0.1", 0.5), 20, "the bare tunnel is up")
        yield "10.7.0.1"
    finally:
        for process in started:
            process.terminate()
            process.wait(10)


def measure_tunnel(pbx: Pbx) -> None:
    state = branch_lab.with_branch(company("201"), branch_lab.vpn_state())
    with branch_lab.branch_lab(pbx, state, "--no-services") as lab, bare_tunnel(pbx, lab) as bare:
        ends = {"ours": (pbx.address, 443), "bare": (bare, 7443)}
        rates: dict[str, list[float]] = {name: [] for name in ends}
        delays: dict[str, list[float]] = {name: [] for name in ends}
        for _ in range(ROUNDS):
            for name, (address, port) in ends.items():
                near = lab.router.network
                rates[name].append(throughput_mbits(near, pbx.network, address, port))
                delays[name].append(delay_ms(near, address))
    best = {name: max(each) for name, each in rates.items()}
    least = {name: min(each) for name, each in delays.items()}
    told("bare OpenVPN: throughput", best["bare"], "Mbit/s")
    told("our tunnel: throughput", best["ours"], "Mbit/s")
    told("  of bare", best["ours"] / best["bare"], "", "(R3: 0.8)")
    told("bare OpenVPN: round trip", least["bare"], "ms")
    told("our tunnel: added to it", least["ours"] - least["bare"], "ms", "(R4: 0.2 ms)")


# ── fifty sites at once ───────────────────────────────────────────────────────────


def fifty() -> vpn.State:
    """Fifty branches; each has one line and a network of its own."""
    branches = tuple(
        vpn.Branch(f"site{n}", n, vpn.Lan(f"10.30.{n}.0/24", f"10.30.{n}.1"), branch_lab.lines(1))
        for n in range(1, SITES + 1)
    )
    return vpn.State(addresses=(branch_lab.PUBLIC,), branches=branches)


@contextmanager
def clients(pbx: Pbx, network: Network, state: vpn.State, folder: Path) -> Iterator[None]:
    """Fifty OpenVPN processes with the configuration of routers, started at once."""
    authority = VpnAuthority(pbx.machine.layout.vpn, time.time)
    known = pbx.state
    commands = []
    for number, branch in enumerate(state.branches):
        made = authority.issue(branch.identity)
        profile: router_profile.RouterProfile = branch_lab.router_profile_for(
            pbx, known, number, made
        )
        text = openvpn.configuration(profile, 0).replace("dev pbx0", f"dev site{number + 1}")
        text = "\n".join(line for line in text.splitlines() if not line.startswith("mark "))
        path = folder / f"{branch.id}.conf"
        path.write_text(text + "\n")
        commands.append([*openvpn_command().split(), "--config", str(path)])
    started = []
    try:
        for command in commands:
            started.append(network.start(command, stdout=subprocess.DEVNULL))
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(15)


def measure_power_cut(pbx: Pbx) -> None:
    state = fifty()
    pbx.apply(branch_lab.with_branch(company("201"), state))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        network = stack.enter_context(new_network("sites"))
        branch_lab.cable(pbx.network, "public", f"{branch_lab.PUBLIC}/24", network, "out",
                         "203.0.113.9/24")  # fmt: skip
        stack.callback(pbx.network.run, "ip", "link", "del", "public")
        stack.enter_context(branch_lab.appliance_side(pbx, pbx.network))
        began = time.monotonic()
        moments: list[float] = []
        with clients(pbx, network, state, folder):
            known: set[str] = set()
            while len(known) < SITES and time.monotonic() - began < 90:
                now = branch_lab.connected(pbx)
                moments += [time.monotonic() - began] * len(now - known)
                known |= now
                time.sleep(0.1)
    told(f"{SITES} sites at once: connected", len(moments), "sites")
    told("  all tunnels up after", max(moments, default=0.0), "s", "(R5: 60 s)")
    told("  half of them after", statistics.median(moments or [0.0]), "s")
    busiest = Counter(int(each) for each in moments).most_common(1)[0][1] if moments else 0
    told("  most tunnels in one second", busiest, "sites")


def main() -> int:
    with running_pbx() as pbx:
        measure_agent(pbx)
        measure_tunnel(pbx)
        measure_power_cut(pbx)
    return 0


if __name__ == "__main__":
    sys.exit(main())
