"""Writes the support file: what somebody needs who is to find out what is wrong, and no secret.

Everything is collected in memory, file by file, and goes through one mask that knows every
secret of this machine. What cannot be collected is said in the file instead.
"""

from __future__ import annotations

import io
import json
import logging
import os
import platform
import re
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from appliance import product
from appliance.apply.engine import Engine
from appliance.services import registry
from appliance.state.codec import canonical_json, mask, secrets_in
from appliance.state.machine import Layout
from appliance.state.system_state import encode_system
from appliance.system import certificate_facts, mail
from appliance.system.alarms import AlarmBook
from appliance.system.logs import Logs, Question
from appliance.system.overseer import Overseer

log = logging.getLogger("engine.support")

LARGEST_BYTES = 30 * 1024 * 1024
LARGEST_PART = 4 * 1024 * 1024
LOG_LINES = 2000
REPORTS = 10
SHORTEST_SECRET = 6
"""Shorter texts are not replaced: a PIN of four digits stands in every list of times."""

HIDDEN = b"[secret]"
WITHIN_S = 20

STEPS = ("machine", "processes", "configuration", "telephony", "logs", "packing")


@dataclass(frozen=True, slots=True)
class Wanted:
    """`logs`: also what processes have said, with telephone numbers in it. `numbers`: those
    numbers as they are; else their last digits are dots."""

    logs: bool = False
    numbers: bool = False


@dataclass(frozen=True, slots=True)
class SupportFile:
    """Collects from one machine."""

    engine: Engine
    overseer: Overseer
    book: AlarmBook
    logs: Logs

    @property
    def layout(self) -> Layout:
        return self.engine.machine.layout

    @property
    def path(self) -> Path:
        """Where the last one lies until it is fetched."""
        return self.layout.state / "support" / "support.tar.gz"

    def write(self, wanted: Wanted, tell: Callable[[str], None] = lambda _step: None) -> Path:
        """Write it; returns where it is. Readable for root alone."""
        hide = self._mask()
        parts: dict[str, bytes] = {}
        left = LARGEST_BYTES
        for step, name, collect in self._parts(wanted):
            if step:
                tell(step)
            content = hide(_collected(name, collect))[:LARGEST_PART]
            if not wanted.numbers and name.startswith("logs/"):
                content = _without_numbers(content)
            content = content[: max(0, left)]
            left -= len(content)
            parts[name] = content
        tell("packing")
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = self.path.with_suffix(".unfinished")
        scratch.write_bytes(_packed(parts))
        scratch.chmod(0o600)
        os.replace(scratch, self.path)
        return self.path

    # ── what goes in ──────────────────────────────────────────────────────────────

    def _parts(self, wanted: Wanted) -> Iterator[tuple[str, str, Callable[[], bytes]]]:
        """(step that begins here or "", name, how to collect it)."""
        yield "machine", "about.json", self._about
        for name, words in _COMMANDS.items():
            yield "", f"machine/{name}.txt", partial(_said, words)
        yield "", "machine/meminfo.txt", Path("/proc/meminfo").read_bytes
        yield "processes", "processes.json", self._processes
        yield "", "alarms.json", self._alarms
        yield "", "certificates.json", self._certificates
        yield "", "mail.json", self._mail
        yield "configuration", "configuration/state.json", self._state
        yield "", "configuration/revisions.json", self._revisions
        yield "", "configuration/reports.json", self._reports
        yield "", "configuration/changed-by-hand.json", self._by_hand
        for number, question in enumerate(_CONSOLE):
            name = f"telephony/{question.replace(' ', '-')}.txt"
            yield "" if number else "telephony", name, partial(self._asked, question)
        if wanted.logs:
            for number, facts in enumerate(self.overseer.look()):
                step = "" if number else "logs"
                yield step, f"logs/{facts.name}.txt", partial(self._log, facts.name)

    def _processes(self) -> bytes:
        return _json([asdict(each) for each in self.overseer.look()])

    def _mail(self) -> bytes:
        return _json(asdict(mail.queue(self.layout)))

    def _by_hand(self) -> bytes:
        return _json(dict(self.engine.drift()))

    def _asked(self, question: str) -> bytes:
        return self.engine.console.ask(question).encode()

    def _about(self) -> bytes:
        disk = os.statvfs(self.layout.state)
        return _json(
            {
                "product": product.NAME,
                "version": product.VERSION,
                "python": platform.python_version(),
                "kernel": platform.release(),
                "machine": platform.machine(),
                "host_name": self.engine.machine.host_name,
                "written": int(time.time()),
                "uptime_s": int(float(Path("/proc/uptime").read_text().split()[0])),
                "processors": os.cpu_count(),
                "revision": self.engine.store.current(),
                "calls": self.engine.console.calls(),
                "disk_bytes": disk.f_blocks * disk.f_frsize,
                "disk_free_bytes": disk.f_bavail * disk.f_frsize,
            }
        )

    def _alarms(self) -> bytes:
        listed = (*self.book.open(), *self.book.over())
        return _json([{**asdict(each), "text": each.text("en")} for each in listed])

    def _certificates(self) -> bytes:
        return _json([asdict(each) for each in certificate_facts.installed(self.layout)])

    def _state(self) -> bytes:
        return canonical_json(encode_system(self.engine.running_state(), mask))

    def _revisions(self) -> bytes:
        return _json([asdict(each) for each in islice(self.engine.store.history(), 60)])

    def _reports(self) -> bytes:
        found = {}
        for revision in islice(self.engine.store.history(), REPORTS):
            try:
                found[revision.number] = self.engine.store.report(revision.number)
            except LookupError:
                continue
        return _json(found)

    def _log(self, name: str) -> bytes:
        answer = self.logs.ask(Question(process=name, count=LOG_LINES))
        lines = (f"{line.at / 1000:.3f} {line.text}\n" for line in answer.lines)
        return "".join(lines).encode()

    # ── what must not go in ───────────────────────────────────────────────────────

    def _mask(self) -> Callable[[bytes], bytes]:
        """Replaces every secret that this machine knows: those that it made, those of all
        kept revisions, and keys by their form."""
        known = {secret.reveal() for secret in self.engine.machine.secrets.values()}
        made = (self.layout.state / "secrets").glob("*")
        known |= {path.read_text("utf-8", "replace").strip() for path in made if path.is_file()}
        for folder in (self.layout.certificates, self.layout.state / "vpn"):
            known |= set(_lines_of_keys(folder))
        for number in self.engine.store.numbers():
            state = registry.decode(self.engine.store.state_data(number))
            for part in state.services.values():
                known |= {secret.reveal() for _where, secret in secrets_in(part)}
        words = sorted((w for w in known if len(w) >= SHORTEST_SECRET), key=len, reverse=True)
        encoded = [re.escape(form) for word in words for form in _forms(word)]
        pattern = re.compile("|".join(encoded).encode()) if encoded else None

        def hide(content: bytes) -> bytes:
            if pattern is not None:
                content = pattern.sub(HIDDEN, content)
            return _KEYS.sub(HIDDEN, content)

        return hide


