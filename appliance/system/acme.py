"""Certificates by ACME (RFC 8555), asked for by Debian's dehydrated.

Its configuration is written here, value by value: it is a shell file, so each value is
quoted although its type allows no sign that a shell knows. The challenge's files are
served by nginx from `Layout.acme_challenges` on port 80.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance.apply import atomic
from appliance.apply.errors import Refused
from appliance.services.certificates import State
from appliance.state.machine import Layout
from appliance.system.certificate_pairs import Pair

PROGRAM = "dehydrated"
WITHIN_S = 300
CERTIFICATE = "ours"
"""The alias of the one certificate, which names its folder."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """How the last attempt ended: `problem` is empty when it worked."""

    at: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class AcmeClient:
    """Asks for one certificate. `clock` gives seconds since 1970."""

    layout: Layout
    clock: Callable[[], float] = time.time

    @property
    def folder(self) -> Path:
        return self.layout.state / "acme"

    def obtain(self, wanted: State, *, anew: bool = False) -> Pair:
        """The certificate: a new one where the present one ends within 30 days, does not hold
        these names, or with `anew`. Refused says what the authority said."""
        if shutil.which(PROGRAM) is None:
            raise self._failed(f"{PROGRAM} is not installed")
        self._prepare(wanted)
        command = [PROGRAM, "--config", str(self.folder / "config"), "--accept-terms"]
        self._run([*command, "--register"])
        self._run([*command, "--cron", *(["--force"] if anew else [])])
        place = self.folder / "certificates" / CERTIFICATE
        pair = Pair(
            (place / "fullchain.pem").read_bytes(), (place / "privkey.pem").read_bytes(), "acme"
        )
        self._note(Attempt(int(self.clock())))
        return pair

    def last(self) -> Attempt:
        """The last attempt; `at` is 0 where there was none."""
        try:
            return Attempt(**json.loads((self.folder / "last.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return Attempt()

    def _prepare(self, wanted: State) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.layout.acme_challenges.mkdir(mode=0o755, parents=True, exist_ok=True)
        (self.folder / "domains").write_text(f"{' '.join(wanted.names)} > {CERTIFICATE}\n")
        atomic.write_file(self.folder / "config", self._configuration(wanted).encode(), 0o600)

    def _configuration(self, wanted: State) -> str:
        values = {
            "CA": wanted.directory,
            "BASEDIR": str(self.folder),
            "CERTDIR": str(self.folder / "certificates"),
            "DOMAINS_TXT": str(self.folder / "domains"),
            "WELLKNOWN": str(self.layout.acme_challenges),
            "LOCKFILE": str(self.folder / "lock"),
            "CHALLENGETYPE": "http-01",
            "KEY_ALGO": "prime256v1",
            "PRIVATE_KEY_RENEW": "yes",
            "RENEW_DAYS": "30",
            "CONTACT_EMAIL": wanted.mail,
        }
        if wanted.authority:
            authority = self.folder / "directory.crt"
            authority.write_text(wanted.authority)
            values["CURL_OPTS"] = f"--cacert {authority}"
        return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())

    def _run(self, command: list[str]) -> None:
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": str(self.folder)}
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=WITHIN_S,
                env=environment,
                cwd=self.folder,
            )
        except subprocess.TimeoutExpired:
            raise self._failed(f"no answer within {WITHIN_S} s") from None
        if done.returncode:
            raise self._failed(_reason(done.stdout + done.stderr))

    def _failed(self, problem: str) -> Refused:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._note(Attempt(int(self.clock()), problem))
        return Refused(problem)

    def _note(self, attempt: Attempt) -> None:
        content = json.dumps(asdict(attempt)).encode()
        atomic.write_file(self.folder / "last.json", content, 0o600)


def _reason(said: str) -> str:
    """The line of dehydrated's output that tells people most, at most 200 signs."""
    lines = [line.strip(" +\t") for line in said.splitlines() if line.strip(" +\t")]
    for mark in ('"detail"', "detail:", "ERROR", "curl"):
        for line in lines:
            if mark in line:
                return "".join(sign for sign in line if sign.isprintable())[:200]
    return (lines[-1] if lines else "it ended without a word")[:200]
