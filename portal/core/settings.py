"""Where the portal finds its folder, its database, the engine and its keys.

`docs/processes.md` is the contract between processes; the names below are its names.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from appliance import credentials
from appliance.state.fields import Secret
from appliance.state.machine import PORTAL_DATABASE, Layout
from portal.core.keys import Keys, derived


@dataclass(frozen=True, slots=True)
class Settings:
    """What one portal process is told.

    `folder` is the portal's own: the database and, until it is used, the setup code.
    `database` is an SQLAlchemy URL; empty means SQLite in `folder`.
    `pretend` replaces the engine by one that only plays its part.
    `proxies` is the number of trusted reverse proxies in front (nginx: 1).
    `testing` makes password hashing cheap and nothing else.
    `music` is where uploaded hold music lies.
    `backups` is the folder of backups on this machine, for handing them over.
    `provisioning_socket` and `provisioning_key` reach the server that phones ask.
    """

    folder: Path
    engine_socket: Path
    keys: Keys
    database: str = ""
    pretend: bool = False
    proxies: int = 0
    testing: bool = False
    music: Path = Path("music")
    backups: Path = Path("backups")
    provisioning_socket: Path = Path("provisioning.sock")
    provisioning_key: Secret = Secret("")  # noqa: RUF009 - immutable

    @property
    def database_url(self) -> str:
        """The URL in force."""
        return self.database or f"sqlite:///{self.folder / PORTAL_DATABASE}"

    @property
    def setup_code(self) -> Path:
        """The file that holds the one-time setup code until it is used."""
        return self.folder / "setup-code"

    @property
    def first_state(self) -> Path:
        """What the machine's first start has settled, until the draft begins with it."""
        return self.folder / "first-state.json"

    @property
    def recovery_code(self) -> Path:
        """The file with a code that somebody asked for at the machine's own console."""
        return self.folder / "recovery-code"

    @classmethod
    def from_environment(cls) -> Settings:
        """The settings of a process that a unit or the supervisor has started."""
        layout = Layout(Path(os.environ.get("CENTRALINO_PREFIX", "/")).resolve())
        folder = os.environ.get("STATE_DIRECTORY")
        return cls(
            folder=Path(folder) if folder else layout.state_of("portal"),
            engine_socket=layout.engine_socket,
            keys=derived(
                credentials.read(credentials.PORTAL_SESSION),
                credentials.read(credentials.PORTAL_DATA),
                credentials.read(credentials.LIVE_TOKEN),
            ),
            music=layout.music,
            backups=layout.backups,
            provisioning_socket=layout.socket_of("provisioning"),
            provisioning_key=credentials.read(credentials.PROVISIONING_KEY),
            database=os.environ.get(credentials.DATABASE_URL, ""),
            proxies=1,
        )
