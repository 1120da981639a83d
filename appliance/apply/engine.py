"""The engine: takes desired states and makes them run, one at a time.

Everything here happens in the one process that may write below /etc. The order of the
steps is the whole safety of it: check, render, stage, prove, record the trial, switch
by one rename, reload only what changed, read back, and only then call it good.
"""

from __future__ import annotations

import datetime
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from appliance.apply.plan import Plan, file_changes, reloads_for, secret_texts
from appliance.apply.revisions import Revision, RevisionStore
from appliance.apply.trial import Trial, TrialRecord
from appliance.asterisk.console import Console, ConsoleError
from appliance.asterisk.reloads import RESTART, in_order, signalled
from appliance.render.fileset import FileSet
from appliance.services import registry
from appliance.state.changes import changes
from appliance.state.faults import Fault, StateError
from appliance.state.machine import Machine
from appliance.state.system_state import SystemState
from appliance.system.signals import ask_to_reload
from appliance.verify import readback
from appliance.verify.probes import Probe
from appliance.verify.shadow import Proof, Shadow

KEPT_REVISIONS = 60
ASTERISK_STARTS_WITHIN_S = 30.0

Progress = Callable[[str], None]
"""Told the name of each step as it begins: checking, proving, switching …"""


class Refused(RuntimeError):
    """The engine will not do this now; the message says what to do instead."""


class Conflict(Refused):
    """Somebody else has applied a revision since this state was read."""

    def __init__(self, base: int, current: int) -> None:
        self.current = current
        super().__init__(f"revision {current} was applied meanwhile; this was made from {base}")


class Unconfirmed(Refused):
    """A revision still waits to be confirmed."""


class NotProved(Refused):
    """The shadow Asterisk found the new configuration wrong; `faults` says where."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(str(fault) for fault in faults))


class Undone(Refused):
    """The new revision ran but did not verify, so the former one is back in force."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A state with everything that follows from it."""

    state: SystemState
    files: FileSet
    probes: tuple[Probe, ...]


