"""The start partition's texts: labels, and GRUB's configuration for one disk."""

from __future__ import annotations

from appliance import product
from appliance.disk.layout import SLOTS, Layout

ESP_LABEL = product.SLUG.upper()[:11]
"""FAT has room for eleven signs."""

DATA_LABEL = f"{product.SLUG}-data"

FAT = ("-F", "32", "-s", "8")
"""mkfs.vfat's arguments: clusters of 4 KiB, for firmware that knows nothing else."""

DATA = ("-t", "ext4", "-L", DATA_LABEL, "-m", "1", "-i", "65536")
"""mke2fs's arguments: recordings are large, so there are few inodes."""


def grub_configuration(
    template: str, table: Layout, kernel_line: str, name: str = product.NAME
) -> str:
    """grub.cfg for one disk: its slots are named by the GUIDs of its own partitions.

    Not by names, which a second disk with an older installation has as well.
    """
    words = {"NAME": name, "KERNEL": kernel_line}
    words |= {f"ROOT_{slot}": table[f"root{slot}"].identity.lower() for slot in SLOTS}
    for word, value in words.items():
        template = template.replace(f"@{word}@", value)
    return template
