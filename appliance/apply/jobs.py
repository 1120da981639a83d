"""Long work that runs beside the socket, one after the other, with its progress."""

from __future__ import annotations

import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from appliance.apply.course import Progress
from appliance.apply.errors import Refused

log = logging.getLogger("engine.jobs")

Work = Callable[[Progress], Any]
Failure = Callable[[Exception], dict[str, Any]]


@dataclass(slots=True)
class Job:
    """One piece of long work. `steps` are the names of the steps begun so far; none while
    it waits for its turn."""

    id: str
    verb: str
    steps: list[str] = field(default_factory=list)
    done: bool = False
    result: Any = None
    error: dict[str, Any] | None = None

    def as_data(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "verb": self.verb,
            "steps": list(self.steps),
            "done": self.done,
            "result": self.result,
            "error": self.error,
        }


class Jobs:
    """Works off jobs in the order in which they came, and remembers the last few."""

    REMEMBERED = 50
    WAITING = 20

    def __init__(self, describe: Failure) -> None:
        self._describe = describe
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._queue: queue.Queue[tuple[Job, Work] | None] = queue.Queue(self.WAITING)
        self._worker = threading.Thread(target=self._work_off, name="jobs", daemon=True)
        self._worker.start()

    def start(self, verb: str, work: Work) -> Job:
        """Queue `work`; Refused while too much waits already."""
        job = Job(secrets.token_hex(8), verb)
        with self._lock:
            try:
                self._queue.put_nowait((job, work))
            except queue.Full:
                raise Refused("the engine has too much to do; try again in a minute") from None
            self._jobs[job.id] = job
            finished = [old for old in self._jobs.values() if old.done]
            for old in finished[: -self.REMEMBERED]:
                del self._jobs[old.id]
        return job

    def get(self, id: str) -> Job:
        """The job; LookupError when it is unknown or forgotten."""
        try:
            return self._jobs[id]
        except KeyError:
            raise LookupError("no such job, or it ended long ago") from None

    def finish(self) -> None:
        """Let what is under way and what waits come to its end, and take nothing more."""
        self._queue.put(None)
        self._worker.join()

    def _work_off(self) -> None:
        while (waiting := self._queue.get()) is not None:
            self._run(*waiting)

    def _run(self, job: Job, work: Work) -> None:
        begin = time.monotonic()
        log.info("job=%s verb=%s begun", job.id, job.verb)
        try:
            job.result = work(job.steps.append)
        except Exception as error:  # noqa: BLE001 - every failure must reach who asked
            job.error = self._describe(error)
        job.done = True
        seconds = time.monotonic() - begin
        outcome = job.error["kind"] if job.error else "done"
        log.info("job=%s verb=%s outcome=%s seconds=%.3f", job.id, job.verb, outcome, seconds)
