"""The disks that the machine has, and what is on them already."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.disk import layout

_COLUMNS = "PATH,SIZE,MODEL,RO,TYPE,RM,MOUNTPOINTS,FSTYPE,PARTLABEL,PARTTYPE,PTTYPE,TRAN"


@dataclass(frozen=True, slots=True)
class Disk:
    """One disk. `contents` are the file systems and tables on it, for people;
    `data` is the owner's partition of an older installation, "" when there is none."""

    path: Path
    size: int
    model: str
    contents: tuple[str, ...] = ()
    data: str = ""

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def large_enough(self) -> bool:
        return self.size >= layout.SMALLEST_DISK

    @property
    def empty(self) -> bool:
        return not self.contents


def found() -> tuple[Disk, ...]:
    """Every disk that could be installed on, in the kernel's order."""
    command = ["lsblk", "--json", "--bytes", "--output", _COLUMNS]
    listed = subprocess.run(command, check=True, capture_output=True, text=True)
    return tuple(disks_of(json.loads(listed.stdout)))


def disks_of(listed: Mapping[str, Any]) -> Iterator[Disk]:
    """The usable disks in lsblk's answer.

    Left out: CDs, floppies and memory disks, what cannot be written, and the medium that
    the installer itself runs from, which is the disk with something mounted on it.
    """
    for device in listed["blockdevices"]:
        whole = [device, *device.get("children", ())]
        if device["type"] != "disk" or device["ro"] or not device["size"]:
            continue
        if Path(device["path"]).name.startswith(("fd", "ram", "zram", "nbd")):
            continue
        if any(_mounted(part) for part in whole):
            continue
        yield Disk(
            path=Path(device["path"]),
            size=int(device["size"]),
            model=" ".join(str(device["model"] or "").split()) or "-",
            contents=tuple(_contents(whole)),
            data=_data_partition(device.get("children", ())),
        )


def _mounted(part: Mapping[str, Any]) -> bool:
    return any(part.get("mountpoints") or ())


def _contents(whole: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for part in whole:
        name = Path(part["path"]).name
        if part.get("fstype"):
            yield f"{name}: {part['fstype']}"
        elif part.get("pttype") and not part.get("partlabel"):
            yield f"{name}: {part['pttype']}"


def _data_partition(parts: Iterable[Mapping[str, Any]]) -> str:
    """Ours by its type, not only by its name: anybody's partition may be called data."""
    for part in parts:
        kind = str(part.get("parttype") or "").upper()
        if kind == layout.DATA_TYPE and part.get("partlabel") == "data":
            return str(part["path"])
    return ""


def sized(size: int) -> str:
    """A size for people, as makers of disks count: 480 GB."""
    return f"{size / 1e9:.0f} GB" if size < 1e12 else f"{size / 1e12:.1f} TB"
