"""The engine: takes desired states and makes them run, one at a time.

Everything here happens in the one process that may write below /etc. The order of the
steps is the whole safety of it: check, render, stage, prove, record the trial, switch
by one rename, reload only what changed, read back, and only then call it good.
`docs/engine.md` gives the reasons.
"""

from __future__ import annotations

import datetime
import shutil
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from appliance.apply.candidates import Candidate, masker_for
from appliance.apply.course import Course, Progress, untold
from appliance.apply.errors import Conflict, HandMade, Refused, full_disk_named
from appliance.apply.plan import (
    STRANGERS_RELOAD,
    FileChange,
    Kind,
    Plan,
    TouchedFile,
    difference_of,
    files_between,
)
from appliance.apply.revisions import Drift, Revision, RevisionStore, Status
from appliance.apply.running import Running
from appliance.apply.stage import Stage
from appliance.apply.switch import Switch
from appliance.apply.trial import Trial
from appliance.asterisk.console import Console
from appliance.asterisk.reloads import BANS, CAREFUL, NETWORK
from appliance.services import registry
from appliance.state.changes import Change, changes
from appliance.state.machine import Machine
from appliance.state.system_state import SystemState
from appliance.system import ban_desk, console_address, interfaces, network_follow
from appliance.system.actions import ActionFailed, Actions, Host
from appliance.system.ban_desk import Ban
from appliance.system.console_address import ConsoleAddress
from appliance.system.interfaces import Found
from appliance.system.machine import read_facts
from appliance.system.network import State as NetworkState
from appliance.verify.shadow import Proof, Shadow

KEPT_REVISIONS = 60

CAREFUL_WITHIN_S = 120
"""How long a change that may cut off its author waits for a confirmation, when the author
has not said otherwise. Nobody can ask for such a change without one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How two revisions differ: in what the owner wants, and in the files."""

    changes: tuple[Change, ...]
    files: tuple[FileChange, ...]


@dataclass(frozen=True, slots=True)
class SeenNetwork:
    """The network of the machine as it is. `managed`: the engine gives the addresses here.
    `console` stands over the settings until they change."""

    managed: bool
    host_name: str
    interfaces: tuple[Found, ...]
    console: ConsoleAddress | None


