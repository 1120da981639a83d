"""The update: the same system as a signed file, for machines that run an older one."""

from __future__ import annotations

import datetime
from pathlib import Path

from appliance import product
from appliance.state.migrations import SCHEMA_VERSION
from appliance.updates import bundle, release
from appliance.updates.release import Release, Schemas
from tools.image import signing
from tools.image.settings import CHECKOUT, Settings

FROM_AT_LEAST = "0.1.0"
"""The oldest version that can read this one's updates and whose data this one can migrate."""


def of_this_build(settings: Settings) -> Release:
    """What the system that is being built says of itself."""
    built = datetime.datetime.fromtimestamp(settings.epoch, datetime.UTC)
    schemas = Schemas(SCHEMA_VERSION, _portal_schema())
    return Release(
        product.VERSION, built.isoformat(timespec="seconds"), schemas, settings.edition.name
    )


def _portal_schema() -> int:
    """The number of the newest migration of the portal's database."""
    versions = (CHECKOUT / "portal/core/migrations/versions").glob("[0-9]*.py")
    return max(int(file.name.partition("_")[0]) for file in versions)


def describe(settings: Settings) -> None:
    """Let the root say which release it is, and whose updates it believes."""
    file = settings.root / str(release.FILE).lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(release.as_bytes(of_this_build(settings)))
    file.chmod(0o644)
    signing.trust(settings)


def build(settings: Settings) -> Path:
    """The bundle of what `pack.squash` has made."""
    files = [settings.build / name for name in ("root.squashfs", "vmlinuz", "initrd")]
    made = settings.dist / f"{settings.name}{bundle.SUFFIX}"
    return write(settings, made, of_this_build(settings), files)


def write(settings: Settings, made: Path, described: Release, files: list[Path]) -> Path:
    """A signed bundle of these files."""
    manifest = bundle.manifest_text(described, FROM_AT_LEAST, files)
    sign = signing.signature(settings, bundle.to_be_signed(manifest))
    with made.open("wb") as target:
        bundle.write(target, manifest, sign, files)
    return made
