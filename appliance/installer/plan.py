"""What is to be done, said beforehand: an installation without anybody at the screen.

install_disk   `auto`: the only disk that is large enough and empty; else a name, sda
install_erase  `yes`: the named disk may hold data, which is lost
install_keep   `yes`: an older installation's data stay

They come with the other answers, from the kernel's line or a seed disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from appliance.installer.disks import Disk


class PlanRefused(RuntimeError):
    """What was said beforehand cannot be done on this machine; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One disk, and whether its owner's data stay."""

    disk: Disk
    keep_data: bool


def unattended(given: Mapping[str, Any], disks: Sequence[Disk]) -> Plan | None:
    """The plan that the answers make; None when they leave it to a person."""
    wanted = str(given.get("install_disk", ""))
    if not wanted:
        return None
    keep = given.get("install_keep") == "yes"
    disk = _only_empty(disks) if wanted == "auto" else _named(wanted, disks)
    if not disk.large_enough:
        raise PlanRefused(f"{disk.name} is too small")
    if keep and not disk.data:
        raise PlanRefused(f"{disk.name} holds no older installation")
    if not disk.empty and not keep and given.get("install_erase") != "yes":
        raise PlanRefused(f"{disk.name} holds data: {', '.join(disk.contents)}")
    return Plan(disk, keep)


def _only_empty(disks: Sequence[Disk]) -> Disk:
    fitting = [disk for disk in disks if disk.large_enough and disk.empty]
    if len(fitting) != 1:
        raise PlanRefused(f"{len(fitting)} disks are empty and large enough, one is needed")
    return fitting[0]


def _named(name: str, disks: Sequence[Disk]) -> Disk:
    for disk in disks:
        if disk.name == name.removeprefix("/dev/"):
            return disk
    raise PlanRefused(f"there is no disk {name}")
