"""GRUB's first two pieces for a BIOS, put on a disk without grub-install.

boot.img is the first sector; it loads the first sector of core.img, whose own list says
where the rest of it lies. Offsets: GRUB 2's grub-core/boot/i386/pc/boot.S and
diskboot.S, and include/grub/i386/pc/boot.h. The formats have been the same since 2.00.
"""

from __future__ import annotations

import struct

from appliance.disk.layout import SECTOR

_CODE_LENGTH = 440
"""Bytes of the first sector before the disk signature and the protective partition."""
_KERNEL_SECTOR_AT = 0x5C
_DRIVE_CHECK_AT = 0x66
_NO_DRIVE_CHECK = b"\x90\x90"
_BLOCKLIST_AT = 500
_LOAD_SEGMENT = 0x820


def first_sector(old: bytes, boot_image: bytes, core_sector: int) -> bytes:
    """The new first sector: GRUB's code in front of what `old` says of partitions.

    `core_sector` is the sector at which core.img begins.
    """
    if len(old) != SECTOR or len(boot_image) != SECTOR:
        raise ValueError("a sector has 512 bytes")
    code = bytearray(boot_image[:_CODE_LENGTH])
    struct.pack_into("<Q", code, _KERNEL_SECTOR_AT, core_sector)
    code[_DRIVE_CHECK_AT : _DRIVE_CHECK_AT + 2] = _NO_DRIVE_CHECK
    return bytes(code) + old[_CODE_LENGTH:]


def core_at(core_image: bytes, core_sector: int, room: int) -> bytes:
    """core.img with its block list for lying in one piece from `core_sector` on.

    `room` is the size of the partition in bytes; ValueError when it does not fit.
    """
    sectors = -(-len(core_image) // SECTOR)
    if sectors * SECTOR > room:
        raise ValueError(f"core.img has {len(core_image)} bytes, there is room for {room}")
    core = bytearray(core_image.ljust(sectors * SECTOR, b"\0"))
    struct.pack_into("<QHH", core, _BLOCKLIST_AT, core_sector + 1, sectors - 1, _LOAD_SEGMENT)
    return bytes(core)
