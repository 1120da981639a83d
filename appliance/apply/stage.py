"""Everything before the switch: work out a candidate, write it aside, prove it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from appliance.apply.candidates import Candidate, Candidates, masker_for
from appliance.apply.course import Course
from appliance.apply.errors import NoRoom, NotProved, full_disk_named
from appliance.apply.plan import Plan, TouchedFile, shown, touched_files
from appliance.apply.revisions import RevisionStore
from appliance.asterisk.console import Console
from appliance.asterisk.reloads import RESTART, in_order
from appliance.services import registry
from appliance.state.changes import changes
from appliance.state.faults import Fault
from appliance.state.machine import Machine
from appliance.verify import checkers
from appliance.verify.readback import Delta
from appliance.verify.shadow import Proof, Shadow, ShadowFailed

SPARE_BYTES = 32 * 1024 * 1024
"""What must stay free beside a new revision, so that the switch and, if need be, the way
back never meet a full disk."""


class Stage:
    """Candidates of one machine and the folder in which one of them is made ready."""

    def __init__(
        self, machine: Machine, store: RevisionStore, shadow: Shadow, console: Console
    ) -> None:
        self.candidates = Candidates(machine)
        self.checked = checkers.faults
        self._machine = machine
        self._store = store
        self._shadow = shadow
        self._console = console
        self._in_force: tuple[int, Candidate] | None = None
        self._delta: tuple[tuple[int, str], Delta] | None = None
        self._proofs: dict[tuple[int, str], Proof] = {}

    def in_force(self) -> Candidate:
        """The state in force with what follows from it; the empty one before the first."""
        current = self._store.current()
        if self._in_force is None or self._in_force[0] != current:
            self._in_force = (current, self.kept(current))
        return self._in_force[1]

    def now_in_force(self, number: int, candidate: Candidate) -> None:
        """Remember that this candidate became that revision, so that nobody reads it back."""
        self._in_force = (number, candidate)

    def kept(self, number: int) -> Candidate:
        """The candidate of a kept revision; LookupError when it is not kept."""
        if number == 0:
            return Candidate(registry.empty_state(), self._machine)
        return Candidate(registry.decode(self._store.state_data(number)), self._machine)

    def touched(self, new: Candidate) -> tuple[TouchedFile, ...]:
        """The files that applying a candidate would write, replace or drop."""
        return touched_files(new.files, self._store, self._store.current())

    def plan(self, new: Candidate) -> Plan:
        """What applying a candidate to the revision in force would do."""
        base = self._store.current()
        former = self.in_force()
        touched = self.touched(new)
        files = shown(touched, new.files, self._store, base, masker_for(former, new))
        asked = {name for each in touched for name in each.reload}
        restart = RESTART in asked
        return Plan(
            base=base,
            candidate=new.id,
            digest=new.files.digest,
            changes=changes(former.state, new.state),
            files=tuple(files),
            reloads=in_order(asked),
            restart=restart,
            calls_cut=self._console.calls() if restart else 0,
        )

    def ready(self, new: Candidate) -> None:
        """Make sure that the candidate folder holds just this candidate."""
        if self._store.staged(new.files, new.data):
            return
        self._require_room(new)
        with full_disk_named():
            self._store.stage(new.data, new.files)

    def _require_room(self, new: Candidate) -> None:
        # The files stand there twice (see revisions.py), then their archive and the state.
        size = 3 * sum(len(file.content) for file in new.files) + len(new.data)
        disk = os.statvfs(self._store.folder)
        free = disk.f_bavail * disk.f_frsize
        if free < size + SPARE_BYTES:
            megabytes = (size + SPARE_BYTES - free) // 1_000_000 + 1
            raise NoRoom(
                f"the disk is full: free {megabytes} MB more and try again",
                {"free": free, "needed": size + SPARE_BYTES},
            )

    def prove(self, new: Candidate, course: Course) -> Proof:
        """Boot a candidate in the shadow and compare, unless that was done already."""
        self.ready(new)
        key = (self._store.current(), new.files.digest)
        if key not in self._proofs:
            course.step("proving")
            root = self._store.candidate / "root"
            try:
                proof = self._shadow.prove(root, new.probes, self.delta(new).there)
            except ShadowFailed as error:
                said = masker_for(new).masked(str(error))
                raise NotProved([Fault("", "%(said)s", {"said": said})]) from error
            wrong = (*proof.faults, *self._complaints(new, root))
            self._proofs = {key: _masked(replace(proof, faults=wrong), new)}
        return self._proofs[key]

    def _complaints(self, new: Candidate, root: Path) -> Iterator[tuple[str, str]]:
        """What other daemons' checkers say of the files that change for them."""
        touched = self.touched(new)
        asked = {name for each in touched for name in each.reload}
        return self.checked(root, checkers.looked_at_for((each.path for each in touched), asked))

    def delta(self, new: Candidate) -> Delta:
        """What must be asked once a candidate has followed the state in force."""
        key = (self._store.current(), new.id)
        if self._delta is None or self._delta[0] != key:
            self._delta = (key, Delta.between(self.in_force().asked, new.asked))
        return self._delta[1]

    def require_proof(self, new: Candidate, course: Course) -> Proof:
        """As `prove`; NotProved when something is wrong."""
        proof = self.prove(new, course)
        if not proof.passed:
            raise NotProved(
                Fault(where, "%(said)s", {"said": said}) for where, said in proof.faults
            )
        return proof


def _masked(proof: Proof, candidate: Candidate) -> Proof:
    """What Asterisk says may quote the file that it read."""
    if not proof.faults and not proof.warnings:
        return proof
    masker = masker_for(candidate)
    return Proof(
        tuple((where, masker.masked(said)) for where, said in proof.faults),
        proof.seconds,
        proof.asked,
        tuple(masker.masked(said) for said in proof.warnings),
    )