class Engine:
    """Applies states to one machine. Methods that change something hold one lock."""

    def __init__(
        self, machine: Machine, shadow: Shadow, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.machine = machine
        self.store = RevisionStore(machine.layout.state, machine.groups)
        self.console = Console(machine.layout.asterisk_run / "asterisk.ctl")
        self._shadow = shadow
        self._trials = TrialRecord(machine.layout.state)
        self._clock = clock
        self._lock = threading.RLock()
        self._proved: dict[str, Proof] = {}
        self._deadline: float | None = None

    # ── reading ───────────────────────────────────────────────────────────────────

    def running_state(self) -> SystemState:
        """The state of the revision in force; the empty state before the first one."""
        current = self.store.current()
        return (
            registry.decode(self.store.state_data(current)) if current else registry.empty_state()
        )

    def trial(self) -> Trial | None:
        """The revision that waits for a confirmation, if one does."""
        return self._trials.read()

    def seconds_left(self) -> float | None:
        """How long the open trial still waits; None when none does."""
        deadline = self._deadline
        return None if deadline is None else max(0.0, deadline - time.monotonic())

    def plan(self, state: SystemState, base: int) -> Plan:
        """What applying `state` would do. StateError for faults, Conflict for an old base."""
        with self._lock:
            self._expect(base)
            return self._plan(self._render(state))

    def prove(self, state: SystemState, progress: Progress = lambda _step: None) -> Proof:
        """Boot the state in the shadow and compare. StateError when it has faults."""
        with self._lock:
            progress("rendering")
            return self._prove(self._render(state), progress)

    # ── changing ──────────────────────────────────────────────────────────────────

    def apply(
        self,
        state: SystemState,
        base: int,
        author: str,
        reason: str = "",
        *,
        confirm_within_s: int = 0,
        overwrite: bool = False,
        progress: Progress = lambda _step: None,
    ) -> int:
        """Make `state` run; returns its revision number, or the old one if nothing changed.

        With `confirm_within_s` the former revision comes back by itself unless
        `confirm()` is called in time. `overwrite` allows to replace files that somebody
        changed by hand. Raises StateError, Conflict, Unconfirmed, NotProved, Undone.
        """
        with self._lock:
            self._refuse_while_waiting()
            self._expect(base)
            progress("rendering")
            rendered = self._render(state)
            plan = self._plan(rendered)
            if plan.empty:
                return base
            self._refuse_hand_made(plan, overwrite)
            self._require_proof(rendered, progress)
            number = self._adopt(rendered, author, reason)
            self._switch(number, rendered, plan, confirm_within_s, progress)
            self.store.prune(KEPT_REVISIONS)
            return number

    def confirm(self, number: int) -> None:
        """Keep revision `number`, which waits; Refused when it does not (any more)."""
        with self._lock:
            trial = self._trials.read()
            if trial is None or trial.phase != "waiting" or trial.number != number:
                raise Refused(f"revision {number} does not wait for a confirmation")
            self._accept(number)

    def undo(self, why: str) -> int:
        """Take back the revision that waits; returns the one that is in force again."""
        with self._lock:
            trial = self._trials.read()
            if trial is None:
                raise Refused("no revision waits for a confirmation")
            self._take_back(trial, why)
            return trial.former

    def undo_if_late(self) -> None:
        """Undo the open trial when its time has run out. Called about once a second."""
        if self.seconds_left() == 0:
            with self._lock:
                trial = self._trials.read()
                if trial is not None and self.seconds_left() == 0:
                    self._take_back(trial, "not confirmed in time")

    def return_to(
        self,
        number: int,
        author: str,
        *,
        confirm_within_s: int = 0,
        progress: Progress = lambda _step: None,
    ) -> int:
        """Apply the state of an older revision as a new one; returns the new number."""
        state = registry.decode(self.store.state_data(number))
        reason = f"return to revision {number}"
        base = self.store.current()
        return self.apply(
            state,
            base,
            author,
            reason,
            confirm_within_s=confirm_within_s,
            overwrite=True,
            progress=progress,
        )

    def recover(self) -> str:
        """Finish or undo what a kill or power cut left open; returns what was done.

        Called once at start, before anything else, also when Asterisk does not run.
        """
        with self._lock:
            self.store.prepare()
            trial = self._trials.read()
            if trial is None:
                return ""
            left = trial.until - self._clock()
            if trial.phase == "waiting" and left > 0:
                self._deadline = time.monotonic() + left
                return f"revision {trial.number} still waits {left:.0f} s for a confirmation"
            self._take_back(trial, "cut off before it was verified and confirmed")
            return f"revision {trial.number} was undone, {trial.former} is in force"

    def _first_state(self) -> SystemState:
        try:
            data = json.loads(self.machine.layout.first_state.read_bytes())
        except FileNotFoundError:
            return registry.empty_state()
        return registry.decode(data)

    def initialise(self, progress: Progress = lambda _step: None) -> int:
        """Put a first state in force on a new machine; returns the revision in force.

        It is the one that first boot has left in `Layout.first_state`, or the empty one.

        Called once after `recover()` and before Asterisk starts for the first time, so
        that it finds files of ours. There is nothing to go back to, hence no trial; a cut
        before the link is there makes the next start do it again. Raises NotProved when
        this Asterisk cannot run it, StateError when it has faults.
        """
        with self._lock:
            if not self.store.current():
                rendered = self._render(self._first_state())
                self._require_proof(rendered, progress)
                number = self._adopt(rendered, "system", "first start")
                self.store.mark(number, "good")
                self.store.put_in_force(number)
            return self.store.current()

    # ── steps ─────────────────────────────────────────────────────────────────────

    def _expect(self, base: int) -> None:
        current = self.store.current()
        if base != current:
            raise Conflict(base, current)

    def _refuse_while_waiting(self) -> None:
        trial = self._trials.read()
        if trial is not None:
            raise Unconfirmed(f"confirm or undo revision {trial.number} first")

    @staticmethod
    def _refuse_hand_made(plan: Plan, overwrite: bool) -> None:
        by_hand = [change.path for change in plan.files if change.by_hand]
        if by_hand and not overwrite:
            raise Refused(f"changed by hand on the disk, look at them first: {', '.join(by_hand)}")

    def _render(self, state: SystemState) -> Rendered:
        files = registry.files(state, self.machine)
        return Rendered(state, files, registry.probes(state))

    def _plan(self, rendered: Rendered) -> Plan:
        current = self.store.current()
        manifest = self.store.manifest(current)
        before = self.running_state()
        hashes = {path: entry.sha256 for path, entry in manifest.items()}
        secrets = secret_texts((before, rendered.state), self.machine)
        root = self.store.path(current) / "root"
        changed = file_changes(rendered.files, hashes, root, secrets)
        asked = {path: entry.reload for path, entry in manifest.items()}
        commands, restart = reloads_for(changed, rendered.files, asked)
        differences = changes(before, rendered.state)
        return Plan(current, rendered.files.digest, differences, changed, commands, restart)

    def _prove(self, rendered: Rendered, progress: Progress) -> Proof:
        root = self.store.stage(rendered.state, rendered.files) / "root"
        known = self._proved.get(rendered.files.digest)
        if known is not None:
            return known
        progress("proving")
        changed = readback.new_or_changed(registry.probes(self.running_state()), rendered.probes)
        proof = self._shadow.prove(root, rendered.probes, changed)
        self._proved = {rendered.files.digest: proof}
        return proof

    def _require_proof(self, rendered: Rendered, progress: Progress) -> None:
        proof = self._prove(rendered, progress)
        if not proof.passed:
            raise NotProved(
                tuple(Fault(where, "%(said)s", {"said": said}) for where, said in proof.faults)
            )

    def _adopt(self, rendered: Rendered, author: str, reason: str) -> int:
        current = self.store.current()
        number = max([current, *self.store.numbers()]) + 1
        now = datetime.datetime.fromtimestamp(self._clock(), datetime.UTC)
        created = now.isoformat(timespec="seconds")
        self.store.adopt(Revision(number, current, author, reason, created, rendered.files.digest))
        return number

    def _switch(
        self, number: int, new: Rendered, plan: Plan, confirm_within_s: int, progress: Progress
    ) -> None:
        before = registry.probes(self.running_state())
        trial = Trial(number, plan.base, "switching")
        progress("switching")
        self._trials.write(trial)
        self.store.mark(number, "trial")
        self.store.put_in_force(number)
        try:
            progress("reloading")
            self._tell_asterisk(plan.reloads, plan.restart)
            progress("verifying")
            self._verify(before, new.probes)
        except (ConsoleError, Undone) as error:
            self._take_back(trial, str(error))
            raise Undone(f"revision {number} was undone: {error}") from error
        if confirm_within_s:
            self._wait_for_confirmation(trial, confirm_within_s)
        else:
            self._accept(number)

    def _wait_for_confirmation(self, trial: Trial, seconds: int) -> None:
        until = int(self._clock()) + seconds
        self._trials.write(Trial(trial.number, trial.former, "waiting", until))
        self._deadline = time.monotonic() + seconds

    def _tell_asterisk(self, commands: tuple[str, ...], restart: bool) -> None:
        questions = [command for command in commands if not signalled(command)]
        if restart and self.console.running():
            self.console.ask("core restart now")
        else:
            for command in questions:
                self.console.ask(command)
        for command in commands:
            if signalled(command):
                ask_to_reload(self.machine.layout, signalled(command))
        self.console.wait_until_booted(ASTERISK_STARTS_WITHIN_S)

    def _verify(self, before: tuple[Probe, ...], after: tuple[Probe, ...]) -> None:
        wrong = (
            *readback.compare(self.console, readback.new_or_changed(before, after)),
            *readback.lingering(self.console, readback.removed(before, after)),
        )
        if wrong:
            raise Undone("; ".join(str(each) for each in wrong[:5]))

    def _accept(self, number: int) -> None:
        self.store.mark(number, "good")
        self._trials.close()
        self._deadline = None

    def _take_back(self, trial: Trial, why: str) -> None:
        """Put the former revision in force again, tell Asterisk, and record why."""
        if trial.former:
            self.store.put_in_force(trial.former)
            self._reload_difference(trial.number, trial.former)
        if trial.number in self.store.numbers():
            self.store.mark(trial.number, "undone", why)
        self._trials.close()
        self._deadline = None

    def _reload_difference(self, left: int, entered: int) -> None:
        old, new = self.store.manifest(left), self.store.manifest(entered)
        asked: set[str] = set()
        for path in {*old, *new}:
            a, b = old.get(path), new.get(path)
            if a is None or b is None or a.sha256 != b.sha256:
                asked |= {name for entry in (a, b) if entry for name in entry.reload}
        if self.console.running():
            self._tell_asterisk(in_order(asked), RESTART in asked)


__all__ = [
    "Conflict",
    "Engine",
    "NotProved",
    "Progress",
    "Refused",
    "StateError",
    "Unconfirmed",
    "Undone",
]
