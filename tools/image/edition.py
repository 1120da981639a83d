"""The two systems that are built: the appliance, and the router of a branch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from appliance import product
from appliance.disk import layout
from appliance.updates.release import Edition as Name

CHECKOUT = Path(__file__).resolve().parent.parent.parent
APPLIANCE_RECIPE = CHECKOUT / "appliance/iso"
ROUTER_RECIPE = CHECKOUT / "failover-router/image"


@dataclass(frozen=True, slots=True)
class Edition:
    """What differs. `title` is what the boot menu says, `slug` how outputs are called;
    `removals` are lists of what is taken out of the finished root; `disk_size` in bytes is
    that of the disk image, thin."""

    name: Name
    title: str
    slug: str
    playbook: str
    packages: Path
    removals: tuple[Path, ...]
    disk_size: int


APPLIANCE = Edition(
    "appliance",
    product.NAME,
    product.SLUG,
    "image.yml",
    APPLIANCE_RECIPE / "packages.txt",
    (APPLIANCE_RECIPE / "remove.txt",),
    40 * layout.GIB,
)
"""Its disk is what the smallest supported machine has; larger ones are filled at the next start."""

ROUTER = Edition(
    "router",
    f"{product.NAME} branch router",
    f"{product.SLUG}-router",
    "router.yml",
    ROUTER_RECIPE / "packages.txt",
    (APPLIANCE_RECIPE / "remove.txt", ROUTER_RECIPE / "remove.txt"),
    8 * layout.GIB,
)
