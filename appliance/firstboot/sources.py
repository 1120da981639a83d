"""Where answers come from, in the order in which they are believed.

1. the kernel's line         appliance.host_name=pbx.example.com …
2. the virtual machine's host OVF environment: guestinfo, or a CD with ovf-env.xml
3. a seed disk               label CIDATA: meta-data, and user-data with JSON
4. the installer             a file that it wrote to the data partition

Formats: DMTF DSP0243 (OVF 1.1) section 9.5 for the environment; the NoCloud layout of
cloud-init for the seed disk.
"""

from __future__ import annotations

import json
import logging
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

log = logging.getLogger("first-boot")

Given = Mapping[str, Any]
LARGEST = 256 * 1024
"""Bytes of a source; more is not read."""

VENDOR = Path("/sys/class/dmi/id/sys_vendor")
INSTALLER_FILE = Path("/data/installer/answers.json")
SEED_LABELS = ("CIDATA", "cidata")
ENVIRONMENT_FILE = "ovf-env.xml"
_KERNEL_PREFIX = "appliance."
_OVF = "{http://schemas.dmtf.org/ovf/environment/1}"


def everything() -> Iterator[tuple[str, Given]]:
    """Each source that has something to say, as (name for people, its answers)."""
    sources: dict[str, Callable[[], Given]] = {
        "kernel line": lambda: from_kernel_line(Path("/proc/cmdline").read_text()),
        "virtual machine": from_virtual_machine,
        "OVF disk": from_environment_disk,
        "seed disk": from_seed_disk,
        "installer": from_installer,
    }
    for name, read in sources.items():
        try:
            given = read()
        except (OSError, ValueError, ElementTree.ParseError, subprocess.SubprocessError) as error:
            log.warning("%s was not understood: %s", name, error)
            continue
        if given:
            yield name, given


def from_kernel_line(line: str) -> Given:
    """Words such as `appliance.address=192.0.2.5/24`; a comma separates several values."""
    words = (word.partition("=") for word in line.split() if word.startswith(_KERNEL_PREFIX))
    found = {name.removeprefix(_KERNEL_PREFIX): value for name, _, value in words}
    found.pop("slot", None)
    return found


def from_virtual_machine() -> Given:
    """The OVF environment that VMware's tools fetch; on other machines they would only wait."""
    if not VENDOR.is_file() or not VENDOR.read_text().startswith("VMware"):
        return {}
    command = ["vmtoolsd", "--cmd", "info-get guestinfo.ovfEnv"]
    try:
        said = subprocess.run(command, capture_output=True, timeout=10)
    except FileNotFoundError:
        return {}
    return from_environment(said.stdout) if said.returncode == 0 and said.stdout else {}


def from_environment(text: bytes) -> Given:
    """The properties of an OVF environment. ValueError when it is too large or no such text.

    A document type is refused, and with it every entity that could unfold.
    """
    if len(text) > LARGEST or b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise ValueError("too large, or with a document type")
    root = ElementTree.fromstring(text)  # noqa: S314 - no document type, no entities
    found = {
        each.get(f"{_OVF}key", ""): each.get(f"{_OVF}value", "")
        for each in root.iter(f"{_OVF}Property")
    }
    seed = found.pop("seed", "")
    return {**from_json(seed.encode()), **{k: v for k, v in found.items() if v}} if seed else found


def from_environment_disk() -> Given:
    """The same from a CD, which is VMware's other way and the one of other hosts."""
    for drive in sorted(Path("/sys/class/block").glob("sr*")):
        with mounted(Path("/dev") / drive.name) as folder:
            text = _read(folder / ENVIRONMENT_FILE) if folder else b""
        if text:
            return from_environment(text)
    return {}


def from_seed_disk() -> Given:
    """A NoCloud volume: the host name of meta-data, and JSON in user-data."""
    for label in SEED_LABELS:
        device = Path("/dev/disk/by-label") / label
        if device.exists():
            with mounted(device) as folder:
                if folder:
                    return from_seed(_read(folder / "meta-data"), _read(folder / "user-data"))
    return {}


def from_seed(meta_data: bytes, user_data: bytes) -> Given:
    """Answers of the two files; user-data that is not JSON is somebody else's."""
    found: dict[str, Any] = {}
    for line in meta_data.decode("utf-8", "replace").splitlines():
        key, separator, value = line.partition(":")
        if separator and key.strip() == "local-hostname":
            found["host_name"] = value.strip().strip("\"'")
    if user_data.lstrip().startswith(b"{"):
        found.update(from_json(user_data))
    return found


def from_installer() -> Given:
    """What was answered when the machine was installed from the medium."""
    return from_json(_read(INSTALLER_FILE))


def from_json(text: bytes) -> Given:
    """One JSON object; ValueError for anything else."""
    if not text.strip():
        return {}
    try:
        data = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    return data


@contextmanager
def mounted(device: Path) -> Iterator[Path | None]:
    """A volume, read-only and with nothing on it to be run; None when it has no medium."""
    with tempfile.TemporaryDirectory(prefix="seed-", dir="/run") as folder:
        command = ["mount", "-o", "ro,nosuid,nodev,noexec", str(device), folder]
        done = subprocess.run(command, capture_output=True, timeout=30)
        if done.returncode:
            yield None
            return
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=False)


def _read(file: Path) -> bytes:
    """The beginning of a plain file; nothing when it is missing or a link."""
    if file.is_symlink() or not file.is_file():
        return b""
    with file.open("rb") as opened:
        return opened.read(LARGEST)
