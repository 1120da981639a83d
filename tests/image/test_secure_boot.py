"""The signed chain, from firmware that wants signatures to a kernel that is locked down."""

from __future__ import annotations

import re

import pytest

from tests.image import builds
from tests.support.virtual_machine import disk_on, started


@pytest.mark.row("I3")
def test_firmware_that_wants_signatures_starts_the_image(built, tmp_path):
    disk = disk_on(built.output("qcow2"), tmp_path)
    with started(tmp_path / "machine", disk, builds.secure_boot()) as machine:
        machine.wait("the agent", machine.agent_answers)
        kernel = machine.run("journalctl", "-k", "-b", "--no-pager", "-o", "cat")
    assert re.search(r"[Ss]ecure boot enabled", kernel)
