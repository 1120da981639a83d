"""What somebody sees who types `make run` or `make stop`."""

from __future__ import annotations

import dataclasses
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from appliance import product
from appliance.apply import atomic
from appliance.services import registry
from appliance.state.codec import canonical_json
from appliance.state.system_state import encode_system
from appliance.system import records, status_board
from appliance.system.machine import write_facts
from tools import debian_root
from tools.checkout import ports
from tools.checkout.place import INSIDE, Place, python_path
from tools.checkout.settings import Settings, SettingsError, facts, keep, own_addresses, settings
from tools.checkout.supervisor import NAME as SUPERVISOR
from tools.checkout.supervisor import end_leftovers
from tools.demo.company import company

READY_WITHIN_S = 180.0
SETUP_CODE_WITHIN_S = 10.0
ASTERISK_MAJOR = "22."


class CannotRun(RuntimeError):
    """The system cannot be started; the message says what to do."""


def run(place: Place, environment: Mapping[str, str]) -> None:
    """Start the system, or go on with one that runs already; returns when it is ready."""
    _require_root()
    place.run.mkdir(mode=0o755, exist_ok=True)
    try:
        chosen = settings(place.settings, environment)
    except SettingsError as error:
        raise CannotRun(str(error)) from error
    if records.read(place.records, SUPERVISOR):
        _say("The system runs already; `make stop` ends it.")
        chosen = settings(place.settings, {})
    else:
        _start(place, chosen, environment.get("FIRST_STATE", ""))
    _wait_until_ready(place)
    _tell_address(place, chosen)


def stop(place: Place) -> None:
    """End the supervisor and everything that it has started."""
    _require_root()
    supervisor = records.read(place.records, SUPERVISOR)
    if supervisor:
        _say("Stopping …")
        records.end(supervisor, within_s=90)
    left = records.all_alive(place.records)
    for name, record in left.items():
        _say(f"  {name} was still there; ending it")
        records.end(record, within_s=10)
    place.status.unlink(missing_ok=True)
    _say("Stopped." if supervisor or left else "Nothing of this checkout is running.")


def show(place: Place) -> bool:
    """Print the status of every process; whether all are ready."""
    board = status_board.read(place.status)
    if not board or not records.read(place.records, SUPERVISOR):
        _say("Nothing of this checkout is running.")
        return False
    for name, entry in board.items():
        since = time.strftime("%H:%M:%S", time.localtime(entry.since))
        restarts = f", started again {entry.restarts} times" if entry.restarts else ""
        problem = f" ({entry.problem})" if entry.problem else ""
        _say(f"  {name:<14}{entry.phase} since {since}{restarts}{problem}")
    return all(entry.phase == "ready" for entry in board.values())


def _start(place: Place, chosen: Settings, first_state: str) -> None:
    unreadable = place.unreadable()
    if unreadable:
        raise CannotRun(
            f"Other accounts cannot read {unreadable}, and the processes run as others.\n"
            f"If it belongs to the checkout: chmod -R go+rX {shlex.quote(str(place.top))}\n"
            f"If it belongs to Python: rm -r .venv, then make run PYTHON=/usr/bin/python3"
        )
    end_leftovers(place)
    taken = ports.taken(chosen, configured=(place.layout.current).exists())
    if taken:
        raise CannotRun("\n".join(taken))
    root = asterisk_root()
    keep(place.settings, chosen)
    write_facts(place.layout, facts(chosen))
    _leave_first_state(place, chosen, first_state)
    place.status.unlink(missing_ok=True)
    place.logs.mkdir(mode=0o755, exist_ok=True)
    _begin_supervisor(place, root, demo=bool(chosen.demo))


def _leave_first_state(place: Place, chosen: Settings, file: str) -> None:
    """What the first revision will be: a state that the owner has, the sample company, or
    nothing, with SIP's ports as set.

    Later runs leave it alone: from then on the configuration is the owner's.
    """
    if place.layout.current.exists():
        return
    state = company(Path(file)) if file else company() if chosen.demo else registry.empty_state()
    core = dataclasses.replace(
        state["asterisk_core"], sip_port=chosen.sip_port, sip_tls_port=chosen.sip_tls_port
    )
    data = canonical_json(encode_system(state.replaced(asterisk_core=core)))
    atomic.write_file(place.layout.first_state, data, 0o600)


