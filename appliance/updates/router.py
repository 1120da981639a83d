"""The same two slots on a branch router: kept when the agent works, updated from a stick.

    python -m appliance.updates.router settle            at each start, by systemd
    python -m appliance.updates.router install FILE      from the console

A router has no data that a new version would migrate: its profile is read by all of them.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from pathlib import Path

from appliance.disk import environment
from appliance.updates import bundle, install, release, slot_disk
from appliance.updates.refused import UpdateRefused
from appliance.updates.settling import ENVIRONMENT, settle
from appliance.updates.slot_disk import SlotDisk
from appliance.updates.snapshot import Snapshot

PROFILE = Path("/etc/failover-router/profile.json")
AGENT = "failover-router.service"
NOTHING = Path("/run/failover-router-no-data")
"""A folder that does not exist: a router's snapshot is empty."""


def problems() -> list[str]:
    """What is wrong with this start. Without a profile there is no agent to wait for."""
    if not PROFILE.exists():
        return []
    active = subprocess.run(["systemctl", "is-active", "--quiet", AGENT], check=False)
    return [] if active.returncode == 0 else ["the agent does not run"]


def write(disk: SlotDisk, file: Path) -> str:
    """Write a bundle into the other slot and have it tried at the next start; its version.

    UpdateRefused when it is not signed by a key of this image, older, or for an appliance.
    """
    nothing = Snapshot(Path("/var/lib"), NOTHING, NOTHING, NOTHING)
    installer = install.Installer(disk, release.of_this_system(), nothing)
    with file.open("rb") as stream:
        opened = bundle.opened(stream, release.trusted_keys())
        installer.install(opened, lambda _step, _share: None)
    with disk.start(writable=True) as folder:
        environment.update(folder / ENVIRONMENT, **{"try": disk.other})
    return opened.manifest.release.version


def main() -> None:
    """Entry point; a refusal is one sentence on standard error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["settle", "install"])
    parser.add_argument("file", nargs="?", type=Path)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    disk = slot_disk.of_this_machine()
    if disk is None:
        return
    if options.verb == "settle":
        if settle(disk, problems):
            subprocess.run(["systemctl", "reboot"], check=True)
        return
    try:
        version = write(disk, options.file or parser.error("which file?"))
    except (UpdateRefused, OSError) as error:
        sys.exit(str(error))
    sys.stdout.write(f"version {version} is tried at the next start\n")


if __name__ == "__main__":
    main()
