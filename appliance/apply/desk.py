"""What the engine's verbs about the machine work with, put together in one place."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from appliance import credentials
from appliance.apply.engine import Engine
from appliance.asterisk.runtime import Runtime
from appliance.services import registry
from appliance.state.fields import Secret
from appliance.system import edge_facts, network
from appliance.system.acme import AcmeClient
from appliance.system.alarm_mail import AlarmMailer
from appliance.system.alarms import AlarmBook
from appliance.system.captures import Captures
from appliance.system.logs import Logs, logs_of
from appliance.system.overseer import Overseer, overseer_of
from appliance.system.peers import Peers, Wishes
from appliance.system.processes import Site
from appliance.system.renewal import Renewal
from appliance.system.sentinel import Sentinel, book_of
from appliance.system.server_certificates import Door, ServerCertificates
from appliance.system.support import SupportFile
from appliance.system.vpn_authority import VpnAuthority

EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class MachineDesk:
    """`sentinel` is not started yet."""

    site: Site
    book: AlarmBook
    overseer: Overseer
    sentinel: Sentinel
    authority: VpnAuthority
    certificates: ServerCertificates
    renewal: Renewal
    logs: Logs
    captures: Captures
    manager: tuple[int, Secret]
    support: SupportFile
    peers: Peers

    def start(self) -> None:
        """Begin what is done in the background."""
        self.captures.recover()
        self.sentinel.start()
        self.renewal.start()
        self.peers.start()

    def stop(self) -> None:
        self.sentinel.stop()
        self.renewal.stop()
        self.peers.stop()


def desk_of(engine: Engine, site: Site) -> MachineDesk:
    """The desk of a machine whose engine is `engine`."""
    layout, runtime = engine.machine.layout, site.runtime
    book, overseer = book_of(layout), overseer_of(site)
    mailer = AlarmMailer(book, _mail_command(runtime, site), engine.machine.host_name)
    captures, logs = _captures(engine, site), logs_of(site)
    sentinel = Sentinel(
        layout, engine.console, book, overseer, mailer, engine.running_state, captures.tidy
    )
    authority = VpnAuthority(layout.vpn, time.time)
    certificates = _certificates(engine, site)
    renewal = Renewal(
        certificates, AcmeClient(layout), book, lambda: engine.running_state()["certificates"]
    )
    return MachineDesk(
        site,
        book,
        overseer,
        sentinel,
        authority,
        certificates,
        renewal,
        logs,
        captures,
        (site.facts.ami_port, engine.machine.secrets[credentials.AMI_LIVE]),
        SupportFile(engine, overseer, book, logs),
        peers_of(engine, book),
    )


def peers_of(engine: Engine, book: AlarmBook) -> Peers:
    """Who asks the other machines of this engine's state whom they shut out."""
    machine = engine.machine

    def wishes() -> Wishes:
        state = engine.running_state()
        peers = state["bans"].peers
        return Wishes(peers, edge_facts.never_banned(registry.references(state)) if peers else ())

    def own() -> tuple[str, ...]:
        return network.followed(engine.running_state()["network"], machine).addresses

    return Peers(machine.layout.state / "let-in.json", wishes, own, engine.shut_out, book)


def _captures(engine: Engine, site: Site) -> Captures:
    def ports() -> tuple[int, int]:
        core = engine.running_state()["asterisk_core"]
        return core.sip_port, core.sip_tls_port

    account = site.runtime.account("asterisk")
    return Captures(engine.machine.layout, engine.console, account, ports)


def _certificates(engine: Engine, site: Site) -> ServerCertificates:
    machine = engine.machine

    def doors() -> dict[str, Door]:
        core = engine.running_state()["asterisk_core"]
        address = core.sip_address if core.sip_address != EVERY_ADDRESS else "127.0.0.1"
        return {
            "web": Door("127.0.0.1", site.facts.web_port),
            "server": Door(address, core.sip_tls_port),
        }

    def known_as() -> tuple[str, Sequence[str]]:
        followed = network.followed(engine.running_state()["network"], machine)
        return followed.host_name, followed.addresses

    return ServerCertificates(machine.layout, machine.groups, known_as, engine.console, doors)


def _mail_command(runtime: Runtime, site: Site) -> list[str]:
    return runtime.hand_in_mail([site.layout.prefix])
