"""What can be asked of the engine over its socket.

Everything is decoded field by field here; file texts, paths and console commands are
never taken from outside. Answers hold no secrets except that of `state`.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from appliance.apply.backup_verbs import BackupVerbs
from appliance.apply.branch_verbs import BranchVerbs
from appliance.apply.course import Progress
from appliance.apply.desk import MachineDesk
from appliance.apply.engine import Engine
from appliance.apply.errors import NotProved, Refused
from appliance.apply.jobs import Jobs
from appliance.apply.machine_verbs import MachineVerbs
from appliance.apply.peer_verbs import PeerVerbs
from appliance.apply.switch import encode_proof
from appliance.apply.taken import take
from appliance.apply.update_verbs import UpdateVerbs
from appliance.asterisk.check_sync import Event, Outcome, check_sync
from appliance.asterisk.console import ConsoleError
from appliance.services import registry
from appliance.state.codec import encode, mask
from appliance.state.faults import Fault, StateError
from appliance.state.fields import Address, Between, Label, ObjectId, OptionalLabel, Pattern
from appliance.state.system_state import SystemState, encode_system
from appliance.system import trunk_health
from appliance.system.backup.desk import BackupDesk, restart_machine
from appliance.system.ban_desk import Jail
from appliance.updates.desk import Desk

log = logging.getLogger("engine.verbs")

MOST_TRUNKS = 500
"""Trunks that one question may be about."""

ConfirmWithin = Annotated[int, Between(0, 3600, "s")]
RevisionNumber = Annotated[int, Between(1, 10**9)]
Base = Annotated[int, Between(0, 10**9)]
Endpoint = Annotated[str, Pattern(r"[0-9]{2,8}-[1-9]", "an endpoint such as 215-1")]
CandidateId = Annotated[str, Pattern(r"[0-9a-f]{64}", "the name of a planned state")]


class Verbs(BackupVerbs, BranchVerbs, MachineVerbs, PeerVerbs, UpdateVerbs):
    """Each public method is one verb."""

    def __init__(self, engine: Engine, jobs: Jobs, machine: MachineDesk) -> None:
        self._engine = engine
        self._jobs = jobs
        self._machine = machine
        self._updates = Desk(engine.machine.layout)
        self._backups = BackupDesk(engine, restart_machine(engine.machine.layout))
        self._backup_jobs = Jobs(describe)

    def status(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """The revision in force, the open trial, and whether Asterisk answers."""
        trial = self._engine.trial()
        return {
            "current": self._engine.store.current(),
            "trial": encode(trial) if trial else None,
            "seconds_left": self._engine.seconds_left(),
            "asterisk_running": self._engine.console.running(),
            "alarms": self._machine.book.counts(),
        }

    def history(self, _request: Mapping[str, Any]) -> list[Any]:
        """All kept revisions, newest first."""
        return [encode(revision) for revision in self._engine.store.history()]

    def report(self, request: Mapping[str, Any]) -> Any:
        """How a revision was proved and verified, what was reloaded, how long it took."""
        return self._engine.store.report(take(request, "number", RevisionNumber))

    def difference(self, request: Mapping[str, Any]) -> Any:
        """How two kept revisions differ, in the owner's wishes and in the files."""
        older, newer = (take(request, name, RevisionNumber) for name in ("older", "newer"))
        return encode(self._engine.difference(older, newer))

    def state(self, request: Mapping[str, Any]) -> Any:
        """The state of a revision, with its secrets: for the portal's draft and exports."""
        number = take(request, "number", RevisionNumber)
        return encode_system(registry.decode(self._engine.store.state_data(number)))

    def masked_state(self, request: Mapping[str, Any]) -> Any:
        """The state of a revision with its secrets as dots, for showing."""
        number = take(request, "number", RevisionNumber)
        return encode_system(registry.decode(self._engine.store.state_data(number)), mask)

    def drift(self, _request: Mapping[str, Any]) -> Mapping[str, str]:
        """Files in force that somebody changed by hand: path -> changed, missing, added."""
        return self._engine.drift()

    def edited(self, _request: Mapping[str, Any]) -> list[Any]:
        """The same files with what was changed in them."""
        return [encode(change) for change in self._engine.edited()]

    def check(self, request: Mapping[str, Any]) -> list[Any]:
        """The faults of a state; an empty list when it could be applied."""
        return [fault_data(fault) for fault in registry.check(self._state(request))]

    def plan(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What applying a state would do; `candidate` is its name from here on, `waits_s` how
        long it waits for a confirmation although nobody asks for one."""
        plan = self._engine.plan(self._state(request), take(request, "base", Base))
        return {**encode(plan), "empty": plan.empty, "waits_s": self._engine.waits_s(plan)}

    def prove(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Begin to prove a state in the shadow; a job."""
        state = self._state(request)
        return self._start("prove", lambda tell: encode_proof(self._engine.prove(state, tell)))

    def apply(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Begin to apply a state; a job whose result is the revision's number."""
        state = self._state(request)
        base = take(request, "base", Base)
        author = take(request, "author", Label)
        reason = take(request, "reason", OptionalLabel, "")
        options = _options(request)
        return self._start(
            "apply",
            lambda tell: self._engine.apply(state, base, author, reason, progress=tell, **options),
        )

    def return_to(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Begin to apply an older revision's state again; a job as `apply`."""
        number = take(request, "number", RevisionNumber)
        author = take(request, "author", Label)
        options = _options(request)
        return self._start(
            "return_to",
            lambda tell: self._engine.return_to(number, author, progress=tell, **options),
        )

    def restore(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """Begin to undo what was changed by hand; a job whose result are the paths."""
        return self._start("restore", lambda tell: list(self._engine.restore(tell)))

    def job(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """How far a job is."""
        id = take(request, "id", str)
        try:
            return self._jobs.get(id).as_data()
        except LookupError:
            return self._backup_jobs.get(id).as_data()

    def check_sync(self, request: Mapping[str, Any]) -> Outcome:
        """Tell one telephone to fetch its configuration, unless it is in a call."""
        trial = self._engine.trial()
        endpoints = take(request, "endpoints", tuple[Endpoint, ...])
        event = take(request, "event", Event)
        if trial is not None and trial.phase == "switching":
            return "busy"
        return check_sync(self._engine.console, endpoints, event)

    def trunk_states(self, request: Mapping[str, Any]) -> list[Any]:
        """How trunks are right now: whether carriers answer, and the registrations."""
        ids = take(request, "ids", tuple[ObjectId, ...])[:MOST_TRUNKS]
        return [encode(state) for state in trunk_health.states(self._engine.console, ids)]

    def ask_trunk(self, request: Mapping[str, Any]) -> Any:
        """Ask a trunk's carrier whether it is alive; takes as long as it may take to answer."""
        id = take(request, "id", ObjectId)
        return encode(trunk_health.ask_now(self._engine.console, id))

    def confirm(self, request: Mapping[str, Any]) -> None:
        """Keep the revision that waits."""
        self._engine.confirm(take(request, "number", RevisionNumber))

    def undo(self, request: Mapping[str, Any]) -> int:
        """Take back the revision that waits."""
        return self._engine.undo(take(request, "why", OptionalLabel, "taken back by hand"))

    def bans(self, _request: Mapping[str, Any]) -> list[Any]:
        """The addresses that are shut out because they guessed."""
        return [encode(ban) for ban in self._engine.bans()]

    def lift(self, request: Mapping[str, Any]) -> None:
        """Let one of them in again."""
        self._engine.lift(take(request, "jail", Jail), take(request, "address", Address))

    def _state(self, request: Mapping[str, Any]) -> SystemState:
        """The state that a request is about: sent along, or named after an earlier plan."""
        if "candidate" in request:
            return self._engine.candidate(take(request, "candidate", CandidateId))
        return registry.decode(request.get("state"))

    def _start(self, verb: str, work: Callable[[Progress], Any]) -> dict[str, Any]:
        return self._jobs.start(verb, work).as_data()


MESSENGER_VERBS = frozenset({"check_sync"})
"""What the provisioning server may ask: nothing that changes the machine."""

VERBS = frozenset(name for name in dir(Verbs) if not name.startswith("_"))


def answer(verbs: Verbs, request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to one request; every failure becomes an error with a kind."""
    verb = request.get("verb")
    if not isinstance(verb, str) or verb not in VERBS:
        return {"ok": False, "error": {"kind": "unknown_verb", "message": "no such verb"}}
    try:
        return {"ok": True, "result": getattr(verbs, verb)(request)}
    except Exception as error:  # noqa: BLE001 - the caller gets it, the log keeps it
        return {"ok": False, "error": describe(error)}


def describe(error: Exception) -> dict[str, Any]:
    """An exception as data: its kind, a sentence, and what helps to go on."""
    if isinstance(error, (StateError, NotProved)):
        faults = [fault_data(fault) for fault in error.faults]
        kind = "faults" if isinstance(error, StateError) else "not_proved"
        return {"kind": kind, "message": str(error), "faults": faults}
    if isinstance(error, Refused):
        kind = type(error).__name__.lower()
        return {"kind": kind, "message": str(error), "details": error.details}
    if isinstance(error, ConsoleError):
        return {"kind": "asterisk", "message": "Asterisk does not answer"}
    if isinstance(error, LookupError) and type(error) is LookupError:
        return {"kind": "lookuperror", "message": str(error)}
    return _unforeseen(error)


def _unforeseen(error: Exception) -> dict[str, Any]:
    """A fault of the program. Where it happened is told, but not its text: that may quote
    a value, and values may be secrets."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]
    log.error("error=%s at=%s", type(error).__name__, " ".join(places))
    where = places[-1] if places else "nowhere"
    return {"kind": "internal", "message": f"{type(error).__name__} at {where}"}


def fault_data(fault: Fault) -> dict[str, Any]:
    """A fault as data; its sentence is made, and translated, by who shows it."""
    return {"where": fault.where, "text": fault.text, "values": dict(fault.values)}


def _options(request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "confirm_within_s": take(request, "confirm_within_s", ConfirmWithin, 0),
        "overwrite": take(request, "overwrite", bool, False),
    }
