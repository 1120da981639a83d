"""The processes of the system, in the order in which they start.

One table for both worlds: the supervisor of a checkout runs it, and the systemd units of
the appliance are compared with it. `docs/processes.md` tells each process what it may
count on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from appliance import credentials
from appliance.asterisk.runtime import Runtime
from appliance.state.machine import Layout
from appliance.system import accounts, vpn_authority
from appliance.system.machine import Facts
from appliance.system.readiness import (
    AsteriskBooted,
    EngineAnswers,
    HealthAnswers,
    Probe,
    RelayListens,
    StatusFresh,
    TlsAnswers,
)

BEHIND_THE_WEB = (accounts.WEB_GROUP, accounts.SHARED_GROUP)


@dataclass(frozen=True, slots=True)
class Process:
    """One process. `module` is its Python module, "" for programs of others.

    `groups` begins with the primary one. `after` names the processes that must be ready
    first. `credentials` are the secrets it is handed. `hangs` says whether it is
    ended when its probe keeps failing. `low_ports`: it may listen below 1024.
    """

    name: str
    purpose: str
    account: str
    command: tuple[str, ...]
    ready: Probe
    module: str = ""
    groups: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_within_s: float = 10.0
    ready_within_s: float = 60.0
    hangs: bool = True
    low_ports: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """Where the processes run. `python` is the interpreter that has our packages."""

    layout: Layout
    facts: Facts
    runtime: Runtime
    python: Path
    checkout: bool

    def module(self, name: str, *arguments: str) -> tuple[str, ...]:
        """The command line of one of our modules."""
        return (str(self.python), "-m", name, *arguments)

    def user(self, account: str) -> str:
        """An account as a command line can name it."""
        return str(accounts.CHECKOUT_NUMBERS[account]) if self.checkout else account


def table(site: Site) -> tuple[Process, ...]:
    """Every process, those that others need first.

    A checkout opens no tunnels: it makes neither devices nor routes on somebody's machine.
    """
    branches = () if site.checkout else (_tunnels(site), _echo(site))
    return (
        _engine(site),
        _asterisk(site),
        _mail(site),
        _live(site),
        _portal(site),
        _provisioning(site),
        _web(site),
        *branches,
    )


def in_start_order(processes: Iterable[Process]) -> list[Process]:
    """The processes so that each comes after those it names; ValueError for a circle."""
    waiting = {process.name: process for process in processes}
    ordered: list[Process] = []
    while waiting:
        free = [p for p in waiting.values() if not set(p.after) & waiting.keys()]
        if not free:
            raise ValueError(f"processes wait for each other: {sorted(waiting)}")
        ordered += free
        for process in free:
            del waiting[process.name]
    return ordered


def _engine(site: Site) -> Process:
    arguments = ["--prefix", str(site.layout.prefix), "--allow", site.user(accounts.PORTAL)]
    arguments += ["--messenger", site.user(accounts.PROVISIONING)]
    if site.checkout:
        arguments += ["--checkout"]
    if site.runtime.root:
        arguments += ["--asterisk-root", str(site.runtime.root)]
    return Process(
        name="engine",
        purpose="applies configurations",
        account="root",
        module="appliance.apply.daemon",
        command=site.module("appliance.apply.daemon", *arguments),
        ready=EngineAnswers(site.layout.engine_socket),
        stop_within_s=30,
        # The first start proves the first configuration in a shadow Asterisk.
        ready_within_s=300,
        hangs=False,
    )


def _asterisk(site: Site) -> Process:
    configuration = site.layout.asterisk_etc / "asterisk.conf"
    return Process(
        name="asterisk",
        purpose="telephony",
        account="root",  # gives it up by itself (-U)
        command=tuple(site.runtime.command(configuration, [site.layout.prefix])),
        ready=AsteriskBooted(site.layout.asterisk_run / "asterisk.ctl"),
        after=("engine",),
        stop_within_s=20,
        # A full reload of ten thousand telephones may keep the console busy for long.
        hangs=False,
    )


def _mail(site: Site) -> Process:
    return Process(
        name="mail",
        purpose="mail that leaves the machine",
        account="root",  # its command gives it up
        command=tuple(site.runtime.mail_relay([site.layout.prefix])),
        ready=RelayListens(site.layout.mail_spool / "trigger"),
        after=("engine",),
    )


def _live(site: Site) -> Process:
    return Process(
        name="live",
        purpose="registrations and calls as they happen",
        account=accounts.LIVE,
        groups=BEHIND_THE_WEB,
        module="ari_apps.live",
        command=site.module("ari_apps.live"),
        ready=HealthAnswers(site.layout.socket_of("live")),
        # Not after Asterisk: it waits for it by itself, and says so to who looks.
        after=("engine",),
        credentials=(credentials.AMI_LIVE, credentials.LIVE_TOKEN),
    )


def _portal(site: Site) -> Process:
    socket = site.layout.socket_of("portal")
    return Process(
        name="portal",
        purpose="the pages that people see",
        account=accounts.PORTAL,
        groups=BEHIND_THE_WEB,
        module="portal.core.upgrade",
        command=site.module(
            "gunicorn",
            *("--bind", f"unix:{socket}", "--umask", "0o007"),
            *("--worker-class", "gthread", "--workers", "2", "--threads", "8"),
            # Read once for both workers, and before the door opens.
            "--preload",
            # Nobody steers it through a socket of its own, and its account has no home for one.
            "--no-control-socket",
            *("--graceful-timeout", "8", "--timeout", "60", "--forwarded-allow-ips", "*"),
            "portal.core.upgrade:upgraded_app()",
        ),
        ready=HealthAnswers(socket),
        # A new version may have much to migrate; until then nothing is lost but time.
        ready_within_s=900,
        after=("engine",),
        credentials=(
            credentials.LIVE_TOKEN,
            credentials.PORTAL_SESSION,
            credentials.PORTAL_DATA,
            credentials.PROVISIONING_KEY,
        ),
    )


def _provisioning(site: Site) -> Process:
    return Process(
        name="provisioning",
        purpose="the configuration that telephones fetch",
        account=accounts.PROVISIONING,
        groups=BEHIND_THE_WEB,
        module="provisioning.server",
        command=site.module("provisioning.server"),
        ready=HealthAnswers(site.layout.socket_of("provisioning")),
        after=("engine",),
        credentials=(credentials.PROVISIONING_KEY,),
    )


def _web(site: Site) -> Process:
    ports = (site.facts.web_port, site.facts.web_plain_port)
    configuration = site.layout.current / "root/etc/centralino/nginx.conf"
    return Process(
        name="web",
        purpose="the one door to all of them",
        account=accounts.WEB,
        groups=(accounts.WEB_GROUP,),
        command=("nginx", "-e", "stderr", "-c", str(configuration), "-g", "daemon off;"),
        ready=TlsAnswers(site.facts.web_port),
        after=("engine",),
        low_ports=any(0 < port < 1024 for port in ports),
    )


def _tunnels(site: Site) -> Process:
    return Process(
        name="tunnels",
        purpose="the appliance's ends of the branch tunnels",
        account="root",  # OpenVPN itself gives it up
        module="appliance.system.tunnels",
        command=site.module("appliance.system.tunnels", "--prefix", str(site.layout.prefix)),
        ready=StatusFresh(site.layout.run_of("tunnels") / "status.json"),
        after=("engine",),
        stop_within_s=15,
    )


def _echo(site: Site) -> Process:
    settings = site.layout.current / "root" / vpn_authority.FOLDER / "echo.json"
    folder = site.layout.run_of("echo")
    return Process(
        name="echo",
        purpose="answers the probes of branch routers",
        account=accounts.VPN,
        groups=(accounts.VPN_GROUP,),
        module="failover_router.echo",
        command=site.module("failover_router.echo", str(settings), str(folder)),
        ready=StatusFresh(folder / "status.json"),
        after=("engine",),
        credentials=(credentials.BRANCH_PROBES,),
    )
