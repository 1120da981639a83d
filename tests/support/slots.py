"""A machine with two slots in a folder: files for partitions, a folder for the start partition.

Bundles are signed by real keys with openssl, as the builder does it.
"""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from appliance.disk import environment
from appliance.disk.layout import MIB
from appliance.state.machine import Layout
from appliance.updates import bundle, records, release, trial
from appliance.updates.release import Release, Schemas
from appliance.updates.slot_disk import SlotDisk
from appliance.updates.worker import Worker
from tools.image import signing

RUNNING = Release("1.0.0", "2026-01-01T00:00:00+00:00", Schemas(1, 1))
SLOT_SIZE = 4 * MIB


@dataclass(frozen=True, slots=True)
class FolderDisk(SlotDisk):
    """A disk whose start partition is a folder."""

    @contextlib.contextmanager
    def start(self, *, writable=False):
        before = _content(self.mount_point)
        yield self.mount_point
        assert writable or _content(self.mount_point) == before


def _content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@dataclass
class SlotMachine:
    """The machine. `restarts` are the slots that its boot loader would start."""

    folder: Path
    slot: str = "A"
    running: Release = RUNNING
    calls: int = 0
    restarts: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def __post_init__(self):
        for name in ("disk", "esp/A", "esp/B", "esp/grub", "keys", "root/var/lib/centralino"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for slot in "AB":
            self.device(slot).write_bytes(b"\0" * SLOT_SIZE)
        (self.folder / "esp/grub/grubenv").write_bytes(environment.encode({"slot": "A"}))
        signing.make_key(self.private)
        (self.folder / "keys/own.pem").write_bytes(signing.public_key(self.private))
        records.of(self.layout).prepare()

    @property
    def private(self):
        return self.folder / "private.pem"

    @property
    def layout(self):
        return Layout(self.folder / "root")

    @property
    def kept(self):
        return records.of(self.layout)

    def device(self, slot):
        return self.folder / f"disk/root{slot}"

    @property
    def disk(self):
        parts = {"rootA": self.device("A"), "rootB": self.device("B"), "esp": self.folder / "esp"}
        return FolderDisk(self.slot, parts, self.folder / "esp")

    @property
    def words(self):
        return environment.read(self.folder / "esp/grub/grubenv")

    @property
    def release_of_other(self):
        return release.read(self.folder / "esp" / self.disk.other / "release.json")

    def worker(self):
        keys = release.trusted_keys(self.folder / "keys")
        return Worker(self.layout, self.disk, keys, self.running, self._restart,
                      lambda: self.calls, self._pause)  # fmt: skip

    def _restart(self):
        self.restarts.append(self.words.get("try", self.words["slot"]))

    def _pause(self, seconds):
        self.waits.append(seconds)
        self.calls = max(0, self.calls - 1)

    def starts(self, slot, running):
        """Go on as the machine that has started another slot."""
        self.slot, self.running = slot, running

    def at_start(self):
        """What the early unit does; returns how often it asked for a restart."""
        asked = []
        trial.at_start(self.layout, self.slot, lambda: asked.append(1))
        return len(asked)

    def lay(self, name="new.update", **changes):
        """A bundle in the folder for updates."""
        place = self.layout.prefix / "data/updates"
        place.mkdir(parents=True, exist_ok=True)
        made = made_bundle(self.folder, changes.pop("key", self.private), **changes)
        (place / name).write_bytes(made)
        return place / name


def made_bundle(folder, key, version="1.1.0", *, schemas=RUNNING.schemas, from_at_least="1.0.0",
                system=b"system" * 100_000):  # fmt: skip
    """The bytes of a signed bundle."""
    files = []
    for name, content in (("system", system), ("kernel", b"kernel" * 999), ("initrd", b"first")):
        file = folder / f"{name}.part"
        file.write_bytes(content)
        files.append(file)
    described = Release(version, "2026-02-01T00:00:00+00:00", schemas)
    manifest = bundle.manifest_text(described, from_at_least, files)
    made = folder / "made.update"
    with made.open("wb") as target:
        bundle.write(target, manifest, signed(folder, key, bundle.to_be_signed(manifest)), files)
    return made.read_bytes()


def signed(folder, key, message):
    """An Ed25519 signature by openssl."""
    text, made = folder / "message", folder / "signature"
    text.write_bytes(message)
    command = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", text, "-out", made]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return made.read_bytes()
