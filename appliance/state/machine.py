"""What rendering must know of the machine itself, beside what the owner wants.

Files are a pure function of (SystemState, Machine): two machines with the same state
differ in paths, group numbers and in the secrets that each made for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from appliance.state.fields import Secret

PORTAL_DATABASE = "portal.sqlite3"
"""The portal's database, in its folder and in backups."""

RESTORED = "restored"
"""A mark in the portal's folder: its database came from a backup and was not used yet."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are. `prefix` is / on the appliance, a folder of its own elsewhere."""

    prefix: Path = Path("/")

    @property
    def state(self) -> Path:
        """Revisions, secrets and the engine's journal."""
        return self.prefix / "var/lib/centralino"

    @property
    def run(self) -> Path:
        """Sockets and other things that a restart may lose."""
        return self.prefix / "run/centralino"

    @property
    def engine_socket(self) -> Path:
        return self.run / "engine.sock"

    @property
    def current(self) -> Path:
        """The link to the revision in force; its one rename is the switch."""
        return self.state / "current"

    @property
    def music(self) -> Path:
        """Music on hold that people uploaded: the portal writes here, Asterisk reads."""
        return self.state / "music"

    @property
    def asterisk_etc(self) -> Path:
        return self.prefix / "etc/asterisk"

    @property
    def asterisk_lib(self) -> Path:
        return self.prefix / "var/lib/asterisk"

    @property
    def asterisk_spool(self) -> Path:
        return self.prefix / "var/spool/asterisk"

    @property
    def asterisk_log(self) -> Path:
        return self.prefix / "var/log/asterisk"

    @property
    def asterisk_run(self) -> Path:
        return self.prefix / "run/asterisk"

    @property
    def voicemail_full(self) -> Path:
        """A file that is there while the disk is too full to record messages."""
        return self.run / "voicemail-full"

    @property
    def mail_etc(self) -> Path:
        """The folder in which the mail relay looks for its settings."""
        return self.prefix / "etc/nullmailer"

    @property
    def mail_spool(self) -> Path:
        """Mail that waits for the company's mail server, and mail that was given up."""
        return self.prefix / "var/spool/nullmailer"

    @property
    def certificates(self) -> Path:
        """The certificate and key that Asterisk, nginx and the others present."""
        return self.state / "certificates"

    @property
    def vpn(self) -> Path:
        """The authority of the branch tunnels, the server's papers and the revocation list."""
        return self.state / "vpn"

    @property
    def vpn_sockets(self) -> Path:
        """The management sockets of the VPN servers, `<name>.sock`, for root only."""
        return self.run / "vpn"

    @property
    def metrics(self) -> Path:
        """Figures for Prometheus, in the form that its node exporter collects."""
        return self.run / "metrics"

    @property
    def acme_challenges(self) -> Path:
        """What an authority fetches from port 80 to see that a name leads here."""
        return self.run / "acme"

    @property
    def facts(self) -> Path:
        """What first boot or a checkout has settled about this machine: ports, groups."""
        return self.prefix / "etc/centralino/machine.json"

    @property
    def first_state(self) -> Path:
        """The state that a machine begins with, written before the engine's first start."""
        return self.prefix / "etc/centralino/first-state.json"

    @property
    def backups(self) -> Path:
        """Backups kept on this machine's own disk."""
        return self.prefix / "var/backups/centralino"

    @property
    def backup_records(self) -> Path:
        """The recovery code, keys for other machines, and what became of each backup."""
        return self.state / "backup"

    @property
    def restore(self) -> Path:
        """A backup that was unpacked and proved, until it is put in place."""
        return self.prefix / "var/lib/centralino-restore"

    @property
    def rehearsal(self) -> Path:
        """The throw-away machine into which a backup is restored to prove it."""
        return self.prefix / "var/lib/centralino-rehearsal"

    # Each process besides the engine and Asterisk has folders of its own, as systemd's
    # StateDirectory=, RuntimeDirectory= and LogsDirectory= make them on the appliance.

    def state_of(self, process: str) -> Path:
        """What `process` keeps; only its own account writes here."""
        return self.prefix / "var/lib" / f"centralino-{process}"

    def run_of(self, process: str) -> Path:
        """Sockets of `process`, lost with a restart."""
        return self.prefix / "run" / f"centralino-{process}"

    def log_of(self, process: str) -> Path:
        """The folder of a process's log where there is no journal."""
        return self.prefix / "var/log" / f"centralino-{process}"

    def socket_of(self, process: str) -> Path:
        """Where `process` listens for the web server in front and for its neighbours."""
        return self.run_of(process) / f"{process}.sock"


@dataclass(frozen=True, slots=True)
class Machine:
    """The facts of one machine.

    `secrets` maps a purpose (`ami-live`) to the secret that this machine made for it,
    `groups` the names of groups to their numbers. `asterisk_modules` is Asterisk's
    module folder, `http_port` and `ami_port` its two doors on the loopback address.
    `web_port` and `web_plain_port` are those of the web server in front, with and
    without TLS; `addresses` are the machine's own, for its web certificate, and `ipv6` says
    whether it speaks IP version 6 at all. `manages` names what the engine may change of the
    machine itself (`appliance.system.actions`), which is nothing in a checkout.
    """

    layout: Layout = Layout()
    host_name: str = "centralino"
    groups: Mapping[str, int] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    asterisk_modules: str = "/usr/lib/x86_64-linux-gnu/asterisk/modules"
    http_port: int = 8088
    ami_port: int = 5038
    web_port: int = 443
    web_plain_port: int = 80
    addresses: tuple[str, ...] = ()
    ipv6: bool = True
    manages: tuple[str, ...] = ()
