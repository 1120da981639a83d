"""Keeps one process alive: starts it when its time has come, and again when it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from appliance.system import records
from appliance.system.processes import Process
from appliance.system.status_board import StatusBoard
from tools.checkout.launch import Launcher
from tools.checkout.logs import Log

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_AFTER_S = 60.0
"""A process that has run this long begins again with the shortest pause."""

WATCH_EVERY_S = 5.0
FAILURES_UNTIL_HUNG = 3


class Pause:
    """How long to wait before the next start: doubled with every early end."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def after(self, lived_s: float) -> float:
        """The pause after a life of so many seconds."""
        if lived_s >= STEADY_AFTER_S:
            self.seconds = 0.0
        self.seconds = min(LONGEST_PAUSE_S, self.seconds * 2 or FIRST_PAUSE_S)
        return self.seconds


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all keepers share."""

    launcher: Launcher
    board: StatusBoard
    records: Path
    logs: Path


class Keeper(threading.Thread):
    """The thread that looks after one process. `stop()` ends both."""

    def __init__(self, process: Process, around: Surroundings) -> None:
        super().__init__(name=process.name, daemon=True)
        self.process = process
        self.log = Log(around.logs / f"{process.name}.log")
        self._around = around
        self._stopping = threading.Event()
        self._restarts = 0
        self._child: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Start, watch, wait and start again, until told to stop."""
        pause = Pause()
        while self._wait_for_others():
            begin = time.monotonic()
            problem = self._live_once()
            if self._stopping.is_set():
                break
            seconds = pause.after(time.monotonic() - begin)
            self._restarts += 1
            self.log.write(f"supervisor: {problem}; next start in {seconds:g} s")
            self._tell("failing", problem)
            self._stopping.wait(seconds)
        self._tell("stopped")

    def stop(self) -> None:
        """End the process and wait for it, at most as long as the table says."""
        self._stopping.set()
        self._end()
        self.join(5)

    def _wait_for_others(self) -> bool:
        """Wait until every process that this one needs is ready; False when stopping."""
        while not self._stopping.is_set():
            missing = [name for name in self.process.after if not self._around.board.ready(name)]
            if not missing:
                return True
            self._tell("waiting", f"for {', '.join(missing)}")
            self._stopping.wait(0.1)
        return False

    def _live_once(self) -> str:
        """One life of the process, from its start to its end; why it ended."""
        try:
            self._around.launcher.make_folders(self.process)
            self._start()
            return self._watch()
        except (OSError, LookupError) as error:
            return f"it cannot be started: {error}"
        finally:
            self._end()

    def _start(self) -> None:
        child = self._launch(self.process.command)
        records.write(self._around.records, self.process.name, records.record_of(child.pid))
        self._tell("starting")

    def _launch(self, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        self._child = self._around.launcher.start(self.process, command)
        assert self._child.stdout is not None
        self.log.follow(self._child.stdout)  # type: ignore[arg-type]
        return self._child

    def _watch(self) -> str:
        """Follow the probe until the process ends or counts as hung; why it ended."""
        assert self._child is not None
        begin, failures, was_ready = time.monotonic(), 0, False
        while self._child.poll() is None and not self._stopping.is_set():
            problem = self.process.ready.problem()
            if not problem:
                was_ready, failures = True, 0
                self._tell("ready")
            elif was_ready:
                failures += 1
                if self.process.hangs and failures >= FAILURES_UNTIL_HUNG:
                    return f"it hangs: {problem}"
            else:
                self._tell("starting", problem)
                if time.monotonic() - begin > self.process.ready_within_s:
                    return f"it is not ready after {self.process.ready_within_s:.0f} s: {problem}"
            self._wait_for_the_end(WATCH_EVERY_S if was_ready else 0.1)
        return f"it ended with status {self._child.poll()}{self._last_words()}"

    def _wait_for_the_end(self, seconds: float) -> None:
        """Wait, but no longer than the process lives or until told to stop."""
        assert self._child is not None
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self._stopping.wait(0.1):
            if self._child.poll() is not None:
                return

    def _end(self) -> None:
        """End the process with all that it has started; nothing of it is left behind."""
        child = self._child
        if child is None:
            return
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(self.process.stop_within_s)
            except subprocess.TimeoutExpired:
                self.log.write("supervisor: it does not end, so it is killed")
        with contextlib.suppress(ProcessLookupError):  # nobody of its group is left
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        self._child = None
        (self._around.records / f"{self.process.name}.json").unlink(missing_ok=True)

    def _last_words(self) -> str:
        lines = [line for line in self.log.last_lines(4) if " supervisor: " not in line]
        # Date, time and zone stand before what the process itself has said.
        words = [line.split(" ", 2)[-1].strip() for line in lines]
        return f": {words[-1][:300]}" if words else ""

    def _tell(self, phase: str, problem: str = "") -> None:
        self._around.board.put(self.process.name, phase, problem, self._restarts)
