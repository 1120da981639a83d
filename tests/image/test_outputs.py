"""What is handed out: sizes, the OVA, the medium, contents and checksums, and how it was built."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.image import ova
from tools.image import outputs, pack, roles, rootfs, toolbox

MB = 1e6
CALLED_OTHERWISE = {"flask-security-too"}
"""Debian's package has the name of the project's origin, Flask-Security."""

LIMITS = {"iso": 600, "ova": 550, "qcow2": 550}


@pytest.mark.row("I3")
@pytest.mark.parametrize("kind", LIMITS)
def test_an_output_is_small_enough_to_download(built, figures, kind):
    size = built.output(kind).stat().st_size / MB
    assert size <= figures.add("size", kind, size, "MB", LIMITS[kind]).limit


@pytest.mark.row("I3")
def test_an_independent_reader_takes_the_ova_as_a_machine_of_vmware(built):
    read = ova.read(built.output("ova"))
    assert read.hardware[6] == ["VirtualSCSI"]
    assert read.hardware[10] == ["VmxNet3"]
    assert read.memory_mib == 4096
    assert set(read.transport) == {"iso", "com.vmware.guestInfo"}
    asked = {"host_name", "address", "gateway", "dns", "telephones", "setup_code", "seed"}
    assert set(read.properties) == asked
    for name, facts in read.properties.items():
        assert facts[f"{ova.OVF}userConfigurable"] == "true", name
        assert facts.get(f"{ova.OVF}value") == "", f"{name} has a default"
    assert read.properties["setup_code"][f"{ova.OVF}password"] == "true"


def test_the_medium_starts_on_bios_and_uefi_from_cd_and_stick(built):
    report = toolbox.run(
        built.settings,
        ["xorriso", "-indev", built.output("iso"), "-report_el_torito", "plain",
         "-report_system_area", "plain"],
    )  # fmt: skip
    assert "BIOS" in report
    assert "UEFI" in report
    assert "grub2-mbr" in report
    with built.output("iso").open("rb") as medium:
        first = medium.read(512)
    assert first[510:] == b"\x55\xaa", "no boot sector for a stick"


def test_every_output_is_in_the_list_of_checksums(built):
    listed = (built.settings.dist / "SHA256SUMS").read_text().splitlines()
    sums = dict(reversed(line.split("  ")) for line in listed)
    names = {each.name for each in built.settings.dist.iterdir()} - {"SHA256SUMS"}
    assert set(sums) == names
    smallest = min(names, key=lambda name: (built.settings.dist / name).stat().st_size)
    content = (built.settings.dist / smallest).read_bytes()
    assert hashlib.sha256(content).hexdigest() == sums[smallest]


def test_the_list_of_checksums_is_signed_by_the_key_of_the_setting(built, tmp_path):
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    make = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(key)]
    subprocess.run(make, check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
    dist = tmp_path / "dist"
    dist.mkdir()
    (dist / "file").write_text("content")
    listed = outputs.checksums(dataclasses.replace(built.settings, dist=dist, signing_key=key))
    check = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", str(public)]
    check += ["-in", str(listed), "-sigfile", f"{listed}.sig"]
    assert subprocess.run(check, capture_output=True).returncode == 0
    listed.write_text("forged")
    assert subprocess.run(check, capture_output=True).returncode != 0


def test_the_list_of_contents_names_every_package_and_wheel(built):
    found = json.loads(built.output("cdx.json").read_text())
    assert found["bomFormat"] == "CycloneDX"
    names = {each["name"] for each in found["components"]}
    installed = subprocess.run(
        ["dpkg-query", f"--admindir={built.root}/var/lib/dpkg", "-W", "-f", "${Package}\n"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert set(installed) <= names
    assert {"centralino", "panoramisk", "webauthn", "linux-image-amd64", "asterisk"} <= names


def test_python_finds_everything_that_our_code_asks_for(built):
    pip = ["chroot", str(built.root), "/usr/lib/centralino/bin/pip", "check"]
    done = subprocess.run(pip, capture_output=True, text=True)
    lacking = {
        line.removeprefix("centralino 0.1.0 requires ").partition(",")[0]
        for line in done.stdout.splitlines()
        if line.startswith("centralino ")
    }
    assert lacking <= CALLED_OTHERWISE, done.stdout


def test_the_packages_of_ours_are_ours(built):
    script = (
        "import importlib.util as u\n"
        "for n in ('appliance','portal','provisioning','ari_apps'): print(u.find_spec(n).origin)"
    )
    python = ["chroot", str(built.root), "/usr/lib/centralino/bin/python", "-c", script]
    said = subprocess.run(python, check=True, capture_output=True, text=True, cwd="/")
    assert all(line.startswith("/usr/lib/centralino/") for line in said.stdout.splitlines())


def test_a_second_build_gives_the_same_root_file_system(built, figures, tmp_path_factory):
    """Bit for bit; when it does not, the failure lists the files that differ."""
    folder = tmp_path_factory.mktemp("second")
    again = dataclasses.replace(built.settings, build=folder / "build", dist=folder / "dist")
    begin = time.monotonic()
    rootfs.build(again)
    figures.add("build", "the root file system once more", time.monotonic() - begin, "s")
    first, second = built.settings.build / "root.squashfs", pack.squash(again)
    if outputs.sha256(first) != outputs.sha256(second):
        pytest.fail("\n".join(differing(again, first, second)))


def differing(settings, *packed):
    """The files in which two packed roots differ."""
    trees = []
    for number, file in enumerate(packed):
        tree = settings.build / f"tree{number}"
        command = ["unsquashfs", "-q", "-n", "-d", tree, file]
        toolbox.run(settings, command, shared=[file.parent])
        trees.append(str(tree))
    said = subprocess.run(
        ["diff", "-rq", "--no-dereference", *trees], capture_output=True, text=True
    )
    return said.stdout.splitlines() or ["owners, modes or times alone"]


@pytest.mark.row("K1")
def test_running_the_roles_again_changes_nothing(built, figures):
    begin = time.monotonic()
    changed = roles.apply(built.settings, built.root, built.settings.build / "wheels")
    figures.add("build", "the roles once more", time.monotonic() - begin, "s")
    log = (built.settings.build / "roles.log").read_text()
    tasks = [task for task in log.split("TASK [")[1:] if "\nchanged: " in task]
    assert changed == 0, "\n".join(task.splitlines()[0] for task in tasks)


def test_the_roles_are_clean_by_the_strictest_profile_of_ansible_lint(built):
    program = Path(sys.executable).with_name("ansible-lint")
    command = [str(program), "--offline", "--profile", "production", "-q", "site.yml", "image.yml"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
