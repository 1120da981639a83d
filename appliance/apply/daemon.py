"""The root daemon: the engine behind a Unix socket.

Only root and the accounts named in `--allow` may connect (SO_PEERCRED, unix(7)), and those
named in `--messenger`, who may just have telephones told to fetch their configuration. What
comes in is decoded field by field; file texts, paths and console commands are never
taken from outside.
"""

from __future__ import annotations

import argparse
import logging
import os
import pwd
import signal
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from appliance.apply import protocol
from appliance.apply.engine import Engine, NotProved, Progress, Refused
from appliance.apply.jobs import Jobs
from appliance.asterisk.check_sync import Event, Outcome, check_sync
from appliance.services import registry
from appliance.state.codec import decode, encode, mask
from appliance.state.faults import Fault, StateError
from appliance.state.fields import Between, Label, OptionalLabel, Pattern
from appliance.state.system_state import encode_system
from appliance.system.machine import load_machine, runtime_of
from appliance.verify.shadow import Shadow

log = logging.getLogger("engine")

ConfirmWithin = Annotated[int, Between(0, 3600, "s")]
RevisionNumber = Annotated[int, Between(1, 10**9)]
Endpoint = Annotated[str, Pattern(r"[0-9]{2,8}-[1-9]", "an endpoint such as 215-1")]
Base = Annotated[int, Between(0, 10**9)]


