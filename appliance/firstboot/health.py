"""What the console says of the machine: addresses, processes, code. Looks, changes nothing."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.firstboot.places import Places, read_mark
from appliance.system import processes
from appliance.system.watch import appliance_site
from appliance.updates import records, release
from appliance.updates.records import Records
from appliance.updates.slot_disk import running_slot

START_WITHIN_S = 300.0
"""Since the machine was switched on, which is what Linux's monotonic clock counts."""

NO_DATA = Path("/run/centralino-no-data")


@dataclass(frozen=True, slots=True)
class Health:
    """The machine at one moment. `problems` maps a process to what is wrong with it.

    `starting`: switched on a short while ago, so that silence is no fault yet.

    `version` runs; `trial` is the version that is on trial, `left` the one that was left
    again at last, each "" when there is none.
    """

    host_name: str
    addresses: tuple[str, ...]
    slot: str
    setup_code: str
    problems: dict[str, str]
    refused: tuple[str, ...]
    data_lost: bool
    starting: bool = False
    version: str = ""
    trial: str = ""
    left: str = ""

    @property
    def portal(self) -> str:
        """The portal's address for a browser; "" while the machine has none."""
        if not self.addresses:
            return ""
        first = self.addresses[0]
        return f"https://[{first}]/" if ":" in first else f"https://{first}/"


def look(places: Places) -> Health:
    """Look at everything once; takes as long as the slowest process does to answer."""
    mark = read_mark(places) or {}
    refused = mark.get("refused")
    kept = records.of(places.layout)
    return Health(
        host_name=_line(places.prefix / "etc/hostname"),
        addresses=global_addresses(),
        slot=running_slot(Path("/proc/cmdline").read_text()),
        setup_code=_line(places.layout.state_of("portal") / "setup-code"),
        problems=_problems(places),
        refused=tuple(map(str, refused)) if isinstance(refused, list) else (),
        data_lost=NO_DATA.exists(),
        starting=time.monotonic() < START_WITHIN_S,
        version=release.of_this_system().version,
        trial=str(kept.read("trial").get("version", "")),
        left=_left(kept),
    )


def _left(kept: Records) -> str:
    """The version that did not work, if nothing has happened since."""
    last = next(iter(kept.history()), {})
    return str(last.get("version", "")) if last.get("what") == "returned" else ""


def global_addresses() -> tuple[str, ...]:
    """The machine's own addresses, those of IPv4 first."""
    command = ["ip", "-json", "address", "show", "scope", "global", "up"]
    shown = subprocess.run(command, capture_output=True, text=True)
    return addresses_of(json.loads(shown.stdout or "[]"))


def addresses_of(interfaces: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The addresses in ip's answer, in which what it filtered out are empty objects."""
    listed = (each for interface in interfaces for each in interface.get("addr_info", ()))
    found = [str(each["local"]) for each in listed if "local" in each and not _going(each)]
    return tuple(sorted(found, key=lambda address: ":" in address))


def _going(address: Mapping[str, Any]) -> bool:
    return bool(address.get("deprecated") or address.get("temporary"))


def _problems(places: Places) -> dict[str, str]:
    table = processes.table(appliance_site(places.prefix))
    asked = ((process.name, process.ready.problem()) for process in table)
    return {name: problem for name, problem in asked if problem}


def _line(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
