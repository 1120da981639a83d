"""What rendering must know of the machine itself, beside what the owner wants.

Files are a pure function of (SystemState, Machine): two machines with the same state
differ in paths, group numbers and in the secrets that each made for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from appliance.state.fields import Secret


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
    def certificates(self) -> Path:
        """The certificate and key that Asterisk, nginx and the others present."""
        return self.state / "certificates"


@dataclass(frozen=True, slots=True)
class Machine:
    """The facts of one machine.

    `secrets` maps a purpose (`ami-live`) to the secret that this machine made for it,
    `groups` the names of groups to their numbers. `asterisk_modules` is Asterisk's
    module folder, `http_port` and `ami_port` its two doors on the loopback address.
    """

    layout: Layout = Layout()
    host_name: str = "centralino"
    groups: Mapping[str, int] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    asterisk_modules: str = "/usr/lib/x86_64-linux-gnu/asterisk/modules"
    http_port: int = 8088
    ami_port: int = 5038
