"""Keys for SFTP: the machine's own, and those that a server shows."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.apply import atomic
from appliance.apply.errors import Refused
from appliance.state.machine import Layout
from appliance.system.backup.errors import TargetFailed

SCANNED_WITHIN_S = 15


def own_key(layout: Layout) -> Path:
    """The machine's key for SFTP, made when it is wanted for the first time."""
    key = layout.backup_records / "sftp_key"
    if not key.exists():
        layout.backup_records.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=layout.backup_records) as folder:
            scratch = Path(folder) / "key"
            words = ["-q", "-t", "ed25519", "-N", "", "-C", "backups", "-f", str(scratch)]
            subprocess.run([_program("ssh-keygen"), *words], check=True, stdin=subprocess.DEVNULL)
            public = scratch.with_suffix(".pub").read_bytes()
            atomic.write_file(key.with_suffix(".pub"), public, 0o644)
            atomic.write_file(key, scratch.read_bytes(), 0o600)
    return key


def public_key(layout: Layout) -> str:
    """What the other side's `authorized_keys` must hold."""
    return own_key(layout).with_suffix(".pub").read_text().strip()


@dataclass(frozen=True, slots=True)
class HostKeySeen:
    """A key that a server shows, and its fingerprint as people compare it."""

    key: str
    fingerprint: str


def host_keys(address: str, port: int) -> tuple[HostKeySeen, ...]:
    """The keys that an SFTP server shows now; TargetFailed when none answers."""
    words = ["-T", str(SCANNED_WITHIN_S), "-p", str(port), "-t", "ed25519,ecdsa,rsa", "--", address]
    scanned = subprocess.run([_program("ssh-keyscan"), *words], capture_output=True, text=True)
    keys = [line.split(" ", 1)[1] for line in scanned.stdout.splitlines() if " " in line]
    keys = [key for key in keys if key.startswith(("ssh-", "ecdsa-"))]
    if not keys:
        raise TargetFailed(f"no SSH server answers at {address}, port {port}")
    return tuple(HostKeySeen(key, fingerprint(key)) for key in sorted(keys))


def fingerprint(key: str) -> str:
    """`ED25519 SHA256:…` of a public key."""
    words: Sequence[str] = [_program("ssh-keygen"), "-l", "-f", "-"]
    said = subprocess.run(words, input=key, capture_output=True, text=True, check=True).stdout
    _bits, hashed, *_comment, kind = said.split()
    return f"{kind.strip('()')} {hashed}"


def _program(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        raise Refused(f"the program {name} is not installed")
    return program
