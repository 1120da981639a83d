"""The switch: a new revision comes into force, and goes back when it is not good.

A record of the trial is written before the link is moved and removed when the new
revision is verified and confirmed. So whatever cuts this short, the next start knows
which revision to go back to.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from appliance.apply.candidates import Candidate, masker_for
from appliance.apply.course import Course
from appliance.apply.errors import Refused, Unconfirmed, Undone
from appliance.apply.plan import TouchedFile, reloads_between
from appliance.apply.revisions import RevisionStore
from appliance.apply.running import ReadBack, Running
from appliance.apply.stage import Stage
from appliance.apply.trial import Trial, TrialRecord
from appliance.asterisk.console import ConsoleError
from appliance.asterisk.reloads import in_order
from appliance.state.faults import StateError
from appliance.system.actions import ActionFailed
from appliance.verify.readback import Delta
from appliance.verify.shadow import Proof

log = logging.getLogger("engine.switch")


class Switch:
    """What is in force on one machine, and the trial that may be open."""

    def __init__(
        self, stage: Stage, store: RevisionStore, running: Running, clock: Callable[[], float]
    ) -> None:
        self._stage = stage
        self._store = store
        self._running = running
        self._clock = clock
        self._record = TrialRecord(store.folder)
        self._deadline: float | None = None
        self._owed: frozenset[str] = frozenset()

    # ── the trial ─────────────────────────────────────────────────────────────────

    def trial(self) -> Trial | None:
        """The revision that is not known to be good yet, if there is one."""
        return self._record.read()

    def seconds_left(self) -> float | None:
        """How long the open trial still waits; None when none does."""
        deadline = self._deadline
        return None if deadline is None else max(0.0, deadline - time.monotonic())

    def refuse_while_open(self) -> None:
        """Raise Unconfirmed when a trial is open."""
        trial = self.trial()
        if trial is not None:
            raise Unconfirmed(trial.number)

    def confirm(self, number: int) -> None:
        """Keep the revision that waits; Refused when it does not wait (any more)."""
        trial = self.trial()
        if trial is None or trial.phase != "waiting" or trial.number != number:
            raise Refused(f"revision {number} does not wait for a confirmation")
        self._accept(number)

    def undo(self, why: str) -> int:
        """Take back the revision that waits; returns the one that is in force again."""
        trial = self.trial()
        if trial is None:
            raise Refused("no revision waits for a confirmation")
        self._take_back(trial, why)
        return trial.former

    def tick(self) -> None:
        """Do what is due: undo a trial whose time has run out or which was cut short, and
        tell Asterisk what it missed while it did not run. Called about twice a second."""
        trial = self.trial()
        if trial is not None and (trial.phase == "switching" or self.seconds_left() == 0):
            late = trial.phase == "waiting"
            self._take_back(trial, "not confirmed in time" if late else "cut short")
        if self._owed and self._running.console.running():
            self._running.follow(self._owed)
            self._owed = frozenset()

    # ── forward ───────────────────────────────────────────────────────────────────

    def make(
        self,
        trial: Trial,
        new: Candidate,
        touched: Sequence[TouchedFile],
        course: Course,
        proof: Proof,
    ) -> None:
        """Put a revision in force and verify it; Undone when it had to be taken back.

        `trial.until` says whether it then waits for a confirmation.
        """
        before, delta = self._stage.in_force(), self._stage.delta(new)
        asked = {name for each in touched for name in each.reload}
        try:
            course.step("switching")
            self._record.write(Trial(trial.number, trial.former, "switching"))
            self._store.put_in_force(trial.number)
            course.step("reloading")
            self._running.act(asked)
            self._running.follow(asked)
            course.step("verifying")
            found = self._running.read_back(delta)
            if found.wrong:
                raise Undone(masker_for(before, new).masked(str(found)))
            self._store.write_report(trial.number, _report(proof, asked, found, course))
            if trial.phase == "waiting":
                self._record.write(trial)
            else:
                self._accept(trial.number)
        except (ActionFailed, ConsoleError, OSError, Undone) as error:
            self._take_back(trial, str(error))
            raise Undone(f"revision {trial.number} was undone: {error}") from error
        self._stage.now_in_force(trial.number, new)
        if trial.phase == "waiting":
            self._deadline = time.monotonic() + trial.seconds

    def _accept(self, number: int) -> None:
        self._store.mark(number, "good")
        self._close()

    def _close(self) -> None:
        self._record.close()
        self._deadline = None

    # ── back ──────────────────────────────────────────────────────────────────────

    def _take_back(self, trial: Trial, why: str) -> None:
        """Put the former revision in force again, tell Asterisk, and record why.

        The trial is closed last: when Asterisk hangs or the disk fails, `tick` tries
        again, and so does the next start.
        """
        log.warning("revision %d is taken back: %s", trial.number, why)
        if trial.former and self._store.current() != trial.former:
            self._store.put_in_force(trial.former)
        names = reloads_between(
            self._store.manifest(trial.former), self._store.manifest(trial.number)
        )
        self._running.act(names)
        if self._running.console.running():
            self._running.follow(names)
            self._read_back_former(trial)
        else:
            self._owed |= names
        self._mark_undone(trial.number, why)
        self._close()

    def _read_back_former(self, trial: Trial) -> None:
        """Look whether Asterisk has the former objects again; if not, only say so: there
        is nothing older that would be better."""
        try:
            left, entered = self._stage.kept(trial.number), self._stage.kept(trial.former)
        except (StateError, LookupError) as error:
            log.error("revision %d cannot be read back: %s", trial.former, type(error).__name__)
            return
        found = self._running.read_back(Delta.between(left.asked, entered.asked))
        if found.wrong:
            said = masker_for(left, entered).masked(str(found))
            log.error("Asterisk differs from revision %d: %s", trial.former, said)

    def _mark_undone(self, number: int, why: str) -> None:
        try:
            self._store.mark(number, "undone", why)
        except (OSError, LookupError) as error:
            log.error("the end of revision %d could not be recorded: %s", number, error)

    # ── after a cut ───────────────────────────────────────────────────────────────

    def recover(self) -> str:
        """Finish or undo what a kill or power cut left open; returns what was done.

        Clock jumps cannot lengthen a trial: it never waits longer than it was given.
        """
        trial = self.trial()
        self._close_revisions_never_in_force(trial)
        if trial is None:
            return ""
        left = min(trial.until - self._clock(), trial.seconds)
        if trial.phase == "waiting" and left > 0:
            self._deadline = time.monotonic() + left
            return f"revision {trial.number} still waits {left:.0f} s for a confirmation"
        late = trial.phase == "waiting"
        why = "not confirmed in time" if late else "cut off before it was verified"
        try:
            self._take_back(trial, why)
        except (ActionFailed, ConsoleError) as error:
            return f"revision {trial.number} is still being taken back: {error}"
        return f"revision {trial.number} was undone, {trial.former} is in force"

    def _close_revisions_never_in_force(self, trial: Trial | None) -> None:
        in_use = {self._store.current(), trial.number if trial else 0}
        for revision in list(self._store.history()):
            if revision.status in ("staged", "trial") and revision.number not in in_use:
                self._mark_undone(revision.number, "cut off before it was put in force")


def _report(
    proof: Proof, asked: Collection[str], found: ReadBack, course: Course
) -> dict[str, Any]:
    """How a revision came into force; no secrets in it."""
    return {
        "proof": encode_proof(proof),
        "reloads": list(in_order(asked)),
        "read_back": found.asked,
        "seconds": course.seconds(),
    }


def encode_proof(proof: Proof) -> dict[str, Any]:
    """A proof as plain data."""
    return {
        "passed": proof.passed,
        "faults": [list(fault) for fault in proof.faults],
        "warnings": list(proof.warnings),
        "asked": proof.asked,
        "seconds": round(proof.seconds, 3),
    }