def asterisk_root() -> Path | None:
    """None when the machine has Asterisk 22 itself, else the Debian root, built if need be."""
    try:
        said = subprocess.run(["asterisk", "-V"], capture_output=True, text=True, check=False)
        if said.stdout.startswith(f"Asterisk {ASTERISK_MAJOR}"):
            _say(f"Using this machine's own {said.stdout.strip()}.")
            return None
    except FileNotFoundError:
        pass  # the usual case: the root has it
    return debian_root.build()


def _begin_supervisor(place: Place, root: Path | None, *, demo: bool) -> None:
    """Start the supervisor in a mount namespace in which the checkout stands at INSIDE."""
    arguments = ["-m", "tools.checkout", "supervise", *([str(root)] if root else [])]
    arguments += ["--demo"] if demo else []
    inside = shlex.quote(str(INSIDE))
    python = Place(INSIDE).python
    steps = [
        f"mkdir -p {inside}",
        f"mount --bind {shlex.quote(str(place.top))} {inside}",
        f"cd {inside}",
        f"exec {shlex.join([str(python), *arguments])}",
    ]
    with (place.logs / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-ec", "\n".join(steps)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": python_path(INSIDE)},
        )
    deadline = time.monotonic() + 20
    while not status_board.read(place.status):
        if process.poll() is not None or time.monotonic() > deadline:
            said = (place.logs / "supervisor.log").read_text("utf-8", "replace")
            raise CannotRun(f"The supervisor does not start:\n{said[-2000:]}")
        time.sleep(0.05)


def _wait_until_ready(place: Place) -> None:
    """Follow the supervisor's status and print what changes, until all are ready."""
    begin = time.monotonic()
    told: dict[str, tuple[str, str]] = {}
    while True:
        board = status_board.read(place.status)
        for name, entry in board.items():
            news = (entry.phase, entry.problem if entry.phase == "failing" else "")
            if told.get(name) != news and entry.phase in ("starting", "ready", "failing"):
                told[name] = news
                problem = f": {news[1]}" if news[1] else ""
                _say(f"  [{time.monotonic() - begin:5.1f} s] {name:<14}{entry.phase}{problem}")
        if board and all(entry.phase == "ready" for entry in board.values()):
            return
        late = time.monotonic() - begin > READY_WITHIN_S
        hopeless = [name for name, entry in board.items() if entry.restarts >= 4]
        if late or hopeless or not records.read(place.records, SUPERVISOR):
            raise CannotRun(_what_fails(place, board))
        time.sleep(0.1)


def _what_fails(place: Place, board: Mapping[str, status_board.ProcessStatus]) -> str:
    lines = ["Not everything could be started:"]
    for name, entry in board.items():
        if entry.phase != "ready":
            lines.append(f"  {name}: {entry.phase}, {entry.problem or 'no reason given'}")
            lines.append(f"    its log: {place.logs / (name + '.log')}")
    lines.append("The supervisor goes on trying. `make stop` ends it; `make run` continues.")
    return "\n".join(lines)


def _tell_address(place: Place, chosen: Settings) -> None:
    port = "" if chosen.web_port == 443 else f":{chosen.web_port}"
    addresses = own_addresses()[:1] or ["127.0.0.1"]
    shown = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    _say("")
    _say(f"{product.NAME} is running.")
    _say(f"  Portal:      https://{shown}{port}/   (here: https://localhost{port}/)")
    _say(f"  Authority:   {place.layout.certificates / 'authority.crt'}")
    code = _setup_code(place)
    if code:
        _say(f"  Setup code:  {code}   (once, for the first account)")
    _say(f"  Logs:        {place.logs}")
    _say("  `make stop` ends it; `make status` shows how it is.")


def _setup_code(place: Place) -> str:
    """The one-time code while there is no administrator, else ""."""
    try:
        return (place.layout.state_of("portal") / "setup-code").read_text().strip()
    except FileNotFoundError:
        return ""


def _require_root() -> None:
    if os.geteuid() != 0:
        raise CannotRun("This needs root: each process runs as an account of its own.")


def _say(text: str) -> None:
    print(text, flush=True, file=sys.stdout)
