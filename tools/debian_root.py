"""Builds the Debian 14 root that holds Asterisk 22 and Debian's own Python packages.

The root is shared by all checkouts of a machine: it lies in the cache folder under a
name made from its package list. Where its packages come from is the machine's own
business: the sources of apt decide, or the setting CENTRALINO_MIRROR.

Settings (environment):
  CENTRALINO_CACHE       folder of built roots, /var/cache/centralino by default
  CENTRALINO_MIRROR      address of a Debian mirror; by default the machine's own
  CENTRALINO_APT_OPTIONS apt options separated by line breaks, e.g. for a mirror whose
                         Release file is past its date
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUITE = "forky"

ASTERISK = (
    "asterisk",
    "asterisk-core-sounds-it",
    "asterisk-core-sounds-en",
    "asterisk-moh-opsound-wav",
    "iproute2",
    "ca-certificates",
    "faad",
    "libebur128-1",
    "libsox-fmt-mp3",
    "nullmailer",
    "sox",
)

SERVERS = (
    "curl",
    "gunicorn",
    "nginx-light",
    "openssh-client",
    "openvpn",
    "python3-aiohttp",
    "python3-argon2",
    "python3-cbor2",
    "python3-certifi",
    "python3-click",
    "python3-cryptography",
    "python3-flask",
    "python3-flask-babel",
    "python3-flask-limiter",
    "python3-flask-migrate",
    "python3-flask-security",
    "python3-flask-sqlalchemy",
    "python3-flaskext.wtf",
    "python3-fpdf",
    "python3-jwt",
    "python3-nh3",
    "python3-openssl",
    "python3-paramiko",
    "python3-phonenumbers",
    "python3-psycopg",
    "python3-pyasn1-modules",
    "python3-pytest",
    "python3-pytest-xdist",
    "python3-qrcode",
    "python3-segno",
    "python3-urllib3",
    "python3-yaml",
)

PACKAGES = (*ASTERISK, *SERVERS)


def cache_folder() -> Path:
    """Where everything lies that is made once for all checkouts of a machine."""
    return Path(os.environ.get("CENTRALINO_CACHE", "/var/cache/centralino"))


def apt_options() -> list[str]:
    """mmdebstrap's arguments for the apt options of the setting."""
    options = os.environ.get("CENTRALINO_APT_OPTIONS", "").splitlines()
    return [f"--aptopt={option}" for option in options if option.strip()]


def root_folder() -> Path:
    """Where the root for this package list lies, built or not."""
    key = hashlib.sha256("\n".join((SUITE, *PACKAGES)).encode()).hexdigest()[:12]
    return cache_folder() / f"root-{SUITE}-{key}"


def built() -> bool:
    """Whether the root is there and complete."""
    return (root_folder() / "usr/sbin/asterisk").exists()


def build() -> Path:
    """Build the root unless it is there; returns its folder."""
    folder = root_folder()
    if not built():
        with alone_at(folder):
            if not built():
                _build_into(folder)
    return folder


@contextmanager
def alone_at(place: Path) -> Iterator[None]:
    """Nobody else makes `place` meanwhile; who has waited looks again whether it is there.

    Another checkout may be at it already, or another build of this one.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name(f".{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_into(folder: Path) -> None:
    scratch = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        _mmdebstrap(scratch)
        os.rename(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _mmdebstrap(folder: Path) -> None:
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    command += [*apt_options(), SUITE, str(folder), *mirror()]
    print(
        f"Building a Debian {SUITE} root with Asterisk in {folder.parent} (a minute or two) …",
        flush=True,
    )
    begin = time.monotonic()
    run_mmdebstrap(command)
    print(f"Built in {time.monotonic() - begin:.0f} s.", flush=True)


def run_mmdebstrap(command: list[str]) -> None:
    """Run it; when it fails, end the program with its last lines and what may help."""
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode:
        said = "\n".join(finished.stderr.splitlines()[-12:])
        hint = ""
        if "Release" in finished.stderr and "expired" in finished.stderr:
            hint = (
                "\nThe mirror's index is past its date. If you trust it all the same:\n"
                "  export CENTRALINO_APT_OPTIONS='Acquire::Check-Valid-Until \"false\"'"
            )
        sys.exit(f"The Debian root could not be built:\n{said}{hint}")


def mirror() -> list[str]:
    """The mirror to use: the setting, the machine's own, or mmdebstrap's default."""
    named = os.environ.get("CENTRALINO_MIRROR")
    if named:
        return [named]
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
    )
    own = [line for line in listed.stdout.splitlines() if line.rstrip("/").endswith("/debian")]
    return own[:1]


if __name__ == "__main__":
    print(build())
