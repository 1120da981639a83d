"""Copies of backups on other machines: SFTP, SMB and S3, all by rclone(1).

Passwords reach it in its environment, which only root can read, and keys as files of mode
0600; nothing secret stands on a command line. A copy counts once it was read back and has
the hash of the original, and gets its name only then.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.apply import atomic
from appliance.apply.errors import Refused
from appliance.services.backups import Target
from appliance.state.machine import Layout
from appliance.system.backup.errors import TargetFailed
from appliance.system.backup.write import MOMENT, SUFFIX, sha256_of

UNFINISHED = ".unfinished"
ATTEMPTS = 3
PAUSE_S = 20
CONNECT_WITHIN_S = 15
SILENT_FOR_S = 120
LONGEST_S = 6 * 3600
"""How long one copy may take: 10 GB over a line of 4 Mbit/s."""

_SAFE_NAME = re.compile(r"[A-Za-z0-9_.+-]{1,200}" + re.escape(SUFFIX))


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a target is tried, and how long it is waited for, in seconds."""

    attempts: int = ATTEMPTS
    pause_s: int = PAUSE_S
    connect_s: int = CONNECT_WITHIN_S


@dataclass(frozen=True, slots=True)
class There:
    """A backup at a target."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Remote:
    """One target as this machine reaches it."""

    target: Target
    layout: Layout
    patience: Patience = Patience()

    def send(self, file: Path, sha256: str) -> None:
        """Copy a backup there and read it back; TargetFailed when it is not there then."""
        scratch = f"{file.name}{UNFINISHED}"
        try:
            self._ask("copyto", str(file), self._at(scratch))
            said = self._ask("hashsum", "SHA256", "--download", self._at(scratch))
            if said.split()[:1] != [sha256]:
                raise TargetFailed(f"{self.target.name}: the copy differs from the backup")
            self._ask("moveto", self._at(scratch), self._at(file.name))
        except TargetFailed:
            self._forget(scratch)
            raise

    def try_out(self, file: Path) -> None:
        """Write a small file there, read it back and delete it; TargetFailed if not."""
        self.send(file, sha256_of(file))
        self._ask("deletefile", self._at(file.name))

    def backups(self) -> list[There]:
        """The backups there, newest first by the moment in their names."""
        listed = json.loads(self._ask("lsjson", "--files-only", self._at("")) or "[]")
        found = [
            There(str(each["Name"]), int(each["Size"]))
            for each in listed
            if _SAFE_NAME.fullmatch(str(each["Name"]))
        ]
        return sorted(found, key=lambda each: each.name[-MOMENT:], reverse=True)

    def fetch(self, name: str, into: Path) -> None:
        """Bring a backup here under another name."""
        if not _SAFE_NAME.fullmatch(name):
            raise TargetFailed(f"{name[:80]!r} is not the name of a backup")
        self._ask("copyto", self._at(name), str(into))

    def keep_newest(self, host_name: str) -> list[str]:
        """Delete this machine's copies beyond `keep`; returns their names."""
        own = [each.name for each in self.backups() if each.name[:-MOMENT] == f"{host_name}-"]
        gone = own[self.target.keep :]
        for name in gone:
            self._ask("deletefile", self._at(name))
        return gone

    def _forget(self, name: str) -> None:
        try:
            self._ask("deletefile", self._at(name), attempts=1)
        except TargetFailed:
            # It is not there, or nothing is: the failure before this one is told.
            return

    def _at(self, name: str) -> str:
        folder = self.target.folder.strip("/") if self.target.kind != "sftp" else self.target.folder
        return f"target:{folder.rstrip('/')}/{name}" if folder else f"target:{name}"

    def _ask(self, *words: str, attempts: int = 0) -> str:
        """What rclone prints; TargetFailed with the reason that it gave last."""
        limits = [
            f"--retries={attempts or self.patience.attempts}",
            f"--retries-sleep={self.patience.pause_s}s",
            "--low-level-retries=2",
            f"--contimeout={self.patience.connect_s}s",
            f"--timeout={SILENT_FOR_S}s",
        ]
        with self._environment() as environment:
            try:
                finished = subprocess.run(
                    [_program("rclone"), *words, *limits],
                    env=environment,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    timeout=LONGEST_S,
                )
            except subprocess.TimeoutExpired as error:
                raise TargetFailed(f"{self.target.name}: took longer than 6 hours") from error
        if finished.returncode:
            said = reason(finished.stderr)
            raise TargetFailed(f"{self.target.name}: {said}", {"target": self.target.id})
        return finished.stdout

    @contextmanager
    def _environment(self) -> Iterator[dict[str, str]]:
        with tempfile.TemporaryDirectory(prefix="backup-target-") as folder:
            settings = _SETTINGS[self.target.kind](self.target, self.layout, Path(folder))
            values = {f"RCLONE_CONFIG_TARGET_{name}": value for name, value in settings.items()}
            yield {
                "PATH": os.environ.get("PATH", "/usr/bin"),
                "HOME": folder,
                "LC_ALL": "C.UTF-8",
                "RCLONE_CONFIG": "",
                "RCLONE_USE_JSON_LOG": "false",
                **values,
            }


