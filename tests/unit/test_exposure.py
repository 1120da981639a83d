"""How far each unit of ours is locked in, by systemd's own measure: 0 is locked in, 10 is open.

`tests/image/test_contents.py` asks the same of the finished image, packaged units included.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROLES = Path(__file__).resolve().parent.parent.parent / "roles"
SYSTEMD_DIFFERS = 0.3
"""By so much do two versions of systemd disagree about the same unit."""

LIMITS = {
    "centralino-backup@": 1.8,
    "centralino-console@": 2.6,
    "centralino-echo": 1.4,
    "centralino-engine": 5.4,
    "centralino-first-boot": 4.8,
    "centralino-installer@": 5.3,
    "centralino-live": 1.5,
    "centralino-portal": 1.5,
    "centralino-provisioning": 1.5,
    "centralino-settled": 1.8,
    "centralino-slot": 3.8,
    "centralino-trial": 3.1,
    "centralino-tunnels": 3.1,
    "centralino-update": 4.1,
    "centralino-watch": 2.0,
    "centralino-web": 1.6,
    "failover-router": 6.2,
    "failover-router-console@": 8.4,
    "failover-router-network": 8.4,
    "failover-router-reporter": 3.0,
    "failover-router-slot": 8.4,
}
"""Unit -> what it measures; docs/appliance.md says why the high ones are not lower."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Unit -> its measure, with what the roles put beside it."""
    top = tmp_path_factory.mktemp("root")
    folder = top / "usr/lib/systemd/system"
    (folder / "centralino-.service.d").mkdir(parents=True)
    hardening = ROLES / "engine/files/hardening.conf"
    shutil.copy(hardening, folder / "centralino-.service.d/10-hardening.conf")
    for file in ROLES.glob("*/files/*.service"):
        shutil.copy(file, folder)
        for allowed in ROLES.glob(f"*/files/{file.stem}.conf"):
            (folder / f"{file.name}.d").mkdir()
            shutil.copy(allowed, folder / f"{file.name}.d/20-allowed.conf")
    names = [f"{file.stem}{'one' if file.stem.endswith('@') else ''}.service"
             for file in sorted(folder.glob("*.service"))]  # fmt: skip
    command = ["systemd-analyze", "security", "--offline=yes", f"--root={top}", "--no-pager"]
    said = subprocess.run([*command, *names], capture_output=True, text=True)
    found = re.findall(r"exposure level for (\S+)\.service: ([0-9.]+)", said.stdout)
    return {name.replace("@one", "@"): float(value) for name, value in found}


def test_every_unit_of_the_roles_has_a_limit(measured):
    assert set(measured) == set(LIMITS)


@pytest.mark.parametrize("unit", LIMITS)
def test_a_unit_is_locked_in_as_far_as_its_work_allows(measured, unit):
    assert measured[unit] <= LIMITS[unit] + SYSTEMD_DIFFERS


@pytest.mark.parametrize("unit", LIMITS)
def test_a_limit_is_no_looser_than_what_was_reached(measured, unit):
    assert measured[unit] >= LIMITS[unit] - SYSTEMD_DIFFERS
