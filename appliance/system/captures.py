"""Captures the packets of one call: signalling by Asterisk itself, sound by tcpdump.

Asterisk writes the SIP messages as it understood them (`pjsip set logger pcap`), so they
can be read although they came over TLS. With sound, tcpdump writes what is on the wire.
One capture at a time, since Asterisk has one such logger; it ends with the call, after a
time, at a size, or when the disk fills up. Captures are deleted after some days.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from appliance.apply import atomic
from appliance.apply.errors import NoRoom, Refused
from appliance.asterisk.console import Console, ConsoleError
from appliance.state.fields import Between, Pattern
from appliance.state.machine import Layout
from appliance.system import space
from appliance.system.capture_filter import Packets, expression

log = logging.getLogger("engine.captures")

Id = Annotated[str, Pattern(r"[0-9a-f]{16}", "the name of a capture")]
Part = Literal["signalling", "packets"]
Seconds = Annotated[int, Between(10, 1800, "s")]
Megabytes = Annotated[int, Between(1, 200, "MB")]
Days = Annotated[int, Between(1, 30, "days")]

MOST = 50
"""Captures that are kept; the oldest go first."""

FREE_SHARE = 0.1
"""Share of the disk that a capture leaves free."""

PIECE_BYTES = 4 * 1024 * 1024
LOOK_EVERY_S = 0.25
QUIET_S = 2.0
"""How long a call must be gone before its capture ends: its last messages still come."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` and `megabytes` end a capture, after `days` it is deleted."""

    seconds: int = 300
    megabytes: int = 20
    days: int = 7


@dataclass(frozen=True, slots=True)
class Capture:
    """One capture. `state` is running, done or failed; `why` says why it ended; `about` is
    what was chosen, for people. Moments are seconds since 1970."""

    id: str
    about: str
    by: str
    audio: bool
    began: int
    days: int
    state: Literal["running", "done", "failed"] = "running"
    why: str = ""
    ended: int = 0
    signalling_bytes: int = 0
    packets_bytes: int = 0


@dataclass(slots=True)
class _Run:
    """The capture that is under way."""

    capture: Capture
    packets: Packets
    limits: Limits
    folder: Path
    stop: threading.Event = field(default_factory=threading.Event)
    tcpdump: subprocess.Popen[bytes] | None = None


