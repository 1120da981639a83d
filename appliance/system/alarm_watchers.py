"""Looks at the machine and says what is wrong with it. Each function is one source of alarms.

Limits come in pairs where a figure sways: an alarm that is open stays so until the second.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from appliance.state.machine import Layout
from appliance.system import certificate_facts, mail, space
from appliance.system.alarms import AlarmBook, Raised
from appliance.system.overseer import ProcessFacts

LABELS = {"web": "HTTPS", "server": "SIP TLS", "authority": "CA"}
"""What people of every language call them."""

DISK_WARNING, DISK_CRITICAL, DISK_SLACK = 0.80, 0.90, 0.02
MEMORY_SHORT, MEMORY_ENOUGH = 0.08, 0.12
SOON_DAYS = 3
OWN_WARN_DAYS = 14
OTHERS_WARN_DAYS = 30
"""Our own certificates are renewed 30 days before their end, so only later is it a fault."""

CLOCK_PATIENCE_S = 15 * 3600
"""The kernel calls a clock unsynchronised some nine hours after the last word from a time
server (its estimate of the error grows by 500 ppm up to 16 s): together a day."""

FIRST_SYNC_WITHIN_S = 3600
NOT_READY_PATIENCE_S = 120


def disks(layout: Layout, book: AlarmBook) -> Iterator[Raised]:
    """How full the disk of our data is."""
    used = 1 - space.free_share(layout.state)
    values = {"percent": f"{used * 100:.0f}"}
    if used >= DISK_CRITICAL - (DISK_SLACK if book.holds("disk-full") else 0):
        yield Raised("disk-full", values=values)
    elif used >= DISK_WARNING - (DISK_SLACK if book.holds("disk-nearly-full") else 0):
        yield Raised("disk-nearly-full", values=values)


def memory(book: AlarmBook, meminfo: Path = Path("/proc/meminfo")) -> Iterator[Raised]:
    """How much memory is left (proc_meminfo(5), MemAvailable)."""
    lines = (line.partition(":") for line in meminfo.read_text().splitlines())
    figures = {name: int(rest.split()[0]) for name, _colon, rest in lines}
    free = figures["MemAvailable"] / figures["MemTotal"]
    if free < (MEMORY_ENOUGH if book.holds("memory-short") else MEMORY_SHORT):
        yield Raised("memory-short", values={"percent": f"{free * 100:.0f}"})


def mails(layout: Layout) -> Iterator[Raised]:
    """Whether mail gets through."""
    waiting = mail.queue(layout)
    if waiting.late:
        minutes, given_up = str(waiting.oldest_s // 60), str(waiting.given_up)
        values = {"waiting": str(waiting.waiting), "minutes": minutes, "given_up": given_up}
        yield Raised("mail-late", values=values)


def certificates(layout: Layout, now: float) -> Iterator[Raised]:
    """Which of our servers' certificates end soon."""
    for facts in certificate_facts.installed(layout):
        days = int((facts.expires - now) // 86400)
        values = {"days": str(max(days, 0))}
        warn = OWN_WARN_DAYS if facts.own else OTHERS_WARN_DAYS
        if days < SOON_DAYS:
            yield Raised("certificate-expires-soon", LABELS[facts.name], values)
        elif days < warn:
            yield Raised("certificate-expires", LABELS[facts.name], values)


class Clock:
    """Remembers since when the clock has been without a time server."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._lost: float | None = self._begin
        self._ever = False

    def look(self, synchronised: bool, now: float) -> Iterator[Raised]:
        if synchronised:
            self._ever, self._lost = True, None
            return
        self._lost = now if self._lost is None else self._lost
        lost_s = now - self._lost
        if lost_s >= (CLOCK_PATIENCE_S if self._ever else FIRST_SYNC_WITHIN_S):
            hours = int(lost_s // 3600) + (9 if self._ever else 0)
            yield Raised("clock-not-synchronised", values={"hours": str(hours)})


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), as far as `status`; the rest is room for the kernel."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_char * 256),
    )


_STA_UNSYNC = 0x0040


def synchronised() -> bool:
    """Whether the kernel's clock follows a time server (adjtimex(2), STA_UNSYNC)."""
    library = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
    asked = _Timex()
    if library.adjtimex(ctypes.byref(asked)) < 0:
        return True  # not allowed to ask here: nothing is known, so nothing is said
    return not asked.status & _STA_UNSYNC


class Processes:
    """Remembers since when each process has not been ready."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def look(
        self, facts: Iterable[ProcessFacts], often: Mapping[str, int], minutes: int, now: float
    ) -> Iterator[Raised]:
        for each in facts:
            if each.name in often:
                values = {"times": str(often[each.name]), "minutes": str(minutes)}
                yield Raised("process-restarts", each.name, values)
            if each.phase == "ready":
                self._since.pop(each.name, None)
            elif now - self._since.setdefault(each.name, now) >= NOT_READY_PATIENCE_S:
                values = {"problem": each.problem or each.phase}
                yield Raised("process-not-ready", each.name, values)
