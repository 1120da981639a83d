"""What tests ask of a machine from within, through its guest agent."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
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
_AT_THE_DESK = """
import json
from appliance.state.machine import Layout
from appliance.updates.desk import Desk
from appliance.updates.requests import Request
print(json.dumps(Desk(Layout()).{call}))
"""
_TARGETS = {"multi-user.target", "graphical.target", "centralino-slot.service"}
_SILENT = """
import json, time
from appliance.system import slots
deadline = time.monotonic() + {within_s}
while (silent := slots.silent_processes()) and time.monotonic() < deadline:
    time.sleep(2)
print(json.dumps(silent))
"""


def ask(machine: Machine, call: str) -> Any:
    """What the engine's client answers to a call such as `status()`."""
    return json.loads(machine.run(PYTHON, "-c", _ENGINE.format(call=call)))


def at_the_desk(machine: Machine, call: str) -> Any:
    """What the engine asks of its desk for updates, for which it need not run: `state()` is what
    it tells of them, `ask(Request(…))` lays a request down."""
    return json.loads(machine.run(PYTHON, "-c", _AT_THE_DESK.format(call=call)))


def asked(machine: Machine, call: str) -> Any:
    """The same of a machine that may be starting just now: None when nothing answers."""
    try:
        status, said, _ = machine.attempt(PYTHON, "-c", _ENGINE.format(call=call))
        return json.loads(said) if status == 0 else None
    except (OSError, ValueError):
        return None


def ready(machine: Machine) -> bool:
    """Whether every process answers, as the machine's own console sees it.

    To read the program that asks them costs the machine many seconds of its processor, so the
    manager is asked first whether all have started, and the program asks more than once.
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
    script = _SILENT.format(within_s=120)
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


def moment(machine: Machine, unit: str, what: str) -> float:
    """Seconds from the kernel's start to a change of a unit, such as `ActiveEnter`."""
    said = machine.run("systemctl", "show", "-P", f"{what}TimestampMonotonic", unit)
    return int(said) / 1e6


def restarted_by(machine: Machine, action: Callable[[], object], within_s: float = 900) -> float:
    """Do something after which the machine restarts, perhaps more than once; seconds until then."""
    boot = machine.run("cat", BOOT_ID)
    begin = machine.age_s
    action()
    machine.wait("the next start", lambda: started_anew(machine, boot), within_s, every_s=2)
    return machine.age_s - begin


_SAVE = """
import base64, json, time
from pathlib import Path
from appliance.apply.client import EngineClient
from appliance.state.machine import Layout
client = EngineClient(Path("/run/centralino/engine.sock"))
code = client.propose_backup_code()
client.accept_backup_code(code[-4:])
client.backup_now()
while not client.backups()["last"]:
    time.sleep(5)
(made,) = client.backups()["backups"]
content = base64.b64encode((Layout().backups / made["name"]).read_bytes()).decode()
told = {"code": code, "name": made["name"], "content": content, "rehearsal": made["rehearsal"]}
print(json.dumps(told))
"""

_RESTORE = """
from pathlib import Path
from appliance.state.machine import Layout
from appliance.system.backup.recovery_code import read_code
from appliance.system.backup.restore import order_restore
order_restore(Layout(), Path({file!r}), read_code({code!r}), "keep")
"""
_SUPPORT = """
import io, json, tarfile
from pathlib import Path
from appliance.apply.client import EngineClient
client = EngineClient(Path("/run/centralino/engine.sock"))
client.wait(client.write_support_file(logs=True), 240)
with tarfile.open(fileobj=io.BytesIO(b"".join(client.support_pieces()))) as archive:
    files = [member for member in archive.getmembers() if member.isfile()]
    begins = {each.name: archive.extractfile(each).read(13) for each in files}
print(json.dumps([name for name, begin in begins.items() if begin == b"not available"]))
"""
_PIECE = 48_000
"""Signs of a file that go into the machine with one command."""


def backup_of(machine: Machine) -> dict[str, Any]:
    """A backup that the machine makes of itself, as by the portal's button: its `name`, its
    `content` in base64, the recovery `code` that opens it, and how its `rehearsal` went."""
    made: dict[str, Any] = json.loads(machine.run(PYTHON, "-c", _SAVE, within_s=900))
    return made


def restore(machine: Machine, backup: dict[str, Any]) -> None:
    """Bring a backup onto the machine and order that its next start puts it in place; the
    machine keeps its own name and address."""
    file = f"/var/backups/centralino/{backup['name']}"
    machine.run("mkdir", "-p", "/var/backups/centralino")
    for begin in range(0, len(backup["content"]), _PIECE):
        piece = backup["content"][begin : begin + _PIECE]
        machine.run("sh", "-c", f"printf %s '{piece}' >>{file}.base64")
    machine.run("sh", "-c", f"base64 -d <{file}.base64 >{file} && rm {file}.base64")
    machine.run(PYTHON, "-c", _RESTORE.format(file=file, code=backup["code"]))


def missing_in_support_file(machine: Machine) -> list[str]:
    """What the support file that the machine writes now could not get hold of."""
    made: list[str] = json.loads(machine.run(PYTHON, "-c", _SUPPORT, within_s=300))
    return made


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
