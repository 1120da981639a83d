"""The signed chain, from firmware that wants signatures to a kernel that is locked down."""

from __future__ import annotations

import re

import pytest

from tests.image import builds
from tests.support.virtual_machine import disk_on, started

TELLING = {
    "systemd.extra-unit.telling.service": """
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'dmesg | grep -i "secure boot" >/dev/ttyS0'
""",
    "systemd.unit-dropin.local-fs.target": "[Unit]\nWants=telling.service\n",
}
"""What the kernel says of it, told on the serial line as soon as the system has its disks."""


@pytest.mark.row("I3")
def test_firmware_that_wants_signatures_starts_the_image(built, tmp_path):
    disk = disk_on(built.output("qcow2"), tmp_path)
    hardware = builds.secure_boot()
    with started(tmp_path / "machine", disk, hardware, credentials=TELLING) as machine:
        told = re.compile("[Ss]ecure boot (enabled|disabled)")
        machine.wait("the kernel's word", lambda: told.search(machine.serial()))
        assert told.search(machine.serial())[1] == "enabled"
