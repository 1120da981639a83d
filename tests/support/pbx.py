"""A whole telephone system for a test: machine, engine and a real Asterisk.

    def test_something(pbx):                     # the fixture: one Asterisk for a module
        pbx.apply(state)                         # goes the engine's whole way
        assert "215-1" in pbx.console.ask("pjsip show endpoints")
        with pbx.network.entered():              # sockets made here are inside
            phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            phone.bind(("10.99.0.2", 5060))

Asterisk is the one of the Debian root (`python -m tools.debian_root`). It runs in a
network namespace of its own, in which it is reached at `pbx.address` and every other
address of 10.99.0.0/16 belongs to whoever binds it: a test gives each of its agents one.
For agents in another namespace, lay a cable: `pbx.network.join(…)`.

Tests of one module share the fixture, so each applies the whole state that it needs and
begins with no call up. A test that kills or changes the system for good uses
`running_pbx()` for one of its own; several may run at once. The engine lives in the
test's own process; `tests.support.daemon` has it as a process of its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from appliance.apply.engine import Engine
from appliance.asterisk.console import Console, ConsoleError
from appliance.asterisk.runtime import Runtime
from appliance.services import registry
from appliance.state.machine import Machine
from appliance.state.system_state import SCHEMA_VERSION, SystemState
from appliance.system.actions import Host
from appliance.system.machine import load_machine, runtime_of
from appliance.verify.shadow import Shadow
from tests.support.leftovers import clear_away, owned_folder
from tests.support.network import Network, new_network
from tools.debian_root import build

ADDRESS = "10.99.0.1"
ADDRESSES = "10.99.0.0/16"
STARTS_WITHIN_S = 30.0
STOPS_WITHIN_S = 15.0


@dataclass(slots=True)
class Pbx:
    """One telephone system. `folder` is its prefix: everything it writes lies below."""

    folder: Path
    runtime: Runtime
    machine: Machine
    engine: Engine
    network: Network
    address: str = ADDRESS
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def console(self) -> Console:
        """Asterisk's console."""
        return self.engine.console

    @property
    def log(self) -> str:
        """What Asterisk has logged so far: notices, warnings and errors."""
        messages = self.machine.layout.asterisk_log / "messages"
        return messages.read_text("utf-8", "replace") if messages.exists() else ""

    @property
    def state(self) -> SystemState:
        """The state in force."""
        return self.engine.running_state()

    def apply(self, state: SystemState, **options: Any) -> int:
        """Apply a state to whatever is in force now; returns the revision."""
        return self.engine.apply(state, self.engine.store.current(), "test", **options)

    def apply_services(self, **states: Any) -> int:
        """Apply the empty state with these services' states in it; returns the revision."""
        return self.apply(registry.empty_state().replaced(**states))

    def start_asterisk(self) -> None:
        """Start Asterisk and wait until it is fully booted."""
        layout = self.machine.layout
        configuration = layout.asterisk_etc / "asterisk.conf"
        network = self.network.name
        command = self.runtime.secluded(configuration, [layout.prefix], network=network)
        with (self.folder / "asterisk.out").open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            self.console.wait_until_booted(STARTS_WITHIN_S)
        except ConsoleError:
            said = (self.folder / "asterisk.out").read_text("utf-8", "replace")
            self.kill_asterisk()
            raise RuntimeError(f"Asterisk does not start:\n{said}\n{self.log}") from None

    def stop_asterisk(self) -> None:
        """Let Asterisk end in order, as a supervisor would; calls are cut."""
        self.console.ask("core stop now")
        if self.process is not None:
            self.process.wait(STOPS_WITHIN_S)
        self.process = None

    def kill_asterisk(self) -> None:
        """End Asterisk at once, as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None


HostOf = Callable[[Network, Path], Host]
"""Makes what commands reach the machine by, from its namespace and its folder."""


def host_of(network: Network, folder: Path) -> Host:
    """A machine that is one network namespace, with the fail2ban of one folder."""
    client = (
        "fail2ban-client",
        "-c",
        f"{folder}/etc/fail2ban",
        "-s",
        f"{folder}/run/fail2ban.sock",
    )
    return Host(("ip", "netns", "exec", network.name), client)


@contextmanager
def new_system(
    address: str = ADDRESS,
    addresses: str = ADDRESSES,
    first_state: dict[str, Any] | None = None,
    manages: tuple[str, ...] = (),
    host_of: HostOf = host_of,
) -> Iterator[Pbx]:
    """A system with its first revision in force, on which Asterisk does not run yet.

    `address` is where phones reach it, `addresses` (CIDR) those that agents may bind,
    `first_state` the services that the machine begins with. What the engine `manages` of the
    machine itself it then does to the namespace.
    """
    clear_away("pbx")
    folder = owned_folder("pbx")
    try:
        with new_network("pbx") as network:
            network.run("ip", "address", "add", f"{address}/32", "dev", "lo")
            network.own(addresses)
            runtime = runtime_of(build())
            machine = replace(load_machine(folder, runtime), manages=manages)
            host = host_of(network, folder)
            engine = Engine(machine, Shadow(runtime, machine), host=host)
            if first_state is not None:
                _leave_first_state(machine, first_state)
            engine.recover()
            engine.initialise()
            pbx = Pbx(folder, runtime, machine, engine, network, address)
            try:
                yield pbx
            finally:
                pbx.kill_asterisk()
    finally:
        shutil.rmtree(folder)


def _leave_first_state(machine: Machine, services: dict[str, Any]) -> None:
    path = machine.layout.first_state
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schema_version": SCHEMA_VERSION, "services": services}))


@contextmanager
def running_pbx(address: str = ADDRESS, addresses: str = ADDRESSES) -> Iterator[Pbx]:
    """A system with Asterisk running; see `new_system`."""
    with new_system(address, addresses) as pbx:
        pbx.start_asterisk()
        yield pbx
