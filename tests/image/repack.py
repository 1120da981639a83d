"""A second version of the built system, cheaply: the same root packed again with other files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from appliance.updates import bundle, release
from appliance.updates.release import Release
from tests.image.builds import Built
from tools.image import signing, toolbox, updates

RELEASE = str(release.FILE).lstrip("/")
_DRIVERS = "usr/lib/modules/*/kernel/drivers"
LEFT_OUT = tuple(
    f"{_DRIVERS}/{kind}" for kind in ("gpu", "iio", "infiniband", "media", "net/ethernet")
)
"""Hardware that no emulated machine here has: its processor sums what is written twice."""


def update(built: Built, version: str, name: str, **settings_changed: object) -> Path:
    """A signed bundle of the built system that says it is `version`."""
    import dataclasses

    settings = dataclasses.replace(built.settings, **settings_changed)
    described = Release(
        version, "2026-06-01T00:00:00+00:00", updates.of_this_build(settings).schemas
    )
    packed = squashed(built, name, {RELEASE: release.as_bytes(described)})
    files = [packed, settings.build / "vmlinuz", settings.build / "initrd"]
    return updates.write(settings, settings.build / f"{name}.update", described, files)


def forged(built: Built, sound: Path, key: Path) -> Path:
    """The beginning of a bundle with another key's signature: the rest is never looked at."""
    with sound.open("rb") as stream:
        head = stream.read(bundle.HEAD_AND_MANIFEST)
    length = int.from_bytes(head[16:20], "big")
    manifest = head[84 : 84 + length]
    settings = dataclasses.replace(built.settings, signing_key=key)
    made = sound.with_name("stranger.update")
    with made.open("wb") as target:
        sign = signing.signature(settings, bundle.to_be_signed(manifest))
        bundle.write(target, manifest, sign, [])
    return made


def squashed(built: Built, name: str, changed: Mapping[str, bytes]) -> Path:
    """The root with some files replaced, packed quickly rather than small."""
    build = built.settings.build
    made, pseudo = build / f"{name}.squashfs", build / f"{name}.pseudo"
    lines = []
    for number, (path, content) in enumerate(changed.items()):
        file = build / f"{name}.{number}"
        file.write_bytes(content)
        lines.append(f"{path} f 644 0 0 cat {file}\n")
    pseudo.write_text("".join(lines))
    command = ["mksquashfs", built.root, made, "-noappend", "-no-progress", "-quiet"]
    command += ["-comp", "zstd", "-Xcompression-level", "1", "-xattrs", "-wildcards"]
    toolbox.run(built.settings, [*command, "-pf", pseudo, "-e", "boot/*", *LEFT_OUT, *changed])
    return made


def volume(built: Built, name: str, files: Mapping[str, Path]) -> Path:
    """A CD with these files at its top, as somebody would plug in a stick."""
    tree, made = built.settings.build / name, built.settings.build / f"{name}.iso"
    tree.mkdir(exist_ok=True)
    for called, file in files.items():
        (tree / called).unlink(missing_ok=True)
        (tree / called).hardlink_to(file)
    command = ["xorriso", "-as", "mkisofs", "-quiet", "-V", "STICK", "-J", "-joliet-long", "-r"]
    toolbox.run(built.settings, [*command, "-o", made, tree])
    return made
