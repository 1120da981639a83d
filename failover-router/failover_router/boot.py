"""At each start, and after each new profile: the router's network as the profile wants it.

    python -m failover_router.boot

Files of an older profile are taken away first, so that a line that is gone asks for no
address any more. Names of files are ours alone: `20-…` and `30-…`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from failover_router import networking
from failover_router.enrol import PROFILE
from failover_router.router_profile import ProfileError, read

OURS = ("20-*.network", "30-*.network")
PORTS = "sys/class/net"
"""Below the root: a folder for each interface that the kernel knows."""


def settle(profile: Path, root: Path = Path("/")) -> list[str]:
    """Write the files of networkd; returns what this router cannot do, a sentence each.

    ProfileError when there is a profile that cannot be used: the files stay as they are.
    """
    folder = root / networking.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    held = read(profile.read_bytes()) if profile.exists() else None
    wanted = networking.files(held) if held else {}
    for pattern in OURS:
        for file in folder.glob(pattern):
            if file.name not in wanted:
                file.unlink()
    for name, text in wanted.items():
        file = folder / name
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
            file.chmod(0o644)
    if held is None:
        return []
    return networking.cannot(held, {port.name for port in (root / PORTS).iterdir()} - {"lo"})


def main() -> None:
    """Entry point; networkd, where it runs, reads its files again."""
    try:
        problems = settle(PROFILE)
    except ProfileError as error:
        sys.exit(f"the profile cannot be used: {error}")
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    running = subprocess.run(["systemctl", "is-active", "--quiet", "systemd-networkd"], check=False)
    if running.returncode == 0:
        subprocess.run(["networkctl", "reload"], check=True)


if __name__ == "__main__":
    main()