class Verbs:
    """What can be asked of the engine; each public method is one verb."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._jobs = Jobs(describe)

    def status(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """The revision in force, the open trial, and whether Asterisk answers."""
        trial = self._engine.trial()
        return {
            "current": self._engine.store.current(),
            "trial": encode(trial) if trial else None,
            "seconds_left": self._engine.seconds_left(),
            "asterisk_running": self._engine.console.running(),
        }

    def history(self, _request: Mapping[str, Any]) -> list[Any]:
        """All kept revisions, newest first."""
        return [encode(revision) for revision in self._engine.store.history()]

    def state(self, request: Mapping[str, Any]) -> Any:
        """The state of a revision, with its secrets: for the portal's draft and exports."""
        return self._engine.store.state_data(_take(request, "number", RevisionNumber))

    def drift(self, _request: Mapping[str, Any]) -> dict[str, str]:
        """Files in force that somebody changed by hand."""
        return self._engine.store.drift(self._engine.store.current())

    def check(self, request: Mapping[str, Any]) -> list[Any]:
        """The faults of a state; an empty list when it could be applied."""
        return [fault_data(fault) for fault in registry.check(_state(request))]

    def plan(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What applying a state would do."""
        plan = self._engine.plan(_state(request), _take(request, "base", Base))
        return {
            "base": plan.base,
            "digest": plan.digest,
            "empty": plan.empty,
            "changes": [encode(change) for change in plan.changes],
            "files": [encode(change) for change in plan.files],
            "reloads": list(plan.reloads),
            "restart": plan.restart,
        }

    def prove(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Begin to prove a state in the shadow; a job."""
        state = _state(request)
        return self._start("prove", lambda progress: encode(self._engine.prove(state, progress)))

    def apply(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Begin to apply a state; a job whose result is the revision's number."""
        state = _state(request)
        base = _take(request, "base", Base)
        author = _take(request, "author", Label)
        reason = _take(request, "reason", OptionalLabel, "")
        within = _take(request, "confirm_within_s", ConfirmWithin, 0)
        overwrite = _take(request, "overwrite", bool, False)

        def work(progress: Progress) -> int:
            return self._engine.apply(
                state,
                base,
                author,
                reason,
                confirm_within_s=within,
                overwrite=overwrite,
                progress=progress,
            )

        return self._start("apply", work)

    def return_to(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Begin to apply an older revision's state again; a job as `apply`."""
        number = _take(request, "number", RevisionNumber)
        author = _take(request, "author", Label)
        within = _take(request, "confirm_within_s", ConfirmWithin, 0)
        return self._start(
            "return_to",
            lambda progress: self._engine.return_to(
                number, author, confirm_within_s=within, progress=progress
            ),
        )

    def job(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """How far a job is."""
        return self._jobs.get(_take(request, "id", str)).as_data()

    def confirm(self, request: Mapping[str, Any]) -> None:
        """Keep the revision that waits."""
        self._engine.confirm(_take(request, "number", RevisionNumber))

    def undo(self, request: Mapping[str, Any]) -> int:
        """Take back the revision that waits."""
        return self._engine.undo(_take(request, "why", OptionalLabel, "taken back by hand"))

    def masked_state(self, request: Mapping[str, Any]) -> Any:
        """The state of a revision with its secrets as dots, for showing."""
        data = self._engine.store.state_data(_take(request, "number", RevisionNumber))
        return encode_system(registry.decode(data), mask)

    def check_sync(self, request: Mapping[str, Any]) -> Outcome:
        """Tell one telephone to fetch its configuration, unless it is in a call."""
        trial = self._engine.trial()
        endpoints = _take(request, "endpoints", tuple[Endpoint, ...])
        event = _take(request, "event", Event)
        if trial is not None and trial.phase == "switching":
            return "busy"
        return check_sync(self._engine.console, endpoints, event)

    def _start(self, verb: str, work: Callable[[Progress], Any]) -> dict[str, Any]:
        return self._jobs.start(verb, work).as_data()


def answer(verbs: Verbs, request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to one request; every failure becomes an error with a kind."""
    verb = request.get("verb")
    method = getattr(verbs, verb, None) if isinstance(verb, str) else None
    if method is None or str(verb).startswith("_"):
        return {"ok": False, "error": {"kind": "unknown_verb", "message": "no such verb"}}
    try:
        return {"ok": True, "result": method(request)}
    except Exception as error:  # noqa: BLE001 - the caller gets it, the log keeps it
        return {"ok": False, "error": describe(error)}


def describe(error: Exception) -> dict[str, Any]:
    """An exception as data: its kind, a sentence, and the faults where it has any."""
    if isinstance(error, (StateError, NotProved)):
        faults = [fault_data(fault) for fault in error.faults]
        kind = "faults" if isinstance(error, StateError) else "not_proved"
        return {"kind": kind, "message": str(error), "faults": faults}
    if isinstance(error, (Refused, LookupError)):
        return {"kind": type(error).__name__.lower(), "message": str(error)}
    log.error("request failed", exc_info=error)
    return {"kind": "internal", "message": f"{type(error).__name__}: {error}"}


def fault_data(fault: Fault) -> dict[str, Any]:
    return {"where": fault.where, "text": fault.text, "values": dict(fault.values)}


def _state(request: Mapping[str, Any]) -> Any:
    return registry.decode(request.get("state"))


_REQUIRED = object()


def _take(request: Mapping[str, Any], name: str, kind: Any, default: Any = _REQUIRED) -> Any:
    if name not in request and default is not _REQUIRED:
        return default
    return decode(kind, request.get(name), name)


MESSENGER_VERBS = frozenset({"check_sync"})
"""What the provisioning server may ask: nothing that changes the machine."""


class _Handler(socketserver.StreamRequestHandler):
    server: EngineServer

    def handle(self) -> None:
        user = _peer(self.request)
        if not self.server.knows(user):
            log.warning("refused a connection of user %d", user)
            return
        while True:
            try:
                request = protocol.read_message(self.rfile)
            except protocol.ProtocolError as error:
                problem = {"kind": "protocol", "message": str(error)}
                protocol.write_message(self.wfile, {"ok": False, "error": problem})
                return
            if request is None:
                return
            protocol.write_message(self.wfile, self._answer(user, request))

    def _answer(self, user: int, request: Mapping[str, Any]) -> dict[str, Any]:
        if not self.server.allows(user, request.get("verb")):
            log.warning("user %d may not ask for %.40r", user, request.get("verb"))
            problem = {"kind": "forbidden", "message": "this account may not ask for that"}
            return {"ok": False, "error": problem}
        return answer(self.server.verbs, request)


class EngineServer(socketserver.ThreadingUnixStreamServer):
    """Serves `Verbs` on a Unix socket to root, to the allowed users, and of them just
    the harmless ones to the messengers."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        path: Path,
        verbs: Verbs,
        allowed: frozenset[int],
        group: int,
        messengers: frozenset[int] = frozenset(),
    ) -> None:
        self.verbs = verbs
        self._allowed = allowed | {0}
        self._messengers = messengers
        path.unlink(missing_ok=True)
        super().__init__(str(path), _Handler)
        os.chown(path, 0, group)
        os.chmod(path, 0o660)

    def knows(self, user: int) -> bool:
        """Whether this user may ask for anything at all."""
        return user in self._allowed or user in self._messengers

    def allows(self, user: int, verb: object) -> bool:
        """Whether this user may ask for this verb."""
        return user in self._allowed or (user in self._messengers and verb in MESSENGER_VERBS)


def _peer(connection: socket.socket) -> int:
    """The user number of the process at the other end."""
    size = struct.calcsize("3i")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _pid, user, _group = struct.unpack("3i", credentials)
    return int(user)


def serve(
    engine: Engine,
    socket_path: Path,
    allowed: frozenset[int],
    group: int,
    messengers: frozenset[int] = frozenset(),
) -> None:
    """Recover, make sure that there is a revision, then serve until SIGTERM.

    Late trials are undone meanwhile.
    """
    done = engine.recover()
    if done:
        log.warning("after a restart: %s", done)
    log.info("revision %d is in force", engine.initialise())
    server = EngineServer(socket_path, Verbs(engine), allowed, group, messengers)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_args: stop.set())
    threading.Thread(target=server.serve_forever, name="socket", daemon=True).start()
    while not stop.wait(0.5):
        engine.undo_if_late()
    server.shutdown()
    socket_path.unlink(missing_ok=True)


def allowed_users(names: list[str]) -> frozenset[int]:
    """User numbers for names or numbers; LookupError for a name nobody has."""
    return frozenset(int(name) if name.isdigit() else pwd.getpwnam(name).pw_uid for name in names)


def main() -> None:
    """Entry point of `python -m appliance.apply.daemon`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prefix", type=Path, default=Path("/"))
    parser.add_argument("--asterisk-root", type=Path, help="Debian root that has Asterisk")
    parser.add_argument("--allow", action="append", default=[], help="user that may connect")
    parser.add_argument(
        "--messenger", action="append", default=[], help="user that may tell phones to fetch"
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    os.umask(0o022)
    runtime = runtime_of(options.asterisk_root)
    machine = load_machine(options.prefix, runtime)
    engine = Engine(machine, Shadow(runtime, machine))
    group = machine.groups.get("centralino", 0)
    allowed, messengers = allowed_users(options.allow), allowed_users(options.messenger)
    serve(engine, machine.layout.engine_socket, allowed, group, messengers)


if __name__ == "__main__":
    main()
