"""What a build takes from outside, all of it from the environment.

CENTRALINO_CACHE         packages and finished roots (tools.debian_root)
CENTRALINO_MIRROR        Debian mirror
CENTRALINO_APT_OPTIONS   apt options, e.g. for a mirror past its date
CENTRALINO_BUILD         scratch folder, build/image in the checkout
CENTRALINO_DIST          where the outputs go, dist in the checkout
CENTRALINO_COMPRESSION   zstd level of the root file system, 1 to 22
CENTRALINO_SIGNING_KEY   PEM file of an Ed25519 key, for updates and checksums; without it a
                         developer's key signs updates, and checksums are not signed
CENTRALINO_TRUSTED_KEYS  more public keys (PEM files, separated by colons) whose updates the
                         image believes: the next key, while keys are changed
SOURCE_DATE_EPOCH        the build's date; the time of the last commit by default
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from appliance import product
from tools.image.edition import APPLIANCE, APPLIANCE_RECIPE, CHECKOUT, Edition

RECIPE = APPLIANCE_RECIPE


@dataclass(frozen=True, slots=True)
class Settings:
    """`epoch` is in seconds; no file in an image is younger than it."""

    build: Path
    dist: Path
    compression: int
    epoch: int
    signing_key: Path | None
    trusted_keys: tuple[Path, ...] = ()
    edition: Edition = APPLIANCE

    @property
    def name(self) -> str:
        """How the names of all outputs begin."""
        return f"{self.edition.slug}-{product.VERSION}"

    def of(self, edition: Edition) -> Settings:
        """The same build of another edition, in a scratch folder of its own."""
        return replace(self, edition=edition, build=self.build / edition.name)

    @property
    def root(self) -> Path:
        """The finished root file system."""
        return self.build / "root"

    def environment(self) -> dict[str, str]:
        """What every program of the build is given, so that its output depends on nothing else."""
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "HOME": "/root",
            "SOURCE_DATE_EPOCH": str(self.epoch),
        }


def from_environment() -> Settings:
    """The settings of this build."""
    key = os.environ.get("CENTRALINO_SIGNING_KEY")
    trusted = os.environ.get("CENTRALINO_TRUSTED_KEYS", "")
    return Settings(
        build=Path(os.environ.get("CENTRALINO_BUILD", CHECKOUT / "build/image")).resolve(),
        dist=Path(os.environ.get("CENTRALINO_DIST", CHECKOUT / "dist")).resolve(),
        compression=int(os.environ.get("CENTRALINO_COMPRESSION", "9")),
        epoch=int(os.environ.get("SOURCE_DATE_EPOCH") or _last_commit()),
        signing_key=Path(key) if key else None,
        trusted_keys=tuple(Path(each) for each in trusted.split(":") if each),
    )


def _last_commit() -> int:
    shown = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=CHECKOUT, capture_output=True, text=True
    )
    return int(shown.stdout or "0")
