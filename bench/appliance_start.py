"""From power-on to SIP, and memory at rest, beside a bare Debian with Asterisk.

    .venv/bin/python -m bench.appliance_start

The images are built first unless there are some in the folder that CENTRALINO_TEST_IMAGES
names, as tests/image has it. Both machines have the same packages, disk layout and devices,
and start one after the other in QEMU without acceleration: the times themselves are those of
this emulation, the ratio is what counts. A second start is compared, since a first one makes
keys and certificates.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import tempfile
from pathlib import Path

from tests.image import builds
from tests.image.builds import Built
from tests.image.inside import memory_in_use_mb, ready
from tests.support import bare_machine
from tests.support.virtual_machine import disk_on, started
from tools.image import settings

GOAL = 1.5
LAN = "10.0.2.0/24"


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as scratch:
        given = os.environ.get("CENTRALINO_TEST_IMAGES")
        folder = Path(given or scratch) / "images"
        chosen = dataclasses.replace(
            settings.from_environment(), build=folder / "build", dist=folder / "dist"
        )
        if not (folder / "complete").exists():
            builds.run_builder(folder, "image")
        ours = _appliance(Built(chosen), Path(scratch))
        theirs = _bare(Built(chosen), Path(scratch))
    for what, mine, other, unit in zip(
        ("first start until SIP", "second start until SIP", "memory at rest"),
        ours,
        (theirs[0], *theirs),
        ("s", "s", "MB"),
        strict=True,
    ):
        ratio = f"{mine / other:.2f} times"
        sys.stdout.write(f"{what:24}{mine:8.1f} {unit:2}  bare {other:8.1f} {unit:2}  {ratio}\n")
    sys.stdout.write(f"goal: a second start within {GOAL} times\n")
    return 0


def _appliance(built: Built, folder: Path) -> tuple[float, float, float]:
    disk = disk_on(built.output("qcow2"), folder, "appliance.qcow2")
    seed = built.seed(folder / "seed", host_name="pbx.example.com", telephones=LAN)
    with started(folder / "first", disk, builds.bios(cds=(seed,)), udp=(5060,)) as machine:
        first = machine.wait("SIP", machine.sip_answers)
        machine.wait("the agent", machine.agent_answers)
        machine.wait("every process", lambda: ready(machine))
        machine.run("sync")
    with started(folder / "second", disk, builds.bios(), udp=(5060,)) as machine:
        second = machine.wait("SIP", machine.sip_answers)
        machine.wait("the agent", machine.agent_answers)
        machine.wait("every process", lambda: ready(machine))
        return first, second, memory_in_use_mb(machine)


def _bare(built: Built, folder: Path) -> tuple[float, float]:
    disk = disk_on(bare_machine.build(built.settings), folder, "bare.qcow2")
    with started(folder / "bare", disk, builds.bios(), udp=(5060,)) as machine:
        seconds = machine.wait("SIP", machine.sip_answers)
        machine.wait("the agent", machine.agent_answers)
        return seconds, memory_in_use_mb(machine)


if __name__ == "__main__":
    sys.exit(main())
