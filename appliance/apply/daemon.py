"""The root daemon: the engine behind a Unix socket.

Only root and the accounts named in `--allow` may connect (SO_PEERCRED, unix(7)), and those
named in `--messenger`, who may just have telephones told to fetch their configuration. Log
lines are `name level key=value …` for the journal and hold no secrets.
"""

from __future__ import annotations

import argparse
import fcntl
import logging
import os
import pwd
import signal
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.apply import protocol
from appliance.apply.desk import MachineDesk, desk_of
from appliance.apply.engine import Engine
from appliance.apply.errors import Refused
from appliance.apply.jobs import Jobs
from appliance.apply.verbs import MESSENGER_VERBS, Verbs, answer, describe
from appliance.asterisk.runtime import Runtime
from appliance.state.faults import StateError
from appliance.state.machine import Layout
from appliance.system import network_follow, notify, space
from appliance.system.backup import place
from appliance.system.machine import groups_of, load_machine, read_facts, runtime_of
from appliance.system.processes import Site
from appliance.verify.shadow import Shadow

log = logging.getLogger("engine")

IDLE_S = 60.0
"""How long a connection may say nothing."""

CONNECTIONS = 32
"""Connections at a time; the portal needs one for each of its threads that waits."""

TICK_S = 0.5


class _Handler(socketserver.StreamRequestHandler):
    server: EngineServer
    timeout = IDLE_S

    def handle(self) -> None:
        user = _peer(self.request)
        if not self.server.knows(user):
            log.warning("refused user=%d", user)
            return
        while True:
            try:
                request = protocol.read_message(self.rfile)
            except protocol.ProtocolError as error:
                log.warning("refused user=%d message=%r", user, str(error))
                problem = {"kind": "protocol", "message": str(error)}
                protocol.write_message(self.wfile, {"ok": False, "error": problem})
                return
            if request is None:
                return
            protocol.write_message(self.wfile, self._answer(user, request))

    def _answer(self, user: int, request: Mapping[str, Any]) -> dict[str, Any]:
        if not self.server.allows(user, request.get("verb")):
            log.warning("refused user=%d verb=%.40r", user, request.get("verb"))
            problem = {"kind": "forbidden", "message": "this account may not ask for that"}
            return {"ok": False, "error": problem}
        return answer(self.server.verbs, request)


@dataclass(frozen=True, slots=True)
class Clients:
    """User numbers that may connect besides root: `allowed` for everything, `messengers` for
    the harmless verbs only."""

    allowed: frozenset[int] = frozenset()
    messengers: frozenset[int] = frozenset()


class EngineServer(socketserver.ThreadingUnixStreamServer):
    """Serves `Verbs` on a Unix socket to root and to those whom `clients` names."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: Path, verbs: Verbs, clients: Clients, group: int) -> None:
        self.verbs = verbs
        self._clients = clients
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        path.unlink(missing_ok=True)
        super().__init__(str(path), _Handler)
        os.chown(path, 0, group)
        os.chmod(path, 0o660)

    def knows(self, user: int) -> bool:
        """Whether this user may ask for anything at all."""
        return user in {0} | self._clients.allowed | self._clients.messengers

    def allows(self, user: int, verb: object) -> bool:
        """Whether this user may ask for this verb."""
        if user in {0} | self._clients.allowed:
            return True
        return user in self._clients.messengers and verb in MESSENGER_VERBS

    def process_request(self, request: Any, client_address: Any) -> None:
        """Wait for a free place, so that the rest queue in the kernel."""
        self._free.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away or said nothing for too long is no fault of ours."""
        log.info("connection ended early error=%s", type(sys.exc_info()[1]).__name__)


def _peer(connection: socket.socket) -> int:
    """The user number of the process at the other end."""
    size = struct.calcsize("3i")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _pid, user, _group = struct.unpack("3i", credentials)
    return int(user)


def serve(
    engine: Engine, socket_path: Path, clients: Clients, group: int, desk: MachineDesk
) -> None:
    """Recover, make sure that there is a revision, then serve until SIGTERM.

    Work that is under way then is brought to its end first: what an apply has begun, it
    finishes or undoes.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_args: stop.set())
    done = engine.recover()
    if done:
        log.warning("after a restart: %s", done)
    log.info("revision=%d in force", engine.initialise())
    _follow_machine(engine)
    engine.take_hold()
    jobs = Jobs(describe)
    server = EngineServer(socket_path, Verbs(engine, jobs, desk), clients, group)
    threading.Thread(target=server.serve_forever, name="socket", daemon=True).start()
    desk.start()
    notify.tell("READY=1")
    heartbeat = notify.Heartbeat()
    try:
        while not stop.wait(TICK_S):
            _tick(engine)
            heartbeat.beat()
    finally:
        desk.stop()
        server.shutdown()
        socket_path.unlink(missing_ok=True)
        jobs.finish()
        log.info("stopped")


def _follow_machine(engine: Engine) -> None:
    """After a restore: write the configuration as this machine needs it."""
    restored = place.restored_file(engine.machine.layout)
    if not restored.exists():
        return
    own = place.own_network(engine.machine.layout)
    try:
        number = engine.follow_machine(network_follow.own(own))
        log.info("revision=%d in force after a restore", number)
    except (Refused, StateError) as error:
        # The files of the backup stay in force: better than none.
        log.error("restored as it was, not as this machine needs it: %s", describe(error))
    own.unlink(missing_ok=True)
    restored.unlink()


def _tick(engine: Engine) -> None:
    try:
        engine.tick()
        space.watch(engine.machine.layout)
    except Exception as error:  # noqa: BLE001 - it is tried again at the next tick
        log.error("tick: %s", describe(error)["message"])


@contextmanager
def only_one(layout: Layout) -> Iterator[None]:
    """Hold the machine's engine lock; SystemExit when another engine holds it."""
    with (layout.state / "engine.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("another engine is at work on this machine")
        yield


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
        "--messenger", action="append", default=[], help="user that may notify phones"
    )
    parser.add_argument("--checkout", action="store_true", help="a supervisor starts processes")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    os.umask(0o022)
    runtime = runtime_of(options.asterisk_root)
    layout = Layout(options.prefix.resolve())
    layout.state.mkdir(mode=0o755, parents=True, exist_ok=True)
    clients = Clients(allowed_users(options.allow), allowed_users(options.messenger))
    with only_one(layout):
        # Before anything is made or read that a restored backup brings along.
        place.finish(layout, groups_of(layout, runtime))
        machine = load_machine(options.prefix, runtime)
        engine = Engine(machine, Shadow(runtime, machine))
        group = machine.groups.get("centralino", 0)
        desk = desk_of(engine, _site(options, layout, runtime))
        serve(engine, layout.engine_socket, clients, group, desk)


def _site(options: argparse.Namespace, layout: Layout, runtime: Runtime) -> Site:
    python = Path(sys.executable)
    return Site(layout, read_facts(layout), runtime, python, checkout=options.checkout)


if __name__ == "__main__":
    main()