class Engine:
    """Applies states to one machine.

    Two locks: `_bench` for working out and proving candidates, which may take long, and
    `_lock` for what is in force, so that a trial is undone in time while somebody else's
    plan is being proved. Who needs both takes `_bench` first.
    """

    def __init__(
        self,
        machine: Machine,
        shadow: Shadow,
        *,
        clock: Callable[[], float] = time.time,
        host: Host = Host(),  # noqa: B008 - immutable
    ) -> None:
        self.machine = machine
        self.shadow = shadow
        self.store = RevisionStore(machine.layout.state, machine.groups)
        self.console = Console(machine.layout.asterisk_run / "asterisk.ctl")
        self._actions = Actions(machine, host)
        self._running = Running(machine.layout, self.console, self._actions)
        self._stage = Stage(machine, self.store, shadow, self.console)
        self._switch = Switch(self._stage, self.store, self._running, clock)
        self._clock = clock
        self._untidy = True
        self._bench = threading.RLock()
        self._lock = threading.RLock()

    # ── reading ───────────────────────────────────────────────────────────────────

    def running_state(self) -> SystemState:
        """The state of the revision in force; the empty state before the first one."""
        return self._stage.in_force().state

    def candidate(self, id: str) -> SystemState:
        """A state that was planned a short while ago, by the name that its plan gave;
        LookupError when it is not remembered any more."""
        return self._stage.candidates.get(id).state

    def trial(self) -> Trial | None:
        """The revision that waits for a confirmation, if one does."""
        return self._switch.trial()

    def seconds_left(self) -> float | None:
        """How long the open trial still waits; None when none does."""
        return self._switch.seconds_left()

    def plan(self, state: SystemState, base: int) -> Plan:
        """What applying `state` would do. StateError for faults, Conflict for an old base."""
        with self._bench:
            self._expect(base)
            return self._stage.plan(self._stage.candidates.of(state))

    def waits_s(self, plan: Plan) -> int:
        """How long applying the plan waits for a confirmation that nobody has asked for."""
        return self._careful(plan.reloads)

    def prove(self, state: SystemState, progress: Progress = untold) -> Proof:
        """Boot the state in the shadow and compare. StateError when it has faults, NotProved
        when it does not even boot, NoRoom when the disk is full."""
        with self._bench:
            course = Course(progress)
            course.step("rendering")
            return self._stage.prove(self._stage.candidates.of(state), course)

    def difference(self, older: int, newer: int) -> Difference:
        """How two kept revisions differ, secrets masked; LookupError when one is not kept."""
        old, new = self._stage.kept(older), self._stage.kept(newer)
        files = files_between(older, newer, self.store, masker_for(old, new))
        return Difference(changes(old.state, new.state), files)

    def drift(self) -> dict[str, Drift]:
        """Files in force that somebody changed by hand, by path."""
        return self.store.drift(self.store.current())

    def edited(self) -> tuple[FileChange, ...]:
        """What somebody changed by hand since the revision in force was applied."""
        current = self.store.current()
        masker = masker_for(self._stage.in_force())
        found = []
        for path, what in self.drift().items():
            applied = self.store.content(current, path) or b""
            now = self.store.on_disk(current, path)
            text = difference_of(path, applied, now, masker)
            kind: Kind = "removed" if what == "missing" else what
            found.append(FileChange(path, kind, "", by_hand=True, edited=text))
        return tuple(found)

    def bans(self) -> tuple[Ban, ...]:
        """The addresses that are banned now, the newest first."""
        return ban_desk.bans(self._actions) if self._actions.answers(BANS) else ()

    def lift(self, jail: str, address: str) -> None:
        """Let a banned address in again; Refused when it is not banned."""
        if not self._actions.answers(BANS):
            raise Refused("bans are not watched on this machine")
        try:
            lifted = ban_desk.lift(self._actions, jail, address)
        except ActionFailed as error:
            raise Refused(f"the ban could not be lifted: {error}") from error
        if not lifted:
            raise Refused(f"{address} is not banned")

    def shut_out(self, rules: str) -> None:
        """Load rules of bans that no revision holds; ActionFailed when that does not work."""
        self._actions.shut_out(rules)

    def network(self) -> SeenNetwork:
        """The machine's interfaces as they are now, and who gives it its addresses."""
        layout = self.machine.layout
        return SeenNetwork(
            bool(self._actions.managed((NETWORK,))),
            read_facts(layout).host_name or self.machine.host_name,
            interfaces.look(self._actions.look),
            console_address.holding(layout, network_follow.wished(layout)),
        )

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
        progress: Progress = untold,
    ) -> int:
        """Make `state` run; returns its revision number, or the old one if nothing changed.

        With `confirm_within_s` the former revision comes back by itself unless
        `confirm()` is called in time; a change of network, firewall or VPN of a machine that
        the engine manages gets CAREFUL_WITHIN_S when it is 0. `overwrite` allows to replace
        files that somebody changed by hand. Raises StateError, Conflict, Unconfirmed,
        HandMade, NoRoom, NotProved, Undone.
        """
        with self._bench:
            self._switch.refuse_while_open()
            self._expect(base)
            course = Course(progress)
            course.step("rendering")
            new = self._stage.candidates.of(state)
            touched = self._stage.touched(new)
            if not touched and not changes(self.running_state(), state):
                return base
            _refuse_hand_made(touched, overwrite)
            proof = self._stage.require_proof(new, course)
            with self._lock:
                number = self._adopt(new, author, reason, "trial")
                asked = {name for each in touched for name in each.reload}
                trial = self._trial(number, base, confirm_within_s or self._careful(asked))
                self._switch.make(trial, new, touched, course, proof)
                self._untidy = True
            return number

    def confirm(self, number: int) -> None:
        """Keep revision `number`, which waits; Refused when it does not (any more)."""
        with self._lock:
            self._switch.confirm(number)
            layout = self.machine.layout
            console_address.forget(layout, network_follow.wished(layout))

    def undo(self, why: str) -> int:
        """Take back the revision that waits; returns the one that is in force again."""
        with self._lock:
            return self._switch.undo(why)

    def tick(self) -> None:
        """Do what is due by time, and what an apply has left for a quiet moment. Called about
        twice a second."""
        with self._lock:
            self._switch.tick()
            if self._untidy:
                self.store.prune(KEPT_REVISIONS)
                self._untidy = False

    def return_to(
        self,
        number: int,
        author: str,
        *,
        confirm_within_s: int = 0,
        overwrite: bool = False,
        progress: Progress = untold,
    ) -> int:
        """Apply the state of an older revision as a new one; returns the new number."""
        state = self._stage.kept(number).state
        reason = f"return to revision {number}"
        base = self.store.current()
        return self.apply(
            state,
            base,
            author,
            reason,
            confirm_within_s=confirm_within_s,
            overwrite=overwrite,
            progress=progress,
        )

    def restore(self, progress: Progress = untold) -> tuple[str, ...]:
        """Undo what somebody changed by hand in the files in force; returns their paths."""
        with self._bench, self._lock:
            current = self.store.current()
            paths = tuple(self.drift())
            progress("restoring")
            with full_disk_named():
                self.store.restore(current, paths)
            manifest = self.store.manifest(current)
            progress("reloading")
            known = [manifest[path].reload for path in paths if path in manifest]
            self._running.act(set().union(*known))
            self._running.follow({*STRANGERS_RELOAD}.union(*known) if paths else ())
            return paths

    # ── at start ──────────────────────────────────────────────────────────────────

    def recover(self) -> str:
        """Finish or undo what a kill or power cut left open; returns what was done.

        Called once at start, before anything else, also when Asterisk does not run.
        """
        with self._bench, self._lock:
            self.store.prepare()
            for leftover in self.machine.layout.run.glob("shadow-*"):
                shutil.rmtree(leftover, ignore_errors=True)
            return self._switch.recover()

    def initialise(self, progress: Progress = untold) -> int:
        """Put a first state in force on a new machine; returns the revision in force.

        It is the one that first boot has left in `Layout.first_state`, or the empty one.

        Called once after `recover()` and before Asterisk starts for the first time, so
        that it finds files of ours. There is nothing to go back to, hence no trial; a cut
        before the link is there makes the next start do it again. Raises NotProved when
        this Asterisk cannot run it, StateError when it has faults.
        """
        with self._bench, self._lock:
            if not self.store.current():
                new = self._stage.candidates.of(
                    registry.first_state(self.machine.layout.first_state)
                )
                self._stage.require_proof(new, Course(progress))
                number = self._adopt(new, "system", "first start", "good")
                self.store.put_in_force(number)
                self._stage.now_in_force(number, new)
            return self.store.current()

    def follow_machine(self, own: NetworkState | None = None, progress: Progress = untold) -> int:
        """Write the state in force as this machine needs it, after it came from another one
        (a restored backup); returns the revision in force. `own` is this machine's network,
        where it keeps its identity.

        Called like `initialise()`: after `recover()` and before Asterisk starts. Raises
        NotProved or StateError; the files are then those of the backup.
        """
        with self._bench, self._lock:
            current = self.store.current()
            state = self.running_state()
            new = self._stage.candidates.of(state.replaced(network=own) if own else state)
            if current and self.store.read(current).digest != new.files.digest:
                self._stage.require_proof(new, Course(progress))
                number = self._adopt(new, "system", "restored from a backup", "good")
                self.store.put_in_force(number)
                self._stage.now_in_force(number, new)
            return self.store.current()

    def take_hold(self) -> None:
        """Make the machine's own daemons have what is in force: after a start they may have
        the files of the image, or none. Asterisk reads its files when it starts."""
        with self._lock:
            self._actions.perform_all()

    # ── steps ─────────────────────────────────────────────────────────────────────

    def _expect(self, base: int) -> None:
        current = self.store.current()
        if base != current:
            raise Conflict(base, self.store.read(current))

    def _adopt(self, new: Candidate, author: str, reason: str, status: Status) -> int:
        current = self.store.current()
        number = max([current, *self.store.numbers()]) + 1
        now = datetime.datetime.fromtimestamp(self._clock(), datetime.UTC)
        created = now.isoformat(timespec="seconds")
        digest = new.files.digest
        with full_disk_named():
            self.store.adopt(Revision(number, current, author, reason, created, digest, status))
        return number

    def _careful(self, asked: Collection[str]) -> int:
        """How long a change waits for a confirmation although nobody has asked for one."""
        return CAREFUL_WITHIN_S if self._actions.managed(CAREFUL.intersection(asked)) else 0

    def _trial(self, number: int, base: int, seconds: int) -> Trial:
        if not seconds:
            return Trial(number, base, "switching")
        return Trial(number, base, "waiting", int(self._clock()) + seconds, seconds)


def _refuse_hand_made(touched: tuple[TouchedFile, ...], overwrite: bool) -> None:
    by_hand = [each.path for each in touched if each.by_hand]
    if by_hand and not overwrite:
        raise HandMade(by_hand)