def _sftp(target: Target, layout: Layout, folder: Path) -> Mapping[str, str]:
    port = target.port or 22
    host = target.address if port == 22 else f"[{target.address}]:{port}"
    known = folder / "known_hosts"
    known.write_text("".join(f"{host} {key}\n" for key in target.host_keys))
    return {
        "TYPE": "sftp",
        "HOST": target.address,
        "PORT": str(port),
        "USER": target.user,
        "KEY_FILE": str(own_key(layout)),
        "KNOWN_HOSTS_FILE": str(known),
        # The account may have no shell; what arrived is hashed by us.
        "DISABLE_HASHCHECK": "true",
        "SET_MODTIME": "false",
    }


def _smb(target: Target, _layout: Layout, _folder: Path) -> Mapping[str, str]:
    domain, _, user = target.user.rpartition("\\")
    settings = {
        "TYPE": "smb",
        "HOST": target.address,
        "PORT": str(target.port or 445),
        "USER": user,
        "PASS": _obscured(target.password.reveal()),
    }
    return {**settings, "DOMAIN": domain} if domain else settings


def _s3(target: Target, _layout: Layout, _folder: Path) -> Mapping[str, str]:
    return {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ENDPOINT": target.address,
        "REGION": target.region or "us-east-1",
        "ACCESS_KEY_ID": target.user,
        "SECRET_ACCESS_KEY": target.password.reveal(),
        "FORCE_PATH_STYLE": "true",
        # The account may have no right to list or make buckets.
        "NO_CHECK_BUCKET": "true",
    }


_SETTINGS = {"sftp": _sftp, "smb": _smb, "s3": _s3}


def _obscured(password: str) -> str:
    """The form in which rclone takes a password (no encryption; it demands it so)."""
    done = subprocess.run(
        [_program("rclone"), "obscure", "-"],
        input=password,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


_LINE = re.compile(r"^\S+ \S+ (?:ERROR|NOTICE|CRITICAL)\s*: (.*)$")
_PREFACE = re.compile(r"^(Failed to [a-z0-9 ]+|Attempt \d+/\d+ failed with \d+ errors? and): ")


def reason(said: str) -> str:
    """The last thing that rclone complained of, for people, without its prefaces."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    found = [match[1] for line in lines if (match := _LINE.match(line))]
    text = (found or lines or ["no reason given"])[-1]
    while match := _PREFACE.match(text):
        text = text[match.end() :]
    if "knownhosts: key mismatch" in text or "key is unknown" in text:
        return "the server is not the one that was recognised at set-up (its host key differs)"
    if "send request failed" in text:
        # What Amazon's library says of every server that it does not reach.
        return "the server does not answer (no connection, or connection refused)"
    return re.sub(r"\x1b\[[0-9;]*m", "", text)[:300]


def _program(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        raise Refused(f"the program {name} is not installed")
    return program


# ── SFTP: the machine's key, and the keys of others ───────────────────────────────────


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
    words = ["-T", str(CONNECT_WITHIN_S), "-p", str(port), "-t", "ed25519,ecdsa,rsa", "--", address]
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
