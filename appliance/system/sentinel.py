"""The thread of the engine that looks at the machine, keeps the list of alarms, has them
sent, and writes the figures for Prometheus."""

from __future__ import annotations

import datetime
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from appliance.asterisk.console import Console
from appliance.services.alarms import State as AlarmWishes
from appliance.services.trunks import Trunk
from appliance.state.machine import Layout
from appliance.state.system_state import SystemState
from appliance.system import alarm_watchers as watchers
from appliance.system import (
    alarms,
    branch_watch,
    certificate_facts,
    mail,
    metrics,
    sound_alarms,
    trunk_health,
)
from appliance.system.alarm_mail import AlarmMailer
from appliance.system.alarms import AlarmBook, Raised
from appliance.system.backup import watch as backups
from appliance.system.branch_reports import SOURCE as BRANCHES
from appliance.system.branch_reports import ReportBook
from appliance.system.overseer import WITHIN_S, Overseer, ProcessFacts, RestartCounter

log = logging.getLogger("engine.sentinel")

EVERY_S = 10.0
FIRST_AFTER_S = 2.0

T = TypeVar("T")


def book_of(layout: Layout) -> AlarmBook:
    """The list of alarms of a machine."""
    return AlarmBook(layout.state / "alarms.json")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the state in force says about all this."""

    alarms: AlarmWishes
    trunks: Sequence[Trunk]
    sender: str
    whole: SystemState

    @classmethod
    def of(cls, state: SystemState) -> Wishes:
        """From a whole state; mail is sent only where a server is set up."""
        relay = state["mail"]
        return cls(
            state["alarms"], state["trunks"].trunks, relay.sender if relay.server else "", state
        )


@dataclass(slots=True)
class Sentinel:
    """Looks every EVERY_S seconds. `state` gives the state in force."""

    layout: Layout
    console: Console
    book: AlarmBook
    overseer: Overseer
    mailer: AlarmMailer
    state: Callable[[], SystemState]
    tidy: Callable[[], None] = lambda: None
    _clock: watchers.Clock = field(default_factory=watchers.Clock)
    _processes: watchers.Processes = field(default_factory=watchers.Processes)
    _counter: RestartCounter = field(default_factory=RestartCounter)
    _facts: tuple[ProcessFacts, ...] = ()
    _facts_at: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        threading.Thread(target=self._run, name="sentinel", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        pause_s = FIRST_AFTER_S
        while not self._stop.wait(pause_s):
            self.look()
            pause_s = EVERY_S

    def look(self) -> None:
        """Ask every source once. One that cannot be asked does not keep the others from it."""
        wishes = self._tried("state", lambda: Wishes.of(self.state()))
        self._ask("disks", lambda: watchers.disks(self.layout, self.book))
        self._ask("memory", lambda: watchers.memory(self.book))
        self._ask("mail", lambda: watchers.mails(self.layout))
        self._ask("certificates", lambda: watchers.certificates(self.layout, time.time()))
        self._ask("clock", self._look_at_clock)
        self._ask("processes", self._look_at_processes)
        self._tried("files", self._read_dropped)
        if wishes is not None:
            self._ask("backups", lambda: self._look_at_backups(wishes))
            self._ask("vpn", lambda: branch_watch.cut_off(self.layout, wishes.whole))
            self._ask(BRANCHES, lambda: ReportBook(self.layout).look(wishes.whole))
            self._ask("routers", lambda: branch_watch.twice(self.layout, wishes.whole))
            self._ask("trunks", lambda: trunk_health.down(self.console, wishes.trunks))
            self._ask("sound", lambda: sound_alarms.look(self.layout, wishes.whole))
            self._tried("mailer", lambda: self.mailer.look(wishes.alarms, wishes.sender))
        self._tried("tidying", self.tidy)
        self._tried("figures", self._write_figures)

    def percent(self, now: ProcessFacts) -> int:
        """How much of one processor a process has used since the last look."""
        before = next((each for each in self._facts if each.name == now.name), now)
        passed_ms = (time.monotonic() - self._facts_at) * 1000
        if before.pid != now.pid or passed_ms <= 0:
            return 0
        return max(0, round((now.processor_ms - before.processor_ms) * 100 / passed_ms))

    def _look_at_clock(self) -> Iterable[Raised]:
        return self._clock.look(watchers.synchronised(), time.monotonic())

    def _look_at_processes(self) -> Iterable[Raised]:
        self._facts, self._facts_at = self.overseer.look(), time.monotonic()
        often = self._counter.often(self._facts)
        return self._processes.look(self._facts, often, WITHIN_S // 60, time.monotonic())

    def _look_at_backups(self, wishes: Wishes) -> Iterable[Raised]:
        return backups.look(self.layout, wishes.whole, datetime.datetime.now(datetime.UTC))

    def _read_dropped(self) -> None:
        found = alarms.dropped(self.layout)
        told = {alarm.source for alarm in self.book.open() if alarm.source.startswith("file-")}
        for source in told - {f"file-{name}" for name in found}:
            self.book.report(source, ())
        for name, raised in found.items():
            self.book.report(f"file-{name}", raised)

    def _write_figures(self) -> None:
        expiry = {each.name: each.expires for each in certificate_facts.installed(self.layout)}
        waiting = mail.queue(self.layout).waiting
        figures = metrics.Figures(
            tuple(self.book.open()), self._facts, self.console.calls(), waiting, expiry
        )
        metrics.write(self.layout, figures)

    def _ask(self, source: str, look: Callable[[], Iterable[Raised] | None]) -> None:
        """Report what a source says; nothing changes when it cannot say anything."""
        found = self._tried(source, lambda: None if (said := look()) is None else list(said))
        if found is not None:
            self.book.report(source, found)

    def _tried(self, source: str, work: Callable[[], T]) -> T | None:
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - the other sources must be asked all the same
            log.error("source=%s error=%s", source, type(error).__name__)
            return None