def _lines_of_keys(folder: Path) -> Iterator[str]:
    """The lines of every private key below `folder`: one alone is a part of the secret, too."""
    for path in folder.rglob("*"):
        if path.is_file():
            for key in _KEYS.findall(path.read_bytes()):
                yield from key.decode("ascii", "replace").splitlines()[1:-1]


_KEYS = re.compile(
    rb"-----BEGIN [A-Z0-9 ]*(?:PRIVATE|STATIC) KEY[^-]*-----.*?(?:-----END [^-]*-----|\Z)", re.S
)
_NUMBER = re.compile(rb"(?<![\w.:-])(\+?\d{3,})(\d{3})(?![\w.:-])")


def _forms(word: str) -> tuple[str, ...]:
    """A secret as it is, and as JSON writes it."""
    written = (json.dumps(word), json.dumps(word, ensure_ascii=False))
    return tuple(dict.fromkeys((word, *(text[1:-1] for text in written))))


def _without_numbers(content: bytes) -> bytes:
    """Telephone numbers lose their last three digits; times and addresses stay."""
    return b"\n".join(
        line[:15] + _NUMBER.sub(rb"\1...", line[15:]) for line in content.split(b"\n")
    )


_COMMANDS = {
    "addresses": ("ip", "-brief", "address"),
    "routes": ("ip", "route", "show", "table", "all"),
    "firewall": ("nft", "list", "ruleset"),
    "listening": ("ss", "-Hlntup"),
    "disks": ("df", "-h"),
    "mounts": ("findmnt", "--noheadings", "--raw"),
    "clock": ("chronyc", "-n", "tracking"),
    "units": ("systemctl", "--no-pager", "--failed"),
    "packages": ("dpkg-query", "-W"),
}

_CONSOLE = (
    "core show version",
    "core show uptime",
    "core show channels concise",
    "core show settings",
    "module show",
    "pjsip show transports",
    "pjsip show registrations",
    "pjsip show contacts",
    "pjsip show endpoints",
)
"""Questions whose answers hold no passwords."""


def _said(command: Sequence[str]) -> bytes:
    done = subprocess.run(list(command), capture_output=True, timeout=WITHIN_S, check=False)
    return done.stdout or done.stderr


def _collected(name: str, collect: Callable[[], bytes]) -> bytes:
    """One part; why it could not be had, when it could not."""
    try:
        return collect()
    except Exception as error:  # noqa: BLE001 - the other parts are wanted all the same
        log.info("part=%s error=%s", name, type(error).__name__)
        return f"not available: {type(error).__name__}\n".encode()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str).encode()


def _packed(parts: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in parts.items():
            entry = tarfile.TarInfo(f"support/{name}")
            entry.size, entry.mtime, entry.mode = len(content), int(time.time()), 0o600
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()
