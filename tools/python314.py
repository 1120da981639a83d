"""Runs tests on Debian 14's Python 3.14 with Debian's packages, as the appliance has them.

    python -m tools.python314 tests/unit tests/golden

The few packages that Debian does not have come as wheels into the cache folder; on the
appliance they are carried along in the same way. Nothing of the checkout is written.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tools import debian_root
from tools.rows import TOP

CARRIED = (
    "hypothesis==6.170.15",
    "minio==7.2.20",
    "panoramisk==1.4",
    "pycryptodome==4.4.0",
    "pyspnego==0.12.4",
    "pytest-timeout==2.4.0",
    "smbprotocol==1.17.0",
    "sortedcontainers==2.4.0",
    "webauthn==3.0.1",
)
"""What Debian lacks, chosen for its Python."""

INSIDE = "/mnt/checkout"
INSIDE_WHEELS = "/mnt/wheels"


def wheels() -> Path:
    """The folder with the carried packages, made once for each list."""
    key = hashlib.sha256(" ".join(CARRIED).encode()).hexdigest()[:12]
    folder = debian_root.root_folder().parent / f"carried-{key}"
    if folder.is_dir():
        return folder
    scratch = folder.with_name(f".{folder.name}.{os.getpid()}")
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
    options += ["--python-version", "3.14"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(scratch)]
    try:
        subprocess.run([*command, *CARRIED], check=True)
        os.rename(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def command(arguments: list[str]) -> list[str]:
    """The command line that runs pytest in the root, without network, on a read-only tree."""
    root = shlex.quote(str(debian_root.build()))
    tests = shlex.join(["python3", "-m", "pytest", "-p", "no:cacheprovider", *arguments])
    places = f"PYTHONPATH={INSIDE_WHEELS}:{INSIDE}/failover-router"
    # A builder that wants no compiled modules beside its sources has them here all the same.
    compiled = "PYTHONPYCACHEPREFIX=/tmp/pycache PYTHONDONTWRITEBYTECODE="
    variables = f"{places} {compiled} LC_ALL=C.UTF-8 HOME=/tmp"
    steps = [
        "ip link set lo up",
        f"mount -t tmpfs -o mode=755 tmpfs {root}/mnt",
        f"mount -t tmpfs -o mode=1777 tmpfs {root}/tmp",
        f"mount -t proc proc {root}/proc",
        f"mount --rbind /dev {root}/dev",
        f"mkdir {root}{INSIDE} {root}{INSIDE_WHEELS}",
        f"mount --bind {shlex.quote(str(TOP))} {root}{INSIDE}",
        f"mount --bind {shlex.quote(str(wheels()))} {root}{INSIDE_WHEELS}",
        f"exec chroot {root} sh -c {shlex.quote(f'cd {INSIDE} && exec env {variables} {tests}')}",
    ]
    flags = ["--mount", "--propagation", "private", "--net", "--pid", "--fork", "--kill-child"]
    return ["unshare", *flags, "sh", "-ec", "\n".join(steps)]


def main() -> int:
    """Run pytest with the given arguments; its status."""
    return subprocess.run(command(sys.argv[1:]), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
