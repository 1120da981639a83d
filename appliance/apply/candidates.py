"""States together with everything that follows from them, each part worked out once.

Between the first look at a plan and its application the same state is asked about
several times. It is kept here under the hash of its data, so that neither the caller has
to send it again nor the engine to decode, check and render it again.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from appliance.apply.masking import Masker
from appliance.lint import blocking
from appliance.render.fileset import FileSet
from appliance.services import registry
from appliance.state.codec import canonical_json, secrets_in
from appliance.state.faults import StateError
from appliance.state.machine import Machine
from appliance.state.references import References
from appliance.state.system_state import SystemState, encode_system
from appliance.verify.probes import Probe
from appliance.verify.readback import Question, question_of

REMEMBERED = 4
"""States kept at a time: the one in force, and what a few editors are looking at."""


@dataclass(frozen=True)
class Candidate:
    """One state of one machine. Its parts raise StateError when the state has faults."""

    state: SystemState
    machine: Machine

    @cached_property
    def data(self) -> bytes:
        """The state as it is written to the disk."""
        return canonical_json(encode_system(self.state))

    @cached_property
    def id(self) -> str:
        """A name for this state: equal states have equal names."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def references(self) -> References:
        return registry.references(self.state)

    @cached_property
    def files(self) -> FileSet:
        files = registry.files(self.state, self.machine, self.references)
        stopped = blocking(self.state, self.references)
        if stopped:
            raise StateError(finding.fault for finding in stopped)
        return files

    @cached_property
    def probes(self) -> tuple[Probe, ...]:
        return registry.probes(self.state, self.references)

    @cached_property
    def asked(self) -> Mapping[Question, Probe]:
        """The probes by what they ask about, how, and what must be answered."""
        return {question_of(probe): probe for probe in self.probes}

    @cached_property
    def secrets(self) -> frozenset[str]:
        """Every secret text of the state."""
        parts = self.state.services.items()
        return frozenset(secret.reveal() for n, part in parts for _, secret in secrets_in(part, n))


def masker_for(*candidates: Candidate) -> Masker:
    """Hides the secrets of these states and those that the machine made for itself."""
    found = {secret.reveal() for each in candidates for secret in each.machine.secrets.values()}
    return Masker(found.union(*(each.secrets for each in candidates)))


class Candidates:
    """The few states that are being worked on, the latest last."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._known: OrderedDict[str, Candidate] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, state: SystemState) -> Candidate:
        """The candidate of a state; the known one when an equal state was seen before."""
        with self._lock:
            known = list(self._known.values())
        same = (each for each in known if each.state is state or each.state == state)
        return self._used(next(same, None) or Candidate(state, self._machine))

    def get(self, id: str) -> Candidate:
        """The candidate of that name; LookupError when it is unknown or forgotten."""
        found = self._known.get(id)
        if found is None:
            raise LookupError("this state is not known any more; send it again")
        return self._used(found)

    def _used(self, candidate: Candidate) -> Candidate:
        name = candidate.id
        with self._lock:
            self._known[name] = candidate
            self._known.move_to_end(name)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return candidate
