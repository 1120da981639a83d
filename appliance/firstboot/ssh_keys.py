"""The machine's own SSH keys."""

from __future__ import annotations

import os
import subprocess

from appliance.apply import atomic
from appliance.firstboot.places import Places


def make(places: Places) -> None:
    """The machine's own SSH keys; those that are there stay."""
    folder = places.etc("ssh/ssh_host_ed25519_key").parent
    for kind in ("ed25519", "ecdsa"):
        key = folder / f"ssh_host_{kind}_key"
        if key.exists():
            continue
        scratch = folder / f".new_{kind}_key"
        for leftover in (scratch, scratch.with_suffix(".pub")):
            leftover.unlink(missing_ok=True)
        command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", str(scratch)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        os.replace(f"{scratch}.pub", f"{key}.pub")
        os.replace(scratch, key)
    atomic.sync_folder(folder)
