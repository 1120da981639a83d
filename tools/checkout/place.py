"""Where a checkout and what it runs lie, seen from outside and from inside."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from appliance.state.machine import Layout

INSIDE = Path("/run/centralino-checkout")
"""The checkout in the mount namespace of the supervisor. Short, because paths of Unix
sockets may have 107 bytes (unix(7)), and reachable for every account, which a checkout
below /root is not."""


def python_path(checkout: Path) -> str:
    """Where Python finds our packages. Without the second folder it would follow the
    installation's note to where the checkout really lies, such as below /root, which the
    accounts of processes may not enter."""
    return f"{checkout}:{checkout / 'failover-router'}"


@dataclass(frozen=True, slots=True)
class Place:
    """`top` is the checkout; its `.run` holds everything that a run writes."""

    top: Path

    @classmethod
    def here(cls) -> Place:
        """The checkout that this file belongs to."""
        return cls(Path(__file__).resolve().parent.parent.parent)

    @property
    def run(self) -> Path:
        return self.top / ".run"

    @property
    def layout(self) -> Layout:
        return Layout(self.run)

    @property
    def settings(self) -> Path:
        return self.run / "settings.json"

    @property
    def records(self) -> Path:
        """One file for each process that the supervisor has started, and its own."""
        return self.run / "processes"

    @property
    def status(self) -> Path:
        return self.run / "status.json"

    @property
    def logs(self) -> Path:
        return self.run / "logs"

    @property
    def python(self) -> Path:
        return self.top / ".venv/bin/python"

    def unreadable(self) -> str:
        """The first thing that other accounts could not read, "" when all is well.

        Folders above the checkout do not matter (see INSIDE), those above Python do.
        """
        python = self.python.resolve()
        wanted = (self.top, self.top / "setup.py", self.top / "appliance")
        for path in (*wanted, *reversed(python.parents), python):
            needed = 0o001 if path in python.parents else 0o005 if path.is_dir() else 0o004
            if os.stat(path).st_mode & needed != needed:
                return str(path)
        return ""
