"""What tests ask of a machine from within, through its guest agent."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from tests.support.virtual_machine import Machine

PYTHON = "/usr/lib/centralino/bin/python"
BOOT_ID = "/proc/sys/kernel/random/boot_id"

_ENGINE = """
import json
from pathlib import Path
from appliance.apply.client import EngineClient
client = EngineClient(Path("/run/centralino/engine.sock"))
print(json.dumps(client.{call}))
"""
_TARGETS = {"multi-user.target", "graphical.target", "centralino-slot.service"}
_SILENT = "import json; from appliance.system import slots; print(json.dumps({call}))"


def ask(machine: Machine, call: str) -> Any:
    """What the engine's client answers to a call such as `status()`."""
    return json.loads(machine.run(PYTHON, "-c", _ENGINE.format(call=call)))


def asked(machine: Machine, call: str) -> Any:
    """The same of a machine that may be starting just now: None when nothing answers."""
    try:
        status, said, _ = machine.attempt(PYTHON, "-c", _ENGINE.format(call=call))
        return json.loads(said) if status == 0 else None
    except (OSError, ValueError):
        return None


def ready(machine: Machine) -> bool:
    """Whether every process answers, as the machine's own console sees it.

    That costs the machine many seconds of its processor, so the manager is asked first
    whether all have started, and it is left alone in between.
    """
    try:
        found = _started(machine) and _all_answer(machine)
    except (OSError, ValueError):
        found = False
    if not found:
        time.sleep(5)
    return found


def _started(machine: Machine) -> bool:
    """Whether the manager has no start before it any more but that of its own target."""
    status, said, _ = machine.attempt("systemctl", "list-jobs", "--no-legend", "--plain")
    waited = {line.split()[1] for line in said.splitlines() if len(line.split()) > 1}
    return status == 0 and not waited - _TARGETS


def _all_answer(machine: Machine) -> bool:
    script = _SILENT.format(call="slots.silent_processes()")
    status, said, _ = machine.attempt(PYTHON, "-c", script, within_s=300)
    return status == 0 and json.loads(said) == []


def started_anew(machine: Machine, boot: str) -> bool:
    """Whether the machine runs again after the start that `boot` names.

    An answer that breaks off is one of a machine that is just going down.
    """
    try:
        return machine.agent_answers() and machine.run("cat", BOOT_ID) != boot
    except (OSError, ValueError):
        return False


def memory_in_use_mb(machine: Machine) -> float:
    """Megabytes that are neither free nor could be at once."""
    meminfo = machine.run("cat", "/proc/meminfo")
    said = {name: int(value) for name, value in re.findall(r"^(\w+): +(\d+) kB", meminfo, re.M)}
    return (said["MemTotal"] - said["MemAvailable"]) / 1000


def identity_of(machine: Machine) -> dict[str, str]:
    """Everything that must belong to one machine alone, as text that can be compared."""
    own = [f"/etc/ssh/ssh_host_{kind}_key" for kind in ("ed25519", "ecdsa")]
    keys = [f"/var/lib/centralino/certificates/{name}.key" for name in ("authority", "web")]
    files = ["/etc/machine-id", *own, *keys]
    secrets = machine.run("sh", "-c", "ls -d /var/lib/centralino/secrets/*").split()
    return {file: machine.run("cat", file) for file in [*files, *secrets]}
