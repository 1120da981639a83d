"""Command line of the image builder.

`python -m tools.image image ova iso update` builds what is named, and what it needs, once.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tools import debian_pool
from tools.image import (
    edition,
    iso,
    outputs,
    pack,
    rootfs,
    sbom,
    settings,
    toolbox,
    updates,
    wheels,
)
from tools.image.settings import RECIPE, Settings
from tools.image.toolbox import BuildError

TARGETS = ("packages", "wheels", "root", "image", "ova", "iso", "update", "router")
PACKED = {"root", "image", "ova", "iso", "update"}


class Build:
    """One run of the builder; tells how long each step took and what it made."""

    def __init__(self, chosen: Settings) -> None:
        self.settings = chosen
        self.log: list[str] = []

    def step(self, name: str, work: Callable[[], Path]) -> Path:
        begin = time.monotonic()
        made = work()
        size = f", {made.stat().st_size / 1e6:.0f} MB" if made.is_file() else ""
        self._say(f"{name:12} {time.monotonic() - begin:6.1f} s{size}")
        return made

    def _say(self, line: str) -> None:
        self.log.append(line)
        print(line, flush=True)

    def run(self, targets: list[str], keep_root: bool) -> None:
        """Build the targets."""
        begin, chosen = time.monotonic(), self.settings
        chosen.dist.mkdir(parents=True, exist_ok=True)
        chosen.build.mkdir(parents=True, exist_ok=True)
        if "packages" in targets:
            lists = [RECIPE / "packages.txt", RECIPE / "tools.txt", edition.ROUTER.packages]
            for file in lists:
                listed = debian_pool.read_list(file)
                self.step(file.stem, lambda listed=listed: debian_pool.refresh(listed))
        if "wheels" in targets:
            self.step("wheels", lambda: wheels.collect(chosen))
        if set(targets) & PACKED:
            self._images(targets, keep_root)
        if "router" in targets:
            self._router(keep_root)
        self._say(f"{'all':12} {time.monotonic() - begin:6.1f} s")

    def _images(self, targets: list[str], keep_root: bool) -> None:
        chosen = self.settings
        self.step("tools", toolbox.folder)
        if not keep_root:
            self.step("root", lambda: rootfs.build(chosen))
            self.step("contents", lambda: sbom.write(chosen))
        self.step("squashfs", lambda: pack.squash(chosen))
        self.step("boot files", lambda: pack.boot_files(chosen))
        if set(targets) & {"image", "ova"}:
            disk = self.step("disk", lambda: pack.raw(chosen))
            if "image" in targets:
                self.step("qcow2", lambda: outputs.qcow2(chosen, disk))
                self.step("raw.zst", lambda: outputs.compressed_raw(chosen, disk))
            if "ova" in targets:
                made = self.step("vmdk", lambda: outputs.vmdk(chosen, disk))
                self.step("ova", lambda: outputs.ova(chosen, made))
        if "iso" in targets:
            self.step("iso", lambda: iso.build(chosen))
        if "update" in targets:
            self.step("update", lambda: updates.build(chosen))
        self.step("checksums", lambda: outputs.checksums(chosen))

    def _router(self, keep_root: bool) -> None:
        """The branch router: disk images and the update, from a root of its own."""
        self.settings, whole = self.settings.of(edition.ROUTER), self.settings
        self.settings.build.mkdir(parents=True, exist_ok=True)
        self._images(["image", "update"], keep_root)
        self.settings = whole


def main() -> None:
    """Entry point of `python -m tools.image`."""
    parser = argparse.ArgumentParser(prog="tools.image", description=settings.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("targets", nargs="+", choices=TARGETS)
    parser.add_argument("--keep-root", action="store_true", help="pack the last root again")
    options = parser.parse_args()
    try:
        Build(settings.from_environment()).run(options.targets, options.keep_root)
    except BuildError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
