"""What an image must not hold, and how its units are locked in."""

from __future__ import annotations

import fnmatch
import re
import stat
import subprocess

import pytest

from appliance.system import processes
from appliance.system.watch import appliance_site, unit_of
from tests.unit.test_exposure import LIMITS, SYSTEMD_DIFFERS
from tools import debian_pool
from tools.image import toolbox
from tools.image.settings import RECIPE

PRIVATE = re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{64}")
PLACES = ("etc", "var", "root", "home", "srv", "usr/lib/centralino", "usr/share/centralino", "data")

PACKAGED = {"asterisk": 2.0, "nullmailer": 3.0, "coturn": 2.0}
EXPOSURE = PACKAGED | {
    unit: limit + SYSTEMD_DIFFERS
    for unit, limit in LIMITS.items()
    if unit.startswith("centralino-") and not unit.endswith("@")
}
"""Unit -> the most that systemd's own measure may give it: 0 is locked in, 10 is open."""


def files(root):
    for place in PLACES:
        for path in (root / place).rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield path


@pytest.mark.row("S2")
def test_an_image_holds_no_private_key(built):
    found = [str(p) for p in files(built.root) if PRIVATE.search(p.read_bytes()[:1_000_000])]
    assert not found


@pytest.mark.row("S2")
def test_nobody_can_log_in_with_a_password_of_ours(built):
    for line in (built.root / "etc/shadow").read_text().splitlines():
        name, secret = line.split(":")[:2]
        assert secret.startswith(("!", "*")), name
    keys = list(built.root.glob("root/.ssh/authorized_keys"))
    assert not keys


def test_an_image_holds_nothing_of_one_machine(built):
    """Looked up in the file that is handed out: checks in the root folder leave traces there."""
    packed = built.settings.build / "root.squashfs"
    listed = toolbox.run(built.settings, ["unsquashfs", "-l", "-d", "/", packed]).splitlines()
    for pattern in debian_pool.read_list(RECIPE / "remove.txt"):
        assert not fnmatch.filter(listed, f"/{pattern}"), pattern
    assert not fnmatch.filter(listed, "/var/lib/centralino*/*")
    assert (built.root / "etc/machine-id").read_text() == ""


def test_no_program_of_ours_can_be_changed_by_its_own_account(built):
    for path in (built.root / "usr/lib/centralino").rglob("*"):
        facts = path.lstat()
        assert facts.st_uid == 0, path
        if not path.is_symlink():
            assert not facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH), path


def test_no_file_is_younger_than_the_build(built):
    late = [p for p in files(built.root) if p.stat().st_mtime > built.settings.epoch]
    assert not late


def test_every_process_of_the_table_has_an_enabled_unit(built):
    enabled = {path.name for path in built.root.glob("etc/systemd/system/*.wants/*")}
    for process in processes.table(appliance_site()):
        assert unit_of(process) in enabled


def test_units_can_be_read_by_the_system_manager(built):
    units = sorted(
        path.name for path in built.root.glob("usr/lib/systemd/system/centralino-*.*")
        if "@" not in path.name and path.is_file()
    )  # fmt: skip
    command = [
        "chroot",
        built.root,
        "systemd-analyze",
        "verify",
        "--man=no",
        *units,
        "asterisk.service",
    ]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if "centralino" in line or "asterisk" in line]
    assert not ours


@pytest.mark.parametrize("unit", EXPOSURE)
def test_a_unit_is_locked_in_as_far_as_its_work_allows(built, figures, unit):
    command = ["chroot", str(built.root), "systemd-analyze", "security", "--offline=yes"]
    done = subprocess.run(
        [*command, "--no-pager", f"{unit}.service"], capture_output=True, text=True
    )
    # The table ends with: → Overall exposure level for X: 1.4 OK
    exposure = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)[1])
    figures.add("exposure", unit, exposure, "of 10", EXPOSURE[unit])
    assert exposure <= EXPOSURE[unit], done.stdout


def test_the_firewall_of_the_first_start_is_accepted_by_the_kernel(built):
    check = [
        "unshare",
        "--net",
        "chroot",
        str(built.root),
        "nft",
        "--check",
        "-f",
        "/etc/nftables.conf",
    ]
    assert subprocess.run(check, capture_output=True, text=True).stderr == ""


@pytest.mark.row("I3")
def test_the_kernel_of_the_image_is_signed_and_knows_vmwares_devices(built):
    (initrd,) = built.root.glob("boot/initrd.img-*")
    command = ["chroot", str(built.root), "lsinitramfs", f"/boot/{initrd.name}"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert all(name in listed for name in ("vmw_pvscsi", "squashfs", "overlay", "e2fsck"))
    modules = list(built.root.glob("usr/lib/modules/*/kernel/drivers/net/vmxnet3/*"))
    assert modules
    kernel = (built.settings.build / "vmlinuz").read_bytes()
    assert b"Debian Secure Boot CA" in kernel