@dataclass(slots=True)
class Captures:
    """All captures of a machine. `account` is Asterisk's, `inside` the words before a command
    that has to run in Asterisk's network."""

    layout: Layout
    console: Console
    account: tuple[int, int]
    sip_ports: Callable[[], Sequence[int]]
    inside: tuple[str, ...] = ()
    clock: Callable[[], float] = time.time
    _run: _Run | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def folder(self) -> Path:
        return self.layout.state / "captures"

    # ── reading ───────────────────────────────────────────────────────────────────

    def all(self) -> list[Capture]:
        """Every capture, the newest first."""
        found = [self._read(path.parent) for path in self.folder.glob("*/about.json")]
        return sorted((each for each in found if each), key=lambda each: -each.began)

    def get(self, id: str) -> Capture:
        """One capture; LookupError when there is none."""
        found = self._read(self.folder / id)
        if found is None:
            raise LookupError("there is no such capture, or it was deleted")
        return found

    def under_way(self) -> str:
        """The name of the capture that is under way, "" for none."""
        run = self._run
        return run.capture.id if run is not None else ""

    def piece(self, id: str, part: Part, offset: int) -> tuple[bytes, int]:
        """A piece of one of its files, and the size of the whole."""
        path = self.folder / self.get(id).id / f"{part}.pcap"
        if not path.exists():
            raise LookupError("this capture has no such file")
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(PIECE_BYTES), path.stat().st_size

    def _read(self, folder: Path) -> Capture | None:
        try:
            found = Capture(**json.loads((folder / "about.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        sizes = [_size(folder / f"{part}.pcap") for part in ("signalling", "packets")]
        return replace(found, signalling_bytes=sizes[0], packets_bytes=sizes[1])

    # ── changing ──────────────────────────────────────────────────────────────────

    def start(self, packets: Packets, about: str, by: str, *, audio: bool, limits: Limits) -> str:
        """Begin to capture; returns its name. Refused while another one is under way, NoRoom
        when the disk is too full."""
        with self._lock:
            if self._run is not None:
                raise Refused("another capture is under way; stop it first")
            self.tidy()
            self._require_room(limits)
            id = secrets.token_hex(8)
            capture = Capture(id, about, by, audio, int(self.clock()), limits.days)
            folder = self.folder / id
            folder.mkdir(mode=0o700, parents=True)
            run = _Run(capture, packets, limits, folder)
            try:
                self._note(run, capture)
                self._begin(run)
            except BaseException:
                self._end_programs(run)
                shutil.rmtree(folder, ignore_errors=True)
                raise
            self._run = run
        threading.Thread(target=self._watch, args=(run,), name="capture", daemon=True).start()
        return id

    def stop(self, id: str) -> None:
        """End the capture that is under way; nothing happens when it has ended already."""
        run = self._run
        if run is not None and run.capture.id == id:
            run.stop.set()

    def delete(self, id: str) -> None:
        """Delete a capture that has ended."""
        found = self.get(id)
        if found.state == "running":
            raise Refused("stop the capture first")
        shutil.rmtree(self.folder / found.id)

    def tidy(self) -> None:
        """Delete what is older than its days, and what is too many."""
        now = self.clock()
        for number, each in enumerate(self.all()):
            old = each.ended and now - each.ended > each.days * 86400
            if each.state != "running" and (old or number >= MOST):
                shutil.rmtree(self.folder / each.id, ignore_errors=True)

    def recover(self) -> None:
        """After a start of the engine: what was under way then has ended without a word."""
        shutil.rmtree(self._spool, ignore_errors=True)
        for each in self.all():
            if each.state == "running":
                self._write(replace(each, state="failed", why="restart", ended=int(self.clock())))

    # ── one capture ───────────────────────────────────────────────────────────────

    @property
    def _spool(self) -> Path:
        """Where Asterisk, in its own account, may write its file."""
        return self.layout.asterisk_spool / "captures"

    def _require_room(self, limits: Limits) -> None:
        disk = os.statvfs(self.layout.state)
        wanted = 2 * limits.megabytes * 1024 * 1024
        if disk.f_bavail * disk.f_frsize < disk.f_blocks * disk.f_frsize * FREE_SHARE + wanted:
            raise NoRoom("the disk is too full for a capture")

    def _begin(self, run: _Run) -> None:
        shutil.rmtree(self._spool, ignore_errors=True)
        self._spool.mkdir(mode=0o700, parents=True)
        os.chown(self._spool, *self.account)
        first, *others = run.packets.signalling or ("",)
        if not first:
            raise LookupError("no address of this call is known")
        commands = ["pjsip set logger verbose off"]
        commands += [f"pjsip set logger pcap {self._spool / 'signalling.pcap'}"]
        commands += [f"pjsip set logger host {first}"]
        commands += [f"pjsip set logger add {each}" for each in others]
        try:
            list(self.console.ask_all(commands))
        except ConsoleError:
            raise Refused("the telephone service does not answer") from None
        if run.capture.audio:
            run.tcpdump = self._tcpdump(run)

    def _tcpdump(self, run: _Run) -> subprocess.Popen[bytes]:
        limit = run.limits.megabytes * 1024 * 1024
        # It gives up root by itself; the file is open already, and cannot grow beyond the limit.
        words = ["setpriv", "--pdeathsig", "KILL", "prlimit", f"--fsize={limit}", "tcpdump"]
        words += ["-i", "any", "-n", "-U", "-s", "0", "-w", "-"]
        filter = expression(run.packets, self.sip_ports())
        with (run.folder / "packets.pcap").open("wb") as file:
            return subprocess.Popen(
                [*self.inside, *words, filter],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.DEVNULL,
            )

    def _watch(self, run: _Run) -> None:
        try:
            why = self._until_over(run)
            state: Literal["done", "failed"] = "failed" if why == "tcpdump" else "done"
        except Exception as error:  # noqa: BLE001 - a capture never stays open
            log.error("capture error=%s", type(error).__name__)
            why, state = "error", "failed"
        self._end_programs(run)
        self._keep_signalling(run)
        now = int(self.clock())
        try:
            self._note(run, replace(run.capture, state=state, why=why, ended=now))
        finally:
            self._run = None

    def _until_over(self, run: _Run) -> str:
        """Wait for whatever ends it first; says what that was."""
        deadline = time.monotonic() + run.limits.seconds
        seen, gone_since = False, 0.0
        while not run.stop.wait(LOOK_EVERY_S):
            if time.monotonic() > deadline:
                return "time"
            if space.free_share(self.layout.state) < FREE_SHARE / 2:
                return "disk"
            if self._size(run) >= run.limits.megabytes * 1024 * 1024:
                return "size"
            if run.tcpdump is not None and run.tcpdump.poll() is not None:
                return "tcpdump"
            if self._up(run.packets.channels):
                seen, gone_since = True, 0.0
            elif seen:
                gone_since = gone_since or time.monotonic()
                if time.monotonic() - gone_since > QUIET_S:
                    return "call"
        return "hand"

    def _size(self, run: _Run) -> int:
        return _size(run.folder / "packets.pcap") + _size(self._spool / "signalling.pcap")

    def _up(self, channels: Sequence[str]) -> bool:
        try:
            listed = self.console.ask("core show channels concise").splitlines()
        except ConsoleError:
            return False
        return any(line.startswith(channel) for line in listed for channel in channels)

    def _end_programs(self, run: _Run) -> None:
        if run.tcpdump is not None:
            run.tcpdump.send_signal(signal.SIGINT)
            try:
                run.tcpdump.wait(5)
            except subprocess.TimeoutExpired:
                run.tcpdump.kill()
                run.tcpdump.wait()
        try:
            list(self.console.ask_all(["pjsip set logger off", "pjsip set logger verbose on"]))
        except ConsoleError:
            log.info("Asterisk does not run any more")

    def _keep_signalling(self, run: _Run) -> None:
        """Take Asterisk's file into our own folder. Asterisk's account may have put anything
        there, so only a plain file counts, and no link is followed."""
        try:
            handle = os.open(self._spool / "signalling.pcap", os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return
        with os.fdopen(handle, "rb") as source:
            limit = run.limits.megabytes * 1024 * 1024
            (run.folder / "signalling.pcap").write_bytes(source.read(limit))
        shutil.rmtree(self._spool, ignore_errors=True)

    def _note(self, run: _Run, capture: Capture) -> None:
        run.capture = capture
        self._write(capture)

    def _write(self, capture: Capture) -> None:
        content = json.dumps(asdict(capture)).encode()
        atomic.write_file(self.folder / capture.id / "about.json", content, 0o600)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
