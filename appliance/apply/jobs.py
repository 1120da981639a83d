"""Long work that runs beside the socket: one job at a time, with its progress."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from appliance.apply.engine import Progress, Refused

Work = Callable[[Progress], Any]
Failure = Callable[[Exception], dict[str, Any]]


@dataclass(slots=True)
class Job:
    """One piece of long work. `steps` are the names of the steps begun so far."""

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
    """Starts jobs and remembers the last few."""

    REMEMBERED = 50

    def __init__(self, describe: Failure) -> None:
        self._describe = describe
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def start(self, verb: str, work: Work) -> Job:
        """Begin `work`; Refused while another job is under way."""
        with self._lock:
            if any(not job.done for job in self._jobs.values()):
                raise Refused("the engine is at work; wait until it has finished")
            job = Job(secrets.token_hex(8), verb)
            self._jobs[job.id] = job
            for old in list(self._jobs)[: -self.REMEMBERED]:
                del self._jobs[old]
        threading.Thread(target=self._run, args=(job, work), name=f"job-{verb}").start()
        return job

    def get(self, id: str) -> Job:
        """The job; LookupError when it is unknown or forgotten."""
        return self._jobs[id]

    def _run(self, job: Job, work: Work) -> None:
        try:
            job.result = work(job.steps.append)
        except Exception as error:  # noqa: BLE001 - every failure must reach who asked
            job.error = self._describe(error)
        finally:
            job.done = True
