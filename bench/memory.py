"""Memory of the whole system at rest, process by process, with 100 extensions.

    .venv/bin/python -m bench.memory [extensions]

The system is the one of `make run`, in a network namespace. Counted is the proportional
set (PSS, proc(5)): pages that several processes share count once in the sum. Asterisk,
which any system of this kind needs, is the measure.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from appliance.services import devices, extensions, registry
from appliance.state.codec import canonical_json
from appliance.state.system_state import SystemState, encode_system
from appliance.state.tokens import new_secret
from tests.support.checkout import Checkout, new_checkout

SETTLES_S = 15


def company(people: int) -> SystemState:
    """So many extensions with a telephone each."""
    numbers = [str(1000 + index) for index in range(people)]
    return registry.empty_state().replaced(
        extensions=extensions.State(tuple(extensions.Extension(n, n, label=n) for n in numbers)),
        devices=devices.State(
            tuple(
                devices.Device(f"phone-{n}", "generic", (devices.Line(n, 1, new_secret()),))
                for n in numbers
            )
        ),
    )


def proportional_mb(checkout: Checkout) -> dict[str, float]:
    """Process of the table -> megabytes of it and everything that it has started."""
    found = dict.fromkeys(checkout.status(), 0.0)
    leaders = {checkout.record(name).pid: name for name in [*found, "supervisor"]}  # type: ignore[union-attr]
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            name = leaders.get(_session(process))
            if name:
                found[name] = found.get(name, 0.0) + _pss_kb(process) / 1024
    return found


def _session(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[3])
    except FileNotFoundError:
        return 0


def _pss_kb(process: Path) -> int:
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def main() -> None:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with new_checkout() as checkout:
        first = checkout.top / "first.json"
        first.write_bytes(canonical_json(encode_system(company(people))))
        checkout.run(FIRST_STATE=str(first))
        time.sleep(SETTLES_S)  # at rest is what is measured
        found = proportional_mb(checkout)
    for name, size in found.items():
        print(f"  {name:<14}{size:8.1f} MB")
    total = sum(found.values())
    print(f"  {'all':<14}{total:8.1f} MB with {people} extensions")
    print(f"  {total / found['asterisk']:.2f} times Asterisk alone")


if __name__ == "__main__":
    main()
