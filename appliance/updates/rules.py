"""Which system may follow which, and whether there is room for it. Pure: figures in, faults out."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.disk.layout import MIB
from appliance.updates.bundle import Manifest
from appliance.updates.refused import UpdateRefused
from appliance.updates.release import Release, ordered


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes: of the slot, free on the start partition and for data, and of the data to copy."""

    slot: int
    start: int
    data: int
    to_copy: int


LEFT_FREE = 64 * MIB
"""Bytes of the owner's partition that stay free beside the copy of the data."""


def check_order(manifest: Manifest, running: Release) -> None:
    """UpdateRefused when this update must not follow the running system."""
    new = manifest.release
    if new.edition != running.edition:
        raise UpdateRefused("This update is for another kind of machine.")
    if ordered(new.version) < ordered(running.version):
        raise UpdateRefused(
            "Version %(new)s is older than %(running)s, which runs. To go back, start the other "
            "system.",
            new=new.version,
            running=running.version,
        )
    if ordered(running.version) < ordered(manifest.from_at_least):
        raise UpdateRefused(
            "Version %(new)s can be installed from version %(needed)s on; %(running)s runs here. "
            "Install version %(needed)s first.",
            new=new.version,
            needed=manifest.from_at_least,
            running=running.version,
        )
    if not reads_data_of(new, running):
        raise UpdateRefused(
            "Version %(version)s cannot read the data that this system has written.",
            version=new.version,
        )


def reads_data_of(system: Release, other: Release) -> bool:
    """Whether a system reads what another one has written: forms of data only ever grow."""
    own, written = system.schemas, other.schemas
    return own.state >= written.state and own.portal >= written.portal


def check_room(manifest: Manifest, room: Room) -> None:
    """UpdateRefused when a part, or the copy of the data, does not fit."""
    if manifest.part("system").size > room.slot:
        raise UpdateRefused("The update is larger than the place for a system on this disk.")
    start = manifest.part("kernel").size + manifest.part("initrd").size
    if start + MIB > room.start:
        raise UpdateRefused("The start partition has no room for another kernel.")
    if room.to_copy + LEFT_FREE > room.data:
        raise UpdateRefused(
            "There is no room for a copy of the data: %(needed)d MB are needed, %(free)d MB are "
            "free.",
            needed=(room.to_copy + LEFT_FREE) // 10**6,
            free=room.data // 10**6,
        )
